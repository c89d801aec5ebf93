"""Optical units: the lengths in which every objective gives the same picture. Pure formulas, no state.

Across the image lengths count in lambda/NA, along the axis in depths of field (DoF). In these units the paraxial
image of a thin section through any objective is the same, so one network serves them all (docs/architecture.md).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Objective:
    """The objective as far as focusing is concerned.

    :param na: numerical aperture, 0 < na < immersion_index.
    :param wavelength_um: mean wavelength of the light in vacuum, um.
    :param immersion_index: refractive index between front lens and cover slip (1.0 for a dry objective).
    """

    na: float
    wavelength_um: float = 0.55
    immersion_index: float = 1.0

    @property
    def depth_of_field_um(self) -> float:
        """The wave-optical depth of field lambda·n/NA², um.

        The detector's term n·e/(M·NA) of the full formula (Inoué & Spring, Video Microscopy, 1997) is left out on
        purpose: it would only widen what counts as in focus. |error| <= DoF/2 is the quarter-wave criterion.
        """
        return self.wavelength_um * self.immersion_index / self.na**2

    @property
    def lateral_unit_um(self) -> float:
        """lambda/NA, um: the unit for lengths across the image."""
        return self.wavelength_um / self.na
