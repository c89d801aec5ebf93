"""What is peculiar to this scanner and this slide: found from pairs of frames whose answers are known.

Condenser, aberrations, cover glass and thickness change what defocus looks like. A few numbers, the code, tell the
network of them; what it then still gets wrong is corrected. Either is used only where it makes answers better at
places that it was not made from.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from firmware_host.focus.correction import Correction, fitted
from firmware_host.inference.port import Calibrator

Images = NDArray[np.uint8]
Code = NDArray[np.float32]

_PLACES = 6
_PATCHES_AT_ONCE = 80
MOST_VISITS = 2 * _PLACES
CODE_DOF = 4.0  # a network learns codes from pairs this near to focus; those farther away only correct it
_STAGE_DOF = 0.25  # by which a stage may miss the height of a pair
_FOLDS = 3  # parts that are left out in turn; as many places are needed


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

    :param code: None where none is used; :param correction: of the answers that the network gives with that code.
    :param places: how many fields it was made from.
    :param error_dof: mean absolute error at places left out of the making; :param plain_dof: the same without it.
    :param note: why it is not used, empty when it is.
    """

    code: Code | None
    correction: Correction
    places: int
    error_dof: float = float("nan")
    plain_dof: float = float("nan")
    note: str = ""

    def line(self) -> str:
        """For the report."""
        if self.note:
            return f"not used: {self.note}"
        text = (
            f"from {self.places} places; at places left out the pairs err by {self.error_dof:.2f} depths of field, "
            f"by {self.plain_dof:.2f} without"
        )
        return text if self.correction == Correction() else f"{text}; answers {self.correction.line()}"


Judge = Callable[[tuple[Images, Images], Code | None], float | None]
"""A pair's patches and a code -> the move, DoF, not corrected; None where they do not tell."""


def calibrate(
    sites: Iterable[tuple[float, float]],
    look: Callable[[float, float], Place | None],
    calibrator: Calibrator | None,
    judge: Judge,
) -> Calibration:
    """Make a code and a correction from a few fields, and see by leaving out a third of them in turn what helps.

    :param sites: (x, y) of fields, um, the best first; twice as many as needed are tried.
    :param look: takes the pairs at (x, y); None where focus is not found there.
    :param calibrator: None where the network takes no code; its answers are corrected all the same.
    """
    places = _looked_at(sites, look)

    def unused(note: str, error_dof: float = float("nan"), plain_dof: float = float("nan")) -> Calibration:
        return Calibration(None, Correction(), len(places), error_dof, plain_dof, note)

    if len(places) < _FOLDS:
        return unused(f"made at {len(places)} places only, {_FOLDS} are needed")
    plain, told, corrected = _errors_left_out(places, calibrator, judge)
    if np.isnan(plain):
        return unused("no patch at its places has texture")
    best = min(told, corrected)
    if best >= plain:
        return unused(f"errs by {best:.2f} depths of field at places left out, by {plain:.2f} without", best, plain)
    code, correction = _learnt(places, calibrator, judge)
    return Calibration(code, correction if corrected < told else Correction(), len(places), best, plain)


def shows_code(move_dof: float) -> bool:
    """Whether a pair with that answer is near enough to focus to make a code from."""
    return abs(move_dof) <= CODE_DOF + _STAGE_DOF


def _looked_at(sites: Iterable[tuple[float, float]], look: Callable[[float, float], Place | None]) -> list[Place]:
    places: list[Place] = []
    for tried, (x_um, y_um) in enumerate(sites):
        if len(places) == _PLACES or tried == MOST_VISITS:
            break
        place = look(x_um, y_um)
        if place is not None and any(len(first) for first, _ in place.patches):
            places.append(place)
    return places


def _errors_left_out(
    places: Sequence[Place], calibrator: Calibrator | None, judge: Judge
) -> tuple[float, float, float]:
    """Mean absolute error, DoF, at places left out: as the network is, told a code, and corrected too.

    Not a number where nothing is answered.
    """
    errors: list[tuple[float, float, float]] = []
    for fold in range(_FOLDS):
        code, correction = _learnt([place for at, place in enumerate(places) if at % _FOLDS != fold], calibrator, judge)
        for place in places[fold::_FOLDS]:
            plain = _answers(place, None, judge)
            told = _answers(place, code, judge)
            for bare, said, move in zip(plain, told, place.moves_dof, strict=True):
                if bare is not None and said is not None:
                    errors.append((abs(bare - move), abs(said - move), abs(correction.apply(said) - move)))
    mean = [float(each) for each in np.mean(errors, 0)] if errors else [float("nan")] * 3
    return mean[0], mean[1], mean[2]


def _learnt(places: Sequence[Place], calibrator: Calibrator | None, judge: Judge) -> tuple[Code | None, Correction]:
    """A code, and how to correct the network where it is told that code."""
    code = None if calibrator is None else _code(places, calibrator)
    said, known = [], []
    for place in places:
        for answer, move in zip(_answers(place, code, judge), place.moves_dof, strict=True):
            if answer is not None:
                said.append(answer)
                known.append(move)
    return code, fitted(said, known)


def _code(places: Sequence[Place], calibrator: Calibrator) -> Code | None:
    """The mean of what a few sets of patches say, each from all places, as one large set would take much memory.

    None where no patch is near enough to focus.
    """
    patches = [
        (first, second, move)
        for place in places
        for (firsts, seconds), move in zip(place.patches, place.moves_dof, strict=True)
        if shows_code(move)
        for first, second in zip(firsts, seconds, strict=True)
    ]
    sets = math.ceil(len(patches) / _PATCHES_AT_ONCE)
    codes = []
    for number in range(sets):
        firsts, seconds, moves = zip(*patches[number::sets], strict=True)
        codes.append(calibrator.calibrate(np.stack(firsts), np.stack(seconds), np.array(moves, np.float32)))
    return np.mean(codes, axis=0, dtype=np.float32) if codes else None


def _answers(place: Place, code: Code | None, judge: Judge) -> list[float | None]:
    return [judge(pair, code) for pair in place.patches]
