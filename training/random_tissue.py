"""Tissue that no stain ever made: random matter of many textures, so that a network trusts defocus and not a look.

A square of matter that repeats itself, of one to three kinds, each with its own height in the section. It is not
meant to be pretty: the emulated slide's section (`firmware_host.twin.section`) is. What it varies is what a real
section may do that ours does not: how the power falls with frequency, how sharp edges are, how much is empty.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from firmware_host.twin.noise import cloud, sample, streaks
from firmware_host.twin.section import Matter

Floats = NDArray[np.float32]

_SIZE_PX = 512


class RandomTissue:
    """A specimen (`firmware_host.twin.section.Specimen`) drawn from its seed.

    :param thickness_um: of the section; its kinds of matter lie at different heights in it.
    """

    def __init__(self, seed: int, thickness_um: float) -> None:
        rng = np.random.default_rng([seed, 31])
        self._thickness_um = thickness_um
        # Absorbance of two stains in red, green and blue; the second is the paler one.
        self._absorbance = np.stack([rng.uniform(0.15, 1.4, 3), rng.uniform(0.05, 0.9, 3)]).astype(np.float32)
        count = int(rng.choice([1, 2, 3], p=[0.3, 0.4, 0.3]))
        self._stain = np.zeros((2, _SIZE_PX, _SIZE_PX), np.float32)
        densest = np.full((_SIZE_PX, _SIZE_PX), 0.02, np.float32)
        self._offset = 0.1 * thickness_um * cloud(rng, _SIZE_PX, 8.0, 256.0, 1.5)
        empty = _emptiness(rng)
        for _ in range(count):
            draw = _KINDS[int(rng.integers(len(_KINDS)))]
            density = _scaled(draw(rng), float(rng.uniform(0.1, 1.2))) * empty
            share = rng.uniform(0, 1)
            self._stain[0] += density * np.float32(share)
            self._stain[1] += density * np.float32(1 - share)
            height_um = rng.uniform(-0.3, 0.3) * thickness_um + 0.08 * thickness_um * cloud(rng, _SIZE_PX, 8.0, 128.0)
            on_top = density > densest
            self._offset[on_top] = height_um[on_top]
            densest = np.maximum(densest, density)
        np.clip(self._offset, -thickness_um / 2, thickness_um / 2, out=self._offset)

    @property
    def absorbance(self) -> Floats:
        return self._absorbance

    @property
    def thickness_um(self) -> float:
        return self._thickness_um

    def matter(self, column: int, row: int, width: int, height: int) -> Matter:
        rows, columns = np.arange(row, row + height), np.arange(column, column + width)
        stain = np.stack([sample(plane, rows, columns) for plane in self._stain])
        return Matter(stain, sample(self._offset, rows, columns))


def _scaled(density: Floats, level: float) -> Floats:
    """Shifted and scaled so that most of it lies between 0 and `level`."""
    low, high = np.percentile(density[::4, ::4], [2, 98])
    return np.asarray(np.clip((density - low) / max(high - low, 1e-6), 0, 2) * level, np.float32)


def _emptiness(rng: np.random.Generator) -> Floats:
    """1 where there is matter; in some sections large holes with sharp or soft rims."""
    if rng.random() < 0.5:
        return np.ones((_SIZE_PX, _SIZE_PX), np.float32)
    holes = cloud(rng, _SIZE_PX, 24.0, 256.0, 1.5) + rng.uniform(-0.3, 1.2)
    return np.asarray(np.clip(holes * rng.uniform(2, 40) + 0.5, 0, 1), np.float32)


def _fog(rng: np.random.Generator) -> Floats:
    """Noise whose power falls with frequency at any rate, with or without heavy tails."""
    noise = cloud(rng, _SIZE_PX, rng.uniform(1.0, 6.0), rng.uniform(16, 256), rng.uniform(0.3, 2.0))
    return np.asarray(np.exp(noise * rng.uniform(0.1, 1.0)), np.float32)


def _blobs(rng: np.random.Generator) -> Floats:
    """Islands with sharp rims: nuclei, vacuoles, colonies."""
    size = rng.uniform(4, 30)
    noise = cloud(rng, _SIZE_PX, size, size * rng.uniform(2, 5), 0.5)
    inside = np.clip((noise - rng.uniform(-0.5, 1.3)) * size * rng.uniform(0.1, 1.0) + 0.5, 0, 1)
    chromatin = cloud(rng, _SIZE_PX, rng.uniform(1.0, 4.0), 32.0, 0.7)
    return np.asarray(inside * np.clip(1 + rng.uniform(0, 0.5) * chromatin, 0.1, None), np.float32)


def _threads(rng: np.random.Generator) -> Floats:
    """Thin curved lines: the level sets of a smooth noise."""
    size = rng.uniform(12, 60)
    noise = cloud(rng, _SIZE_PX, size, size * 4, 1.0)
    return np.asarray(np.exp(-((noise * size / rng.uniform(2, 10)) ** 2)), np.float32)


def _fibres(rng: np.random.Generator) -> Floats:
    """Long parallel streaks, as in stroma and muscle."""
    noise = streaks(rng, _SIZE_PX, rng.uniform(2, 12), rng.uniform(3, 20))
    return np.asarray(np.exp(0.6 * (noise if rng.random() < 0.5 else noise.T)), np.float32)


def _specks(rng: np.random.Generator) -> Floats:
    """Scattered dots and discs, each with its own darkness: pigment, bacteria, granules."""
    points = (rng.random((_SIZE_PX, _SIZE_PX)) < 10 ** rng.uniform(-3.5, -1.5)) * rng.uniform(
        0.2, 1, (_SIZE_PX, _SIZE_PX)
    )
    radius = rng.uniform(0.7, 6)
    fy, fx = np.fft.fftfreq(_SIZE_PX)[:, None], np.fft.rfftfreq(_SIZE_PX)[None, :]
    blur = np.exp(-2 * (np.pi * radius * np.hypot(fy, fx)) ** 2)
    spread = np.fft.irfft2(np.fft.rfft2(points) * blur, s=points.shape)
    if rng.random() < 0.5:
        return np.asarray(spread, np.float32)
    peak = max(float(spread.max()), 1e-12)
    return np.asarray(np.clip((spread / peak - 0.15) * radius * 4 + 0.5, 0, 1), np.float32)


def _walls(rng: np.random.Generator) -> Floats:
    """Walls between large empty cells, as in fat, or plant tissue."""
    count = int(rng.uniform(20, 500))
    sites = rng.uniform(0, _SIZE_PX, (count, 2))
    at = np.stack(np.meshgrid(np.arange(0, _SIZE_PX, 2), np.arange(0, _SIZE_PX, 2), indexing="ij"), -1)
    bend = np.stack([cloud(rng, _SIZE_PX, 12.0, 128.0, 1.5)[::2, ::2] for _ in range(2)], -1) * rng.uniform(0, 6)
    distance, _ = cKDTree(sites, boxsize=_SIZE_PX).query((at + bend) % _SIZE_PX, k=2)
    gap = np.repeat(np.repeat(distance[..., 1] - distance[..., 0], 2, axis=0), 2, axis=1)
    gap = (gap + np.roll(gap, 1, 0) + np.roll(gap, 1, 1) + np.roll(gap, (1, 1), (0, 1))) / 4
    return np.asarray(np.exp(-((gap / rng.uniform(1.5, 8)) ** 2)), np.float32)


_KINDS: tuple[Callable[[np.random.Generator], Floats], ...] = (_fog, _blobs, _threads, _fibres, _specks, _walls)
