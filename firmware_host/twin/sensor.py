"""The image sensor: light to electrons, noise, gain, tone curve, eight bits. Dust lies on it and stays."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_POOL = 1 << 21
_LUT_STEPS = 4096


@dataclass(frozen=True)
class SensorStyle:
    """How one camera differs from another.

    :param white: level of empty glass in the middle of the field, per colour, share of full well.
    :param gamma: exponent of the tone curve; 1 is linear.
    """

    full_well_electrons: float
    read_noise_electrons: float
    vignetting: float
    white: tuple[float, float, float] = (0.80, 0.82, 0.78)
    gamma: float = 1 / 2.2
    dust: int = 3


class Sensor:
    """Turns transmitted light into (H, W, 3) uint8 frames; each has its own noise under the seed."""

    def __init__(self, style: SensorStyle, shape: tuple[int, int], seed: int) -> None:
        rng = np.random.default_rng([seed, 23])
        self._style = style
        self._shape = shape
        self._seed = seed
        self._noise = rng.standard_normal(_POOL, dtype=np.float32)
        light = np.arange(_LUT_STEPS + 1) / _LUT_STEPS
        self._tone = np.round(255 * light**style.gamma).astype(np.uint8)
        shade = self._vignette() * self._dust(rng)
        # Electrons of empty glass, per colour.
        self._empty = [(shade * np.float32(white * style.full_well_electrons)) for white in style.white]
        self._pool = ThreadPoolExecutor(2)

    def expose(self, light: Sequence[Floats], lamp: float, *which: int) -> NDArray[np.uint8]:
        """One frame.

        :param light: (H, W) per colour, 1 = empty glass.
        :param lamp: brightness of the lamp relative to its setting, 0 = off.
        :param which: numbers that name its noise: the frame's own, or its place.
        """
        named = [number % (1 << 32) for number in which]
        starts = np.random.default_rng([self._seed, 29, *named]).integers(0, _POOL, 3)
        image = np.empty((*self._shape, 3), np.uint8)

        def develop(colour: int) -> None:
            electrons = light[colour] * self._empty[colour]
            electrons *= np.float32(lamp)
            deviation = np.sqrt(electrons + np.float32(self._style.read_noise_electrons**2))
            deviation *= self._noise_from(int(starts[colour]))
            electrons += deviation
            electrons *= np.float32(_LUT_STEPS / self._style.full_well_electrons)
            image[..., colour] = self._tone.take(electrons.astype(np.int32), mode="clip")

        list(self._pool.map(develop, range(3)))
        return image

    def _noise_from(self, start: int) -> Floats:
        """A field of normal deviates: rows of the pool, wrapping around at its end."""
        count = self._shape[0] * self._shape[1]
        if start + count <= _POOL:
            return self._noise[start : start + count].reshape(self._shape)
        return np.resize(np.concatenate((self._noise[start:], self._noise)), count).reshape(self._shape)

    def _vignette(self) -> Floats:
        """Light falls off with the fourth power of the cosine, `vignetting` in the corners, a little off centre."""
        y = np.linspace(-1, 1, self._shape[0], dtype=np.float32)[:, None] - np.float32(0.06)
        x = np.linspace(-1, 1, self._shape[1], dtype=np.float32)[None, :] + np.float32(0.04)
        tan2 = (1 / np.sqrt(1 - self._style.vignetting) - 1) / 2
        return ((1 + (x * x + y * y) * np.float32(tan2)) ** -2).astype(np.float32)

    def _dust(self, rng: np.random.Generator) -> Floats:
        shade = np.ones(self._shape, np.float32)
        y = np.arange(self._shape[0], dtype=np.float32)[:, None]
        x = np.arange(self._shape[1], dtype=np.float32)[None, :]
        for _ in range(self._style.dust):
            cy, cx = rng.uniform(0, self._shape[0]), rng.uniform(0, self._shape[1])
            radius, depth = rng.uniform(5, 14), rng.uniform(0.03, 0.10)
            distance = np.hypot(y - np.float32(cy), x - np.float32(cx)) - np.float32(radius)
            shade -= np.float32(depth) * np.clip(0.5 - distance / 4, 0, 1)
        return shade
