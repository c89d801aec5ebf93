"""What a network still gets wrong on a slide once it knows the slide: a little offset, and a little scale.

Sections that are thicker, or blur otherwise, than all that a network has learnt from make it answer too little or too
much, above focus and below it by different shares. Pairs with known answers show both, whatever network answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_LEAST_PAIRS = 12
_PRIOR = 0.1  # how much evidence there is beforehand that nothing need be corrected, in pairs one DoF away
_SMALL_DOF = 0.1  # an error that is nobody's fault; larger ones count by their size, not by its square
_TURNS = 30
_SCALES = (0.5, 2.0)  # beyond these an answer is not to be mended


@dataclass(frozen=True)
class Correction:
    """A move as it should have been said: `offset_dof` added to `up` or `down` times what was said.

    :param up, down: for moves said to be upwards, and downwards; positive, so a larger answer stays the larger one.
    """

    offset_dof: float = 0.0
    up: float = 1.0
    down: float = 1.0

    def scale(self, said_dof: float) -> float:
        """What a spread around this answer is to be multiplied by."""
        return self.up if said_dof > 0 else self.down

    def apply(self, said_dof: float) -> float:
        """The corrected move, DoF."""
        return self.offset_dof + self.scale(said_dof) * said_dof

    def line(self) -> str:
        """For the report."""
        return f"times {self.up:.2f} up and {self.down:.2f} down, {self.offset_dof:+.2f} depths of field"


def fitted(said_dof: Sequence[float], known_dof: Sequence[float]) -> Correction:
    """The correction under which a network's answers come nearest to the known ones.

    Huber's estimate by iteratively reweighted least squares (Holland & Welsch, Communications in Statistics A6, 1977),
    with a ridge towards no correction.

    :param said_dof, known_dof: of each pair, DoF; with fewer than a dozen pairs nothing is corrected.
    """
    said, known = np.asarray(said_dof, np.float64), np.asarray(known_dof, np.float64)
    if len(said) < _LEAST_PAIRS:
        return Correction()
    terms = np.stack([np.ones_like(said), np.maximum(said, 0), np.minimum(said, 0)], 1)
    wrong = known - said
    weight = np.ones_like(said)
    change = np.zeros(3)
    for _ in range(_TURNS):
        weighted = terms * weight[:, None]
        # Sums of products written out: the same in every thread, whatever library multiplies matrices.
        square = (weighted[:, :, None] * terms[:, None, :]).sum(0) + _PRIOR * np.eye(3)
        change = np.linalg.solve(square, (weighted * wrong[:, None]).sum(0))
        left = np.abs(wrong - (terms * change).sum(1))
        weight = _SMALL_DOF / np.maximum(left, _SMALL_DOF)
    up, down = (float(np.clip(1 + part, *_SCALES)) for part in change[1:])
    return Correction(float(change[0]), up, down)
