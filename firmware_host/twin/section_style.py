"""How one section differs from another: its stains, glands, nuclei and fibres, drawn at random."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class SectionStyle:
    """How one section differs from another; the emulated slide's own is drawn from its seed by `draw_style`."""

    absorbance: tuple[tuple[float, float, float], tuple[float, float, float]]
    gland_share: float
    nucleus_radius_um: float
    crowding: float
    fibre_um: float
    grain: float


def draw_style(rng: np.random.Generator) -> SectionStyle:
    """A plausible H&E-like or immunostain-like section."""
    strength = rng.uniform(0.75, 1.35)
    if rng.random() < 0.75:
        nuclear, plasma = np.array([0.98, 1.12, 0.52]), np.array([0.12, 0.92, 0.38])
    else:  # DAB brown over a pale blue counterstain
        nuclear, plasma = np.array([0.62, 0.95, 1.35]), np.array([0.42, 0.33, 0.18])
    jitter = rng.uniform(0.8, 1.2, (2, 3))
    table = np.stack([nuclear, plasma]) * jitter * strength
    nuclear_rgb, plasma_rgb = (tuple(float(value) for value in row) for row in table)
    return SectionStyle(
        absorbance=(nuclear_rgb, plasma_rgb),  # type: ignore[arg-type]
        gland_share=float(rng.uniform(0.3, 0.75)),
        nucleus_radius_um=float(rng.uniform(2.3, 3.4)),
        crowding=float(rng.uniform(0.7, 1.0)),
        fibre_um=float(rng.uniform(1.0, 2.2)),
        grain=float(rng.uniform(0.7, 1.3)),
    )
