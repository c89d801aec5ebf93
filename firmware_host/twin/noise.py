"""Seamless random textures that the procedural section is made of. Pure functions of their seeds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def cloud(rng: np.random.Generator, size: int, smallest_px: float, largest_px: float, slope: float = 1.0) -> Floats:
    """A periodic (size, size) noise of mean 0 and deviation 1 with an amplitude spectrum of f^-slope.

    :param smallest_px, largest_px: wavelengths between which there is power.
    """
    return _shaped(rng, size, _isotropic(size), smallest_px, largest_px, slope)


def streaks(rng: np.random.Generator, size: int, across_px: float, stretch: float) -> Floats:
    """A periodic noise that is `stretch` times longer along x than along y; finest detail `across_px`."""
    fy = np.fft.fftfreq(size)[:, None]
    fx = np.fft.rfftfreq(size)[None, :]
    return _shaped(rng, size, np.hypot(fy, fx * stretch), across_px, across_px * 16, 1.0)


def sample(texture: Floats, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> Floats:
    """The periodic texture at the grid of `rows` x `columns` (pixel numbers of any size)."""
    band = texture.take(rows % texture.shape[0], axis=0)
    return np.asarray(band.take(columns % texture.shape[1], axis=1))


def _isotropic(size: int) -> NDArray[np.float64]:
    return np.asarray(np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None, :]))


def _shaped(
    rng: np.random.Generator,
    size: int,
    frequency: NDArray[np.float64],
    smallest_px: float,
    largest_px: float,
    slope: float,
) -> Floats:
    spectrum = np.fft.rfft2(rng.standard_normal((size, size), dtype=np.float32))
    safe = np.maximum(frequency, 1.0 / size)
    shape = safe**-slope * np.exp(-((frequency * smallest_px / 1.5) ** 4)) * (frequency * largest_px > 1)
    noise = np.fft.irfft2(spectrum * shape.astype(np.float32), s=(size, size))
    noise -= noise.mean()
    return (noise / max(float(noise.std()), 1e-12)).astype(np.float32)
