"""Classical measures of sharpness, and the peak of a curve of them. What a sweep is made of; pure functions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from firmware_host.patches import LUMINANCE


def luminance(image: NDArray[np.uint8], bin_px: int = 1) -> NDArray[np.float32]:
    """(H, W) float32, 0 to 255, from (H, W, 3) uint8; with `bin_px` > 1 means of squares of so many pixels."""
    light = image.astype(np.float32) @ np.array(LUMINANCE, np.float32)
    if bin_px > 1:
        rows, columns = light.shape[0] // bin_px, light.shape[1] // bin_px
        light = light[: rows * bin_px, : columns * bin_px].reshape(rows, bin_px, columns, bin_px).mean(axis=(1, 3))
    return np.asarray(light, np.float32)


def brenner(light: NDArray[np.float32]) -> float:
    """Mean squared difference of pixels two apart, along both axes (Brenner et al., 1976)."""
    across, down = light[:, 2:] - light[:, :-2], light[2:] - light[:-2]
    return float((across * across).mean(dtype=np.float64) + (down * down).mean(dtype=np.float64))


@dataclass(frozen=True)
class Peak:
    """The top of a sharpness curve.

    :param at_edge: the highest sample is the first or the last: the true peak may lie outside.
    :param contrast: (highest - lowest) / highest; near 0 for a curve that says nothing.
    """

    z_um: float
    at_edge: bool
    contrast: float


def fit_peak(z_um: Sequence[float], scores: Sequence[float]) -> Peak:
    """Parabola through the logarithms of the highest sample and its neighbours (exact for a Gaussian peak).

    :param z_um: strictly increasing; :param scores: > 0.
    :raises ValueError: fewer than three samples, or not as described.
    """
    z, score = np.asarray(z_um, np.float64), np.asarray(scores, np.float64)
    if len(z) < 3 or z.shape != score.shape or not np.all(np.diff(z) > 0) or not np.all(score > 0):
        raise ValueError("a peak needs three samples or more at increasing z, all above zero")
    top = int(np.argmax(score))
    contrast = float((score.max() - score.min()) / score.max())
    if top in (0, len(z) - 1):
        return Peak(float(z[top]), True, contrast)
    left, right = z[top] - z[top - 1], z[top + 1] - z[top]
    before, peak, after = (math.log(score[at]) for at in (top - 1, top, top + 1))
    slope_left, slope_right = (peak - before) / left, (after - peak) / right
    bend = slope_left - slope_right
    if bend <= 0:
        return Peak(float(z[top]), False, contrast)
    offset = (slope_left * right + slope_right * left) / (2 * bend)
    return Peak(float(z[top] + min(max(offset, -left), right)), False, contrast)
