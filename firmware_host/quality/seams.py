"""How a tile joins its neighbours: where their overlap truly lies, and how alike, how bright and how sharp it is there.

Both show the same tissue there, so what differs is not the tissue's. Of each tile only its borders are kept, at half
resolution.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from firmware_host.quality.detail import Light

Floats = NDArray[np.float32]
_Kind = TypeVar("_Kind", Floats, Light)

REDUCED = 2
"""Pixels of the camera to one of a border."""
CERTAIN_LIKENESS = 0.5
"""From there on two overlaps show the same."""
_SLACK_PX = 16  # of a border at half resolution, beyond the overlap: what is not square to the stage
_LEAST_SIDE_PX = 12  # of an overlap at half resolution
_SLOW_PX = 12  # half the width, at half resolution, of the mean that is taken off
_LEAST_DEVIATION = 2.0  # levels: noise alone comes to less than one
_MOST_STEPS = 40
_SURE = 0.9  # as alike as that, and no other place is tried
_LEAST_SHARE = 0.3  # of an overlap must still overlap at the shift found, or it is chance
_LEAST_FINE = 2.0  # levels squared of fine detail: noise alone comes to some hundredths


@dataclass(frozen=True)
class Seam:
    """How two neighbours join.

    :param right_px, down_px: how far the second tile lies from where the stage says, relative to the first, pixels
        of the camera.
    :param likeness: correlation of what both show of the overlap, 1 the same, 0 nothing in common; None where there
        is too little to see, and then nothing is known of the place.
    :param brightness: the second's level there over the first's.
    :param sharpness: ln of the second's power of fine detail there over the first's: below zero where the second is
        farther from focus. None where there is too little to see.
    """

    right_px: float
    down_px: float
    likeness: float | None
    brightness: float
    sharpness: float | None = None

    @property
    def is_certain(self) -> bool:
        """Whether both show the same, or nothing to tell them apart by."""
        return self.likeness is None or self.likeness >= CERTAIN_LIKENESS

    def less(self, usual: Seam) -> Seam:
        """What is not usual in this one."""
        return Seam(
            self.right_px - usual.right_px,
            self.down_px - usual.down_px,
            self.likeness,
            self.brightness / usual.brightness,
            None if self.sharpness is None else self.sharpness - (usual.sharpness or 0.0),
        )

    @property
    def reversed(self) -> Seam:
        """The same seam, with the other tile as the second; its place as it was."""
        sharpness = None if self.sharpness is None else -self.sharpness
        return replace(self, brightness=1 / self.brightness, sharpness=sharpness)


@dataclass(frozen=True)
class Borders:
    """The four borders of a tile, at half resolution.

    :param shape: of the whole tile at half resolution; :param wide, high: how wide the left and right borders are,
        and how high the upper and lower ones.
    """

    shape: tuple[int, int]
    wide: int
    high: int
    left: Light
    right: Light
    top: Light
    bottom: Light

    @property
    def nbytes(self) -> int:
        return sum(each.nbytes for each in (self.left, self.right, self.top, self.bottom))

    def cut(self, top: int, left: int, height: int, width: int) -> Light | None:
        """A rectangle of the tile, None where no border holds all of it."""
        rows, columns = self.shape
        if left + width <= self.wide:
            return self.left[top : top + height, left : left + width]
        if left >= columns - self.wide:
            return self.right[top : top + height, left - columns + self.wide :][:, :width]
        if top + height <= self.high:
            return self.top[top : top + height, left : left + width]
        if top >= rows - self.high:
            return self.bottom[top - rows + self.high :][:height, left : left + width]
        return None


def borders_of(light: Light, overlap: float) -> Borders:
    """The borders of a tile's (H, W) luminance; `overlap` is the share of a field that neighbours have in common."""
    half = np.asarray(Image.fromarray(light).reduce(REDUCED))
    rows, columns = half.shape
    wide, high = (min(side, round(side * overlap) + _SLACK_PX) for side in (columns, rows))
    parts = half[:, :wide], half[:, columns - wide :], half[:high], half[rows - high :]
    return Borders((rows, columns), wide, high, *(part.copy() for part in parts))


def seam_between(first: Borders, second: Borders, right_px: float, down_px: float, fine_px: float = 1.0) -> Seam | None:
    """How two tiles of one camera join; None where they do not overlap.

    :param right_px, down_px: where the second's corner lies from the first's, as the stage says, pixels of the camera.
    :param fine_px: fine is what a Gaussian mean of this standard deviation takes away, pixels at half resolution.
    """
    right, down = round(right_px / REDUCED), round(down_px / REDUCED)
    height, width = first.shape[0] - abs(down), first.shape[1] - abs(right)
    if min(height, width) < _LEAST_SIDE_PX:
        return None
    before = first.cut(max(down, 0), max(right, 0), height, width)
    after = second.cut(max(-down, 0), max(-right, 0), height, width)
    if before is None or after is None:
        return None
    one, two = _unshaded(before), _unshaded(after)
    if max(one.std(dtype=np.float64), two.std(dtype=np.float64)) < _LEAST_DEVIATION:
        return Seam(0.0, 0.0, None, _brightness(before, after))
    likeness, x, y = _climb(one, two, 0, 0)
    if likeness < _SURE:
        likeness, x, y = max((likeness, x, y), _climb(one, two, *_correlated(one, two)))
    at = (x, y) if likeness >= CERTAIN_LIKENESS else (0, 0)  # else it is not known where, but near there
    x_part, y_part = (_vertex(one, two, x, y, step, likeness) for step in ((1, 0), (0, 1)))
    # Content that is found `x` farther right in the second than the stage says puts that tile `x` farther left.
    return Seam(
        right_px=REDUCED * (right - x - x_part) - right_px,
        down_px=REDUCED * (down - y - y_part) - down_px,
        likeness=likeness,
        brightness=_brightness(*_overlap(before, after, *at)),
        sharpness=_sharper(*_overlap(before, after, x, y), fine_px),
    )


def _brightness(first: Light, second: Light) -> float:
    return float(second.mean(dtype=np.float64)) / max(float(first.mean(dtype=np.float64)), 1.0)


def _sharper(first: Light, second: Light, fine_px: float) -> float | None:
    one, two = (_fine_power(each, fine_px) for each in (first, second))
    if one is None or two is None or max(one, two) < _LEAST_FINE:
        return None
    return math.log(two / one) - 2 * math.log(_brightness(first, second))


def _fine_power(light: Light, fine_px: float) -> float | None:
    """Mean square of what a Gaussian mean takes away; None where there is no room for one."""
    reach = math.ceil(2 * fine_px)
    if min(light.shape) <= 2 * reach:
        return None
    taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / fine_px) ** 2).astype(np.float32)
    taps /= taps.sum()
    mean = light.astype(np.float32)
    for _ in ("down", "across"):
        inner = len(mean) - 2 * reach
        mean = sum((tap * mean[at : at + inner] for at, tap in enumerate(taps)), np.zeros_like(mean[:inner])).T
    fine = light[reach:-reach, reach:-reach] - mean
    return float((fine * fine).mean(dtype=np.float64))


def _unshaded(light: Light) -> Floats:
    """What is left when the slow changes are taken off, which are the lamp's as much as the slide's."""
    slow = np.asarray(Image.fromarray(light).filter(ImageFilter.BoxBlur(_SLOW_PX)))
    return np.asarray(light.astype(np.float32) - slow)


def _correlated(one: Floats, two: Floats) -> tuple[int, int]:
    """(x, y) by which the second's content lies farther right and down, from the whitened cross-correlation."""
    shape = tuple(2 * (side // 2) for side in one.shape)
    window = np.hanning(shape[0] + 2)[1:-1, None] * np.hanning(shape[1] + 2)[None, 1:-1]
    spectra = []
    for each in (one, two):
        core = each[: shape[0], : shape[1]]
        spectra.append(np.fft.rfft2((core - core.mean(dtype=np.float64)) * window))
    cross = np.conj(spectra[0]) * spectra[1]
    cross /= np.sqrt(np.abs(cross)) + 1e-6
    surface = np.fft.irfft2(cross, s=shape)
    row, column = np.unravel_index(int(np.argmax(surface)), surface.shape)
    x = int(column) - (shape[1] if column >= shape[1] // 2 else 0)
    y = int(row) - (shape[0] if row >= shape[0] // 2 else 0)
    return x, y


def _climb(one: Floats, two: Floats, x: int, y: int) -> tuple[float, int, int]:
    """(likeness, x, y) at the top of the hill on which (x, y) lies."""
    best = _likeness(one, two, x, y), x, y
    for _ in range(_MOST_STEPS):
        around = [(best[1] + i, best[2] + j) for i, j in ((1, 0), (-1, 0), (0, 1), (0, -1))]
        higher = max((_likeness(one, two, *place), *place) for place in around)
        if higher[0] <= best[0]:
            break
        best = higher
    return best


def _vertex(one: Floats, two: Floats, x: int, y: int, step: tuple[int, int], top: float) -> float:
    """The part of a pixel between -0.5 and 0.5 at which a parabola through three likenesses is highest."""
    low, high = (_likeness(one, two, x + sign * step[0], y + sign * step[1]) for sign in (-1, 1))
    bend = low + high - 2 * top
    return 0.0 if bend >= 0 else min(max((low - high) / (2 * bend), -0.5), 0.5)


def _likeness(one: Floats, two: Floats, x: int, y: int) -> float:
    """Correlation of both where they overlap once the second is moved back by (x, y); -1 where that is too little."""
    first, second = _overlap(one, two, x, y)
    if first.size < _LEAST_SHARE * one.size:
        return -1.0
    first, second = first - first.mean(dtype=np.float64), second - second.mean(dtype=np.float64)
    power = float((first * first).sum(dtype=np.float64)) * float((second * second).sum(dtype=np.float64))
    return float((first * second).sum(dtype=np.float64)) / math.sqrt(power) if power > 0 else 0.0


def _overlap(one: _Kind, two: _Kind, x: int, y: int) -> tuple[_Kind, _Kind]:
    height, width = max(one.shape[0] - abs(y), 0), max(one.shape[1] - abs(x), 0)
    first = one[max(-y, 0) :, max(-x, 0) :][:height, :width]
    return first, two[max(y, 0) :, max(x, 0) :][:height, :width]
