"""Whether a tile is in focus all over: each of its patches is told from focus by the tile's own focus frames.

Where tissue is folded, or lies over a bubble, a field has two heights, and no tile can show both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from firmware_host.quality.defocus import FLOOR_SHARE, LEAST_APART_DOF, Floats, fade
from firmware_host.quality.detail import COARSE, MIDDLE, Detail

_REACH_DOF, _STEP_DOF = 5.0, 0.1
_ERROR = 0.3  # of a patch's measured ratio
_LEAST_PATCHES = 12
_IN_FOCUS_DOF, _OFF_DOF = 0.75, 1.0
_MOST_OFF = 0.2  # of the patches: up to 0.1 on emulated tissue, 0.2 at the end of a fold, 0.3 to 0.7 over it
_LEAST_IN_FOCUS = 0.1


@dataclass(frozen=True)
class Evenness:
    """Where the patches of a tile are.

    :param in_focus: share of those that are in focus; :param off: of those that are more than 1 DoF from these.
    """

    in_focus: float
    off: float

    @property
    def is_uneven(self) -> bool:
        """Whether some of the tile is in focus, and more than a fifth of it is not."""
        return self.in_focus > _LEAST_IN_FOCUS and self.off > _MOST_OFF


def evenness(tile: Detail, others: Sequence[tuple[float, Detail]], steepness: float) -> Evenness | None:
    """None when too few patches tell. Arguments as in `defocus.defocus_dof`."""
    off_dof = _defocus_of_patches(tile, others, steepness)
    if off_dof is None or len(off_dof) < _LEAST_PATCHES:
        return None
    in_focus = np.abs(off_dof) < _IN_FOCUS_DOF
    middle = float(np.median(off_dof[in_focus])) if in_focus.any() else 0.0
    return Evenness(float(in_focus.mean()), float((np.abs(off_dof - middle) > _OFF_DOF).mean()))


def _defocus_of_patches(tile: Detail, others: Sequence[tuple[float, Detail]], steepness: float) -> Floats | None:
    """Of each textured patch the likeliest distance from focus, DoF; None when no frame tells."""
    at = np.arange(-_REACH_DOF, _REACH_DOF + _STEP_DOF / 2, _STEP_DOF)
    total: Floats | None = None
    textured = tile.textured
    for apart_dof, other in others:
        if not LEAST_APART_DOF <= abs(apart_dof) <= _REACH_DOF:
            continue
        textured = textured | other.textured
        floor = FLOOR_SHARE * (tile.noise + other.noise) / 2 + 1e-6
        for band in (COARSE, MIDDLE):
            (here, here_error), (there, there_error) = (
                fade(band, steepness * at),
                fade(band, steepness * (at + apart_dof)),
            )
            first, second = (
                np.maximum(each.energy[:, band], floor).astype(np.float64)[:, None] for each in (tile, other)
            )
            expected = np.clip(here - there, np.log(floor[:, None] / second), np.log(first / floor[:, None]))
            error2 = _ERROR**2 + here_error**2 + there_error**2
            term = (np.log(first / second) - expected) ** 2 / error2 + np.log(error2)
            total = term if total is None else total + term
    return None if total is None else at[np.argmin(total[textured], axis=1)]
