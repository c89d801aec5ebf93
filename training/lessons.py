"""What a step of training learns from: pairs of frames, and who calibrates for whom.

A slide is met at two of its places. Pairs of each, with answers as a scanner measures them, calibrate the network for
the other, and every pair is asked for. A lesson is a pure function of (seed, its number), so that a run can be
repeated and resumed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from firmware_host.focus.calibration import CODE_DOF
from training.augment import draw_jpeg, placed
from training.data import DELTAS, Batch, Pair, PairSet
from training.settings import PAIRS_PER_PLACE

NOBODY = -1
_DELTA_CHANCES = (0.65, 0.175, 0.175)
_UNKNOWN_SHARE = 0.2  # slides that are asked without a calibration
_PLACE_ERROR_DOF, _MOVE_ERROR_DOF = 0.04, 0.03  # of a contrast sweep, and of a move between two planes


@dataclass(frozen=True)
class Lesson:
    """Pairs of frames, place by place, `PAIRS_PER_PLACE` of each.

    :param pairs: N of them, with the right answers.
    :param camera: (N,) number of the camera that took the pair, from 0.
    :param optics: (places, OPTICS_CODE) what is known of their scanners.
    :param shown_dof: (places, E) the answers to the first E pairs of each place, as a scanner measures them.
    :param teacher: (places,) the place whose shown pairs calibrate for this one, or `NOBODY`.
    """

    pairs: Batch
    camera: NDArray[np.int64]
    optics: NDArray[np.float32]
    shown_dof: NDArray[np.float32]
    teacher: NDArray[np.int64]


class Lessons:
    """Draws lessons from a set of pairs.

    :param pairs: in a lesson, about: as many whole places as they make, one at least.
    :param examples: pairs that a place shows to calibrate for another; 0: no place teaches.
    """

    def __init__(self, source: PairSet, pairs: int, examples: int, seed: int) -> None:
        self._source = source
        self._places = max(1, pairs // PAIRS_PER_PLACE)
        self._examples = examples
        self._seed = seed
        self._usable = [stack for stack in source.kept if source.pairs(stack)]

    def lesson(self, number: int) -> Lesson:
        """The lesson of that number: the same for the same seed."""
        rng = np.random.default_rng([self._seed, number])
        drawn = _Drawn(self._source, self._examples)
        while drawn.places < self._places:
            stack = self._usable[int(rng.integers(len(self._usable)))]
            others = [place for place in self._source.neighbours(stack) if place in self._usable]
            met = [stack]
            if others and drawn.places + 1 < self._places:
                met.append(others[int(rng.integers(len(others)))])
            delta = int(rng.choice(len(DELTAS), p=_DELTA_CHANCES))
            known = rng.random() >= _UNKNOWN_SHARE
            drawn.add_slide(met, delta, known, draw_jpeg(rng), rng)
        return drawn.lesson()


class _Drawn:
    """Places drawn so far."""

    def __init__(self, source: PairSet, examples: int) -> None:
        self._source = source
        self._examples = examples
        self._images: list[NDArray[np.uint8]] = []
        self._moves: list[float] = []
        self._shown: list[list[float]] = []
        self._teacher: list[int] = []
        self._camera: list[int] = []
        self._optics: list[NDArray[np.float32]] = []

    @property
    def places(self) -> int:
        return len(self._teacher)

    def add_slide(self, places: list[int], delta: int, known: bool, jpeg: int | None, rng: np.random.Generator) -> None:
        """One or two places of a slide; two of them calibrate for each other, when the slide is to be `known`."""
        start = self.places
        camera = self._camera[-1] + 1 if self._camera else 0
        able = [self._add_place(place, delta, jpeg, rng) for place in places]
        self._camera += [camera] * (len(places) * PAIRS_PER_PLACE)
        for at in range(len(places)):
            other = len(places) - 1 - at
            self._teacher.append(start + other if known and other != at and able[other] else NOBODY)

    def _add_place(self, stack: int, delta: int, jpeg: int | None, rng: np.random.Generator) -> bool:
        """The shown pairs, then the rest, for the most part from farther away; False: the place can show nothing."""
        pairs = self._source.pairs(stack, delta) or self._source.pairs(stack)
        near = [pair for pair in pairs if abs(pair.move_dof) <= CODE_DOF]
        far = [pair for pair in pairs if abs(pair.move_dof) > CODE_DOF]
        rest = far if self._examples else pairs
        offset_dof = float(rng.normal(0, _PLACE_ERROR_DOF))
        shown = []
        for at in range(PAIRS_PER_PLACE):
            choices: list[Pair] = (near if at < self._examples else rest) or pairs
            pair = choices[int(rng.integers(len(choices)))]
            self._images.append(placed(self._source.draw(pair, rng), rng, jpeg))
            self._moves.append(pair.move_dof)
            if at < self._examples:
                shown.append(pair.move_dof + offset_dof + float(rng.normal(0, _MOVE_ERROR_DOF)))
        self._shown.append(shown)
        self._optics.append(self._source.optics_code(stack))
        return bool(near) and self._examples > 0

    def lesson(self) -> Lesson:
        size = self._source.rule.size_px
        images = np.empty((len(self._images), 2, size, size, 3), np.uint8)
        for at, pair in enumerate(self._images):
            images[at] = pair
        return Lesson(
            Batch(images[:, 0], images[:, 1], np.array(self._moves, np.float32)),
            np.array(self._camera, np.int64),
            np.stack(self._optics),
            np.array(self._shown, np.float32).reshape(self.places, self._examples),
            np.array(self._teacher, np.int64),
        )
