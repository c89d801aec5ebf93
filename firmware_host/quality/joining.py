"""What all the seams of one tile say of it, and of its neighbours: place, light and sharpness."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from firmware_host.quality import verdict
from firmware_host.quality.memory import Direction, Place, Remembered
from firmware_host.quality.seams import CERTAIN_LIKENESS, Seam

_LEAST_LIKENESS = 0.35
_MOST_FALL = 0.35  # of ln of fine detail: 0.1 and less between tiles in focus, 0.6 where one is 1 DoF off
_MOST_FALL_AT_FIRST = 0.8  # real tiles that are sharper on one side differ by 0.45 in it, all alike


@dataclass(frozen=True)
class Beside:
    """A neighbour, and how the tile joins it.

    :param measured: the seam; :param seam: the same less what is usual, and with the tile as the second.
    :param usual_is_known: how sharp seams usually are.
    """

    direction: Direction
    tile: Remembered
    measured: Seam
    seam: Seam
    usual_is_known: bool

    @property
    def place(self) -> tuple[int, int]:
        """Row and column of the neighbour."""
        return self.tile.place.row, self.tile.place.col

    @property
    def is_certain(self) -> bool:
        """Whether the neighbour is good, and shows what the tile shows."""
        return self.tile.quality.is_good and self.seam.is_certain

    @property
    def fall(self) -> float:
        """By how much the tile is less sharp than the neighbour, as a share of what may be; below 0 if sharper."""
        most = _MOST_FALL if self.usual_is_known else _MOST_FALL_AT_FIRST
        return -(self.seam.sharpness or 0.0) / most


@dataclass(frozen=True)
class Joined:
    """Figures as in `Quality`.

    :param position: what is wrong with the tile's place; :param blur: with its sharpness. (cause, why) each.
    :param duller: good neighbours that show the same tissue less sharply: it is they that are blurred.
    """

    exposure: float | None = None
    seam_px: float | None = None
    seam_sharpness: float | None = None
    position: Sequence[tuple[str, str]] = ()
    blur: Sequence[tuple[str, str]] = ()
    duller: Sequence[Beside] = ()


def duller_of(first: Remembered, second: Remembered, seam: Seam) -> tuple[Place, float] | None:
    """Which of two good tiles shows the same tissue less sharply than it may, and `Seam.sharpness` with it second.

    :param seam: less what is usual.
    """
    if not seam.is_certain or seam.sharpness is None or abs(seam.sharpness) <= _MOST_FALL:
        return None
    return (first if seam.sharpness > 0 else second).place, -abs(seam.sharpness)


def joined(beside: Sequence[Beside], most_px: float) -> Joined:
    """:param most_px: that a seam may be off."""
    if not beside:
        return Joined()
    exposure = statistics.median(each.seam.brightness for each in beside)
    seam_px, position = _position(beside, most_px)
    sharp = [each for each in beside if each.is_certain and each.seam.sharpness is not None]
    if not sharp:
        return Joined(exposure, seam_px, None, position)
    worst = max(sharp, key=lambda each: each.fall)
    sharpness = worst.seam.sharpness or 0.0
    if worst.fall <= 1:
        return Joined(exposure, seam_px, sharpness, position, duller=[each for each in sharp if each.fall < -1])
    why = f"{math.exp(sharpness):.0%} of the detail of its neighbour {worst.direction} in what both show"
    return Joined(exposure, seam_px, sharpness, position, [(verdict.BLURRED, why)])


def beyond_limit(seam_sharpness: float | None) -> float:
    """By how much a tile is less sharp than it may be, as its seams tell; 0 for one that is sharp."""
    return 0.0 if seam_sharpness is None else max(0.0, -_MOST_FALL - seam_sharpness)


def _position(beside: Sequence[Beside], most_px: float) -> tuple[float | None, Sequence[tuple[str, str]]]:
    """(seam in px, what is wrong): one certain seam that is off is enough, unlike all of them only together."""
    textured = [
        (each, each.seam.likeness)
        for each in beside
        if each.seam.likeness is not None and each.tile.quality.shows_what_is_there
    ]
    if not textured:
        return None, ()
    certain = [
        (math.hypot(each.seam.right_px, each.seam.down_px), each)
        for each, likeness in textured
        if likeness >= CERTAIN_LIKENESS
    ]
    if certain:
        off_px, worst = max(certain, key=lambda each: each[0])
        if off_px <= most_px:
            return off_px, ()
        where = f"{worst.seam.right_px:+.0f}, {worst.seam.down_px:+.0f} px (right, down)"
        return off_px, [(verdict.POSITION_OFF, f"the seam {worst.direction} is off by {where}")]
    best = max(likeness for _, likeness in textured)
    if best < _LEAST_LIKENESS:
        return None, [(verdict.SEAM_OFF, f"its overlap does not look like its neighbours': {best:.2f}")]
    return None, ()
