"""The emulated slide: a specimen lying on a glass that is tilted and bumpy. It knows where focus truly is."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Surface:
    """Stage z at which the slide is in focus, um, as a smooth function of the place on the slide.

    :param mean_um: z at `centre_um`.
    :param slope: (dz/dx, dz/dy), um per um.
    :param waves: rows of (amplitude um, wavelength um, direction rad, phase rad).
    """

    mean_um: float
    centre_um: tuple[float, float]
    slope: tuple[float, float]
    waves: tuple[tuple[float, float, float, float], ...]

    def z_um(self, x_um: NDArray[np.float64], y_um: NDArray[np.float64]) -> NDArray[np.float64]:
        """z at the points, um; x and y broadcast against each other."""
        dx, dy = x_um - self.centre_um[0], y_um - self.centre_um[1]
        z = self.mean_um + self.slope[0] * dx + self.slope[1] * dy
        for amplitude, wavelength, direction, phase in self.waves:
            along = dx * math.cos(direction) + dy * math.sin(direction)
            z = z + amplitude * np.sin(2 * math.pi * along / wavelength + phase)
        return np.asarray(z)


def draw_surface(
    seed: int, mean_um: float, centre_um: tuple[float, float], tilt_um_per_mm: float, bump_um: float
) -> Surface:
    """A slide clamped a little askew: tilt in a random direction, three long bumps of `bump_um` in all."""
    rng = np.random.default_rng([seed, 7])
    direction = rng.uniform(0, 2 * math.pi)
    tilt = tilt_um_per_mm * 1e-3 * rng.uniform(0.6, 1.4)
    slope = (tilt * math.cos(direction), tilt * math.sin(direction))
    mean = mean_um + rng.uniform(-15, 15)
    waves = tuple(
        (
            float(bump_um * share * rng.uniform(0.7, 1.3)),
            float(rng.uniform(4000, 9000)),
            float(rng.uniform(0, math.pi)),
            float(rng.uniform(0, 2 * math.pi)),
        )
        for share in (0.5, 0.3, 0.2)
    )
    return Surface(mean, centre_um, slope, waves)
