"""Whether two ways of running a network agree, on patches that are made up on the spot."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from firmware_host.inference.port import NOTHING_KNOWN, PatchModel


@dataclass(frozen=True)
class Agreement:
    """:param mean_dof, most_dof: of the absolute differences of the moves, depths of field."""

    mean_dof: float
    most_dof: float


def agreement(one: PatchModel, other: PatchModel, first: NDArray[np.uint8], second: NDArray[np.uint8]) -> Agreement:
    """:raises HardwareError: one of them failed."""
    moves = [model.predict(first, second, NOTHING_KNOWN)[0] for model in (one, other)]
    difference = np.abs(moves[0] - moves[1])
    return Agreement(float(difference.mean()), float(difference.max()))


def made_up_patches(count: int, size_px: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Pairs of grey clouds with detail of all sizes, the frames of each blurred by a different amount.

    :returns: two (count, size_px, size_px, 3) uint8, the same for the same numbers.
    """
    rng = np.random.default_rng(5)
    wave = np.hypot(np.fft.fftfreq(size_px)[:, None], np.fft.rfftfreq(size_px))
    clouds = np.fft.rfft2(rng.normal(size=(count, size_px, size_px))) / (wave + 1 / size_px)
    blurs = rng.uniform(0.5, 4.0, (2, count, 1, 1))  # pixels
    frames = []
    for blur in blurs:
        light = np.fft.irfft2(clouds * np.exp(-2 * (np.pi * blur * wave) ** 2), s=(size_px, size_px))
        light = 128 + 40 * light / light.std(axis=(1, 2), keepdims=True)
        frames.append(np.repeat(np.clip(light, 0, 255).astype(np.uint8)[..., None], 3, axis=3))
    return frames[0], frames[1]
