"""A calibration slide: chrome dots on glass in a square grid of known pitch, laid in a little askew by hand.

It fills the slide. It knows nothing of light, lenses or cameras.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from firmware_host.twin.section import Matter

Floats = NDArray[np.float32]

_CHROME = 3.0  # absorbance (natural log): a twentieth of the light comes through
_DOT = 0.5  # diameter, share of the pitch
_ASKEW_DEG = 3.0
_THICKNESS_UM = 0.1


class DotGrid:
    """Dots with soft rims of a pixel, all alike.

    :param seed: of how it lies; :param pixel_um: pixel pitch of the windows that will be asked for.
    """

    def __init__(self, seed: int, pixel_um: float, centre_um: tuple[float, float], pitch_um: float) -> None:
        rng = np.random.default_rng([seed, 19])
        self._angle = math.radians(rng.uniform(-_ASKEW_DEG, _ASKEW_DEG))
        self._origin_px = (centre_um[0] / pixel_um + rng.uniform(0, 100), centre_um[1] / pixel_um + rng.uniform(0, 100))
        self._pitch_px = pitch_um / pixel_um

    @property
    def absorbance(self) -> Floats:
        return np.array([[_CHROME] * 3, [0.0] * 3], np.float32)

    @property
    def thickness_um(self) -> float:
        return _THICKNESS_UM

    def matter(self, column: int, row: int, width: int, height: int) -> Matter:
        x = (np.arange(column, column + width) - self._origin_px[0])[None, :]
        y = (np.arange(row, row + height) - self._origin_px[1])[:, None]
        cosine, sine = math.cos(self._angle), math.sin(self._angle)
        along, across = x * cosine + y * sine, y * cosine - x * sine
        for place in (along, across):
            place -= np.rint(place / self._pitch_px) * self._pitch_px
        dots = np.clip(0.5 + _DOT / 2 * self._pitch_px - np.hypot(along, across), 0, 1)
        stain = np.stack([dots, np.zeros_like(dots)]).astype(np.float32)
        return Matter(stain, np.zeros((height, width), np.float32))
