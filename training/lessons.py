"""What a step of training learns from: for a few slides, pairs that are asked and examples that calibrate.

A lesson is a pure function of (seed, its number), so that a run can be repeated and resumed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.augment import draw_jpeg, placed
from training.data import DELTAS, EXAMPLE_DOF, Batch, Pair, PairSet

_ASKED = 4  # pairs of one slide
_DELTA_CHANCES = (0.65, 0.175, 0.175)
_UNKNOWN_SHARE = 0.2  # slides that are asked without a calibration
_PLACE_ERROR_DOF, _MOVE_ERROR_DOF = 0.04, 0.03  # of a contrast sweep, and of a move between two planes


@dataclass(frozen=True)
class Lesson:
    """Augmented pairs, slide by slide.

    :param asked: pairs to answer; :param asked_of: (N,) the slide of each, from 0.
    :param shown: examples, with moves as a scanner measures them; :param shown_of: (M,) the slide of each. A slide has
        `examples` of them, or none.
    """

    asked: Batch
    asked_of: NDArray[np.int64]
    shown: Batch
    shown_of: NDArray[np.int64]

    @property
    def known(self) -> NDArray[np.int64]:
        """(G,) the slides that have examples."""
        return np.unique(self.shown_of)


class Lessons:
    """Draws lessons from a set of pairs.

    :param pairs: to be asked per lesson; :param examples: shown per slide; 0: no slide has any.
    """

    def __init__(self, source: PairSet, pairs: int, examples: int, seed: int) -> None:
        self._source = source
        self._pairs = pairs
        self._examples = examples
        self._seed = seed
        self._usable = [stack for stack in range(len(source.stacks)) if source.pairs(stack)]

    def lesson(self, number: int) -> Lesson:
        """The lesson of that number: the same for the same seed."""
        rng = np.random.default_rng([self._seed, number])
        asked, shown = _Drawn(self._source), _Drawn(self._source)
        slides = -(-self._pairs // _ASKED)
        for slide in range(slides):
            stack = self._usable[int(rng.integers(len(self._usable)))]
            delta = int(rng.choice(len(DELTAS), p=_DELTA_CHANCES))
            jpeg = draw_jpeg(rng)
            choices = self._source.pairs(stack, delta) or self._source.pairs(stack)
            for _ in range(min(_ASKED, self._pairs - slide * _ASKED)):
                asked.add(slide, choices[int(rng.integers(len(choices)))], jpeg, rng)
            examples = self._near(self._source.neighbours(stack), delta)
            if not examples or rng.random() < _UNKNOWN_SHARE:
                continue
            offset_dof = float(rng.normal(0, _PLACE_ERROR_DOF))
            for _ in range(self._examples):
                pair = examples[int(rng.integers(len(examples)))]
                shown.add(slide, pair, jpeg, rng, offset_dof + float(rng.normal(0, _MOVE_ERROR_DOF)))
        size = self._source.rule.size_px
        return Lesson(*asked.batch(size), *shown.batch(size))

    def _near(self, places: list[int], delta: int) -> list[Pair]:
        if not self._examples:
            return []
        return [
            pair for place in places for pair in self._source.pairs(place, delta) if abs(pair.move_dof) <= EXAMPLE_DOF
        ]


class _Drawn:
    """Pairs drawn so far."""

    def __init__(self, source: PairSet) -> None:
        self._source = source
        self._images: list[NDArray[np.uint8]] = []
        self._moves: list[float] = []
        self._of: list[int] = []

    def add(self, slide: int, pair: Pair, jpeg: int | None, rng: np.random.Generator, error_dof: float = 0.0) -> None:
        self._images.append(placed(self._source.draw(pair, rng), rng, jpeg))
        self._moves.append(pair.move_dof + error_dof)
        self._of.append(slide)

    def batch(self, size_px: int) -> tuple[Batch, NDArray[np.int64]]:
        images = np.empty((len(self._images), 2, size_px, size_px, 3), np.uint8)
        for at, pair in enumerate(self._images):
            images[at] = pair
        return Batch(images[:, 0], images[:, 1], np.array(self._moves, np.float32)), np.array(self._of, np.int64)
