"""What is peculiar to this scanner and this slide: found from pairs of frames whose answers are known.

Condenser, aberrations, cover glass and thickness change what defocus looks like. A few numbers, the code, tell the
network of them. A code is used only where it makes the network better at places that it was not made from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from firmware_host.inference.port import Calibrator

Images = NDArray[np.uint8]
Code = NDArray[np.float32]

_PLACES = 6
_LEAST_PLACES = 3


@dataclass(frozen=True)
class Place:
    """Pairs of frames of one field at known heights.

    :param patches: of each pair, first and second, (N, P, P, 3) uint8; :param moves_dof: the right answer to each pair.
    """

    patches: Sequence[tuple[Images, Images]]
    moves_dof: Sequence[float]


@dataclass(frozen=True)
class Calibration:
    """How a calibration went.

    :param code: None where it is not used; :param places: how many fields it was made from.
    :param error_dof: mean absolute error at places left out of the making; :param plain_dof: the same without a code.
    :param note: why it is not used, empty when it is.
    """

    code: Code | None
    places: int
    error_dof: float = float("nan")
    plain_dof: float = float("nan")
    note: str = ""

    def line(self) -> str:
        """For the report."""
        if self.note:
            return f"not used: {self.note}"
        return (
            f"from {self.places} places; at a place left out the pairs err by {self.error_dof:.2f} depths of field, "
            f"by {self.plain_dof:.2f} without"
        )


Judge = Callable[[tuple[Images, Images], Code | None], float | None]
"""A pair's patches and a code -> the move, DoF; None where they do not tell."""


def calibrate(
    sites: Iterable[tuple[float, float]],
    look: Callable[[float, float], Place | None],
    calibrator: Calibrator,
    judge: Judge,
) -> Calibration:
    """Make a code from a few fields, and see by leaving out each of them in turn whether it helps.

    :param sites: (x, y) of fields, um, the best first; twice as many as needed are tried.
    :param look: takes the pairs at (x, y); None where focus is not found there.
    """
    places: list[Place] = []
    for tried, (x_um, y_um) in enumerate(sites):
        if len(places) == _PLACES or tried == 2 * _PLACES:
            break
        place = look(x_um, y_um)
        if place is not None and any(len(first) for first, _ in place.patches):
            places.append(place)
    if len(places) < _LEAST_PLACES:
        return Calibration(None, len(places), note=f"made at {len(places)} places only, {_LEAST_PLACES} are needed")
    errors, plain = [], []
    for left_out in range(len(places)):
        code = _code(places[:left_out] + places[left_out + 1 :], calibrator)
        errors += _errors(places[left_out], judge, code)
        plain += _errors(places[left_out], judge, None)
    if not errors or not plain:
        return Calibration(None, len(places), note="no patch at its places has texture")
    error_dof, plain_dof = float(np.mean(errors)), float(np.mean(plain))
    if error_dof >= plain_dof:
        note = f"errs by {error_dof:.2f} depths of field at a place left out, by {plain_dof:.2f} without"
        return Calibration(None, len(places), error_dof, plain_dof, note)
    return Calibration(_code(places, calibrator), len(places), error_dof, plain_dof)


def _code(places: Sequence[Place], calibrator: Calibrator) -> Code:
    pairs = [pair for place in places for pair in zip(place.patches, place.moves_dof, strict=True)]
    return calibrator.calibrate(
        np.concatenate([first for (first, _), _ in pairs]),
        np.concatenate([second for (_, second), _ in pairs]),
        np.concatenate([np.full(len(first), move, np.float32) for (first, _), move in pairs]),
    )


def _errors(place: Place, judge: Judge, code: Code | None) -> list[float]:
    """Absolute errors of the pairs that are answered, DoF."""
    answers = [(judge(pair, code), move) for pair, move in zip(place.patches, place.moves_dof, strict=True)]
    return [abs(answer - move) for answer, move in answers if answer is not None]
