"""How far the view went between two pictures, to a few hundredths of a pixel. Pure functions of pictures."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Light = NDArray[np.float32]

_LOWEST_PERIODS = 4.0  # detail with fewer periods in the picture is mostly the lamp's
_HIGHEST_PER_PX = 0.45
_LEAST_SIDE_PX = 48
_NEWTON_STEPS = 5


@dataclass(frozen=True)
class Shift:
    """The view went so far: what lay at (x + right_px, y + down_px) of the first picture lies at (x, y) of the second.

    :param likeness: correlation of what both pictures show, laid on each other: 1 the same, 0 nothing in common.
    """

    right_px: float
    down_px: float
    likeness: float


def shift_between(first: Light, second: Light, expected_px: tuple[float, float], reach_px: float) -> Shift:
    """The shift near an expected one at which the pictures are most alike.

    Half-whitened cross-correlation over the band in which the picture has detail: the whole pixel from the highest of
    its samples, the rest by Newton's method on its Fourier sum (as upsampled correlation, Guizar-Sicairos et al., Opt.
    Lett. 33, 2008, without a last grid).

    :param first, second: (H, W) luminance.
    :param expected_px: (right, down); :param reach_px: how far from it to look. Less than half a grid's pitch, where
        the slide repeats itself.
    :raises ValueError: so little is in both pictures that nothing can be said.
    """
    right, down = round(expected_px[0]), round(expected_px[1])
    found = _Pair(first, second, right, down).whole_pixel(reach_px + math.hypot(0.5, 0.5))
    right, down = right + found[0], down + found[1]
    return _Pair(first, second, right, down).refined(right, down)


class _Pair:
    """What two pictures share once the view's shift by whole pixels is undone, as spectra."""

    def __init__(self, first: Light, second: Light, right: int, down: int) -> None:
        height, width = _quick(first.shape[0] - abs(down)), _quick(first.shape[1] - abs(right))
        if first.shape != second.shape or min(height, width) < _LEAST_SIDE_PX:
            raise ValueError(f"pictures shifted by ({right}, {down}) px have too little in common")
        top, left = max(down, 0), max(right, 0)
        self._shape = (height, width)
        before = _spectrum(first[top : top + height, left : left + width])
        top, left = max(-down, 0), max(-right, 0)
        after = _spectrum(second[top : top + height, left : left + width])
        self._down, self._right = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :]
        frequency = np.hypot(self._down, self._right)
        band = (frequency >= _LOWEST_PERIODS / min(height, width)) & (frequency <= _HIGHEST_PER_PX)
        twice = np.where((self._right == 0) | (2 * self._right == 1), 1.0, 2.0)  # the half that is not stored
        self._cross = np.where(band, after * np.conj(before) * twice, 0)
        power = [float((np.abs(each) ** 2 * twice)[band].sum()) for each in (before, after)]
        self._energy = math.sqrt(power[0] * power[1])
        magnitude = np.abs(self._cross)
        self._even = self._cross / np.sqrt(magnitude + 1e-6 * magnitude.max() + 1e-30)

    def whole_pixel(self, reach_px: float) -> tuple[int, int]:
        """(right, down) of the highest correlation within a circle."""
        height, width = self._shape
        surface = np.fft.irfft2(np.conj(self._even), s=self._shape)
        down = (np.fft.fftfreq(height) * height)[:, None]
        right = (np.fft.fftfreq(width) * width)[None, :]
        surface[np.hypot(down, right) > reach_px] = -np.inf
        row, column = np.unravel_index(int(np.argmax(surface)), self._shape)
        return round(float(right[0, column])), round(float(down[row, 0]))

    def refined(self, right: int, down: int) -> Shift:
        """The part of a pixel that is left."""
        x = y = 0.0
        turn_x, turn_y = 2 * np.pi * self._right, 2 * np.pi * self._down
        for _ in range(_NEWTON_STEPS):
            at = self._even * np.exp(-1j * turn_x * x) * np.exp(-1j * turn_y * y)
            slope = float((at.imag * turn_x).sum()), float((at.imag * turn_y).sum())
            xx, xy, yy = (-float((at.real * bend).sum()) for bend in (turn_x**2, turn_x * turn_y, turn_y**2))
            determinant = xx * yy - xy * xy
            if xx >= 0 or determinant <= 0:
                break
            x -= (yy * slope[0] - xy * slope[1]) / determinant
            y -= (xx * slope[1] - xy * slope[0]) / determinant
            x, y = min(max(x, -1.0), 1.0), min(max(y, -1.0), 1.0)
        aligned = self._cross * np.exp(-1j * turn_x * x) * np.exp(-1j * turn_y * y)
        return Shift(right + x, down + y, float(aligned.real.sum()) / max(self._energy, 1e-30))


def _quick(length: int) -> int:
    """The longest that is not longer and has no factors but 2, 3 and 5."""
    while length > 1:
        rest = length
        for factor in (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            break
        length -= 1
    return length


def _spectrum(light: Light) -> NDArray[np.complex128]:
    window = np.hanning(light.shape[0] + 2)[1:-1, None] * np.hanning(light.shape[1] + 2)[None, 1:-1]
    return np.fft.rfft2((light - light.mean(dtype=np.float64)) * window)
