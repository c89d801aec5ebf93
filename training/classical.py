"""What a user would do without a network: a measure of sharpness over a whole stack, and the peak of its curve."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from firmware_host.focus.contrast import brenner, fit_peak, luminance

Images = NDArray[np.uint8]
Light = NDArray[np.float32]


def tenengrad(light: Light) -> float:
    """Mean squared Sobel gradient (Tenenbaum, 1970)."""
    smooth_y = light[:-2] + 2 * light[1:-1] + light[2:]
    smooth_x = light[:, :-2] + 2 * light[:, 1:-1] + light[:, 2:]
    across, down = smooth_y[:, 2:] - smooth_y[:, :-2], smooth_x[2:] - smooth_x[:-2]
    return float((across * across + down * down).mean(dtype=np.float64))


def laplacian_variance(light: Light) -> float:
    """Variance of the 5-point Laplacian (Pech-Pacheco et al., ICPR 2000)."""
    inner = light[1:-1, 1:-1]
    laplacian = light[:-2, 1:-1] + light[2:, 1:-1] + light[1:-1, :-2] + light[1:-1, 2:] - 4 * inner
    return float(laplacian.var(dtype=np.float64))


MEASURES: dict[str, Callable[[Light], float]] = {
    "Brenner": brenner,
    "Tenengrad": tenengrad,
    "variance of Laplacian": laplacian_variance,
}


def peak_errors_um(z_um: Sequence[float], planes: Sequence[Images]) -> dict[str, float]:
    """Where each measure sees focus, um from the true one (z = 0).

    :param z_um: heights relative to focus, strictly increasing; :param planes: as many (H, W, 3) uint8 images.
    """
    light = [luminance(plane) for plane in planes]
    errors = {}
    for name, measure in MEASURES.items():
        scores = [max(measure(plane), 1e-12) for plane in light]
        errors[name] = fit_peak(z_um, scores).z_um
    return errors
