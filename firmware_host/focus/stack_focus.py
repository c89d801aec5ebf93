"""Where focus is within a z-stack: a contrast peak for each region of the field, and what they say together.

The slow, sure way, for stacks to learn from. The focus loop does not use it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from firmware_host.focus.contrast import brenner, fit_peak, luminance
from firmware_host.focus.vote import weighted_median, weighted_spread
from firmware_host.patches import grid

REGION_PX = 128  # the side of a patch at the network's own sampling
_LEAST_CONTRAST = 0.25  # a region whose curve varies less has nothing to focus on
_MOST = 2 / 3  # of the weight; of a normal distribution about as much lies within one standard deviation


@dataclass(frozen=True)
class StackFocus:
    """What the regions of a field say together.

    :param z_um: weighted median of their peaks; :param spread_um: robust standard deviation around it.
    :param reach_um: within it lie two thirds of the regions, by weight. The spread cannot see that just under half of
        them have another focus, as where a section is folded.
    :param regions: how many regions had something to focus on.
    :param at_edge: z lies in the first or the last step of the stack: the true focus may lie outside.
    """

    z_um: float
    spread_um: float
    reach_um: float
    regions: int
    at_edge: bool


def region_sharpness(image: NDArray[np.uint8], side_px: int = REGION_PX) -> NDArray[np.float64]:
    """(regions,) Brenner's measure of the luminance of each square of an (H, W, 3) uint8 image, above 0."""
    squares = grid(image, side_px).reshape(-1, side_px, side_px, 3)
    return np.array([brenner(luminance(square)) + 1e-6 for square in squares])


def stack_focus(z_um: NDArray[np.float64], sharpness: NDArray[np.float64]) -> StackFocus | None:
    """The focus of a stack; None when no region has texture.

    :param z_um: (planes,) strictly increasing, three at least.
    :param sharpness: (planes, regions) of `region_sharpness`.
    :raises ValueError: not as described.
    """
    peaks = [fit_peak(z_um.tolist(), column.tolist()) for column in sharpness.T]
    told = [peak for peak in peaks if peak.contrast >= _LEAST_CONTRAST]
    if not told:
        return None
    places, weights = [peak.z_um for peak in told], [peak.contrast for peak in told]
    middle = weighted_median(places, weights)
    at_edge = bool(middle < z_um[1] or middle > z_um[-2])
    return StackFocus(
        z_um=middle,
        spread_um=weighted_spread(places, weights, middle),
        reach_um=_reach(np.abs(np.array(places) - middle), np.array(weights)),
        regions=len(told),
        at_edge=at_edge,
    )


def fault_of(found: StackFocus | None, min_regions: int, max_spread_um: float) -> str:
    """Why a field cannot be learned from, in words; empty when it can."""
    regions = 0 if found is None else found.regions
    if found is None or regions < min_regions:
        return f"{regions} regions with texture, {min_regions} are needed"
    if found.at_edge:
        return f"sharpest at an end of the stack, z = {found.z_um:.2f} um: focus may lie outside"
    disagreement_um = max(found.spread_um, found.reach_um)
    if disagreement_um > max_spread_um:
        return f"its regions disagree by {disagreement_um:.2f} um, {max_spread_um:.2f} um is allowed"
    return ""


def _reach(distance: NDArray[np.float64], weight: NDArray[np.float64]) -> float:
    """The distance within which most of the weight lies."""
    order = np.argsort(distance, kind="stable")
    share = np.cumsum(weight[order])
    return float(distance[order][int(np.searchsorted(share, _MOST * share[-1] * (1 - 1e-12)))])
