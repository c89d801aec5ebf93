"""How far a tile is from focus, told by its own focus frames: the network is not asked, so this judges it.

Detail of every size fades with defocus at its own pace, which in optical units is nearly the same for every objective
and slide. Frames of one field at known heights differ by nothing but defocus, so the ratios of their detail tell where
they stand, whatever the tissue. How often that is right: `wsi-bench run --suite quality`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from firmware_host.quality.detail import COARSE, MIDDLE, Detail

Floats = NDArray[np.float64]

REACH_DOF = 8.0
"""How far from focus a tile may be and still be told; a focus frame farther from the tile is not looked at."""

_STEP_DOF = 0.05
_STEEPNESS = np.arange(0.6, 1.11, 0.02)  # beyond, it is no slide: all tiles are out of focus alike
LEAST_APART_DOF = 0.3
_AT_DOF = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0)
_FADE = {
    COARSE: (0.0, -0.05, -0.21, -0.45, -0.79, -1.20, -1.67, -2.68, -3.63, -4.49, -5.96),
    MIDDLE: (0.0, -0.13, -0.52, -1.19, -2.16, -3.29, -4.12, -5.20, -6.42, -7.20, -8.18),
}
_FADE_ERROR = {
    COARSE: (0.0, 0.04, 0.08, 0.10, 0.12, 0.12, 0.12, 0.15, 0.26, 0.44, 0.69),
    MIDDLE: (0.0, 0.04, 0.13, 0.27, 0.49, 0.70, 0.90, 1.30, 1.12, 0.89, 0.67),
}
"""ln of the energy that is left at a distance from focus, and how much slides and objectives differ in it.

Means and standard deviations over the emulated slides 100 to 119, 10x/0.40 to 20x/0.75, 1 to 4 um thick, with spherical
aberration of either sign (`benchmarks/quality.py`).
"""

_ERROR = 0.10  # of a measured ratio, noise and the field's own unevenness
_SHARPNESS, _SHARPNESS_ERROR = -2.5, 0.5  # `sharpness_of` a tile in focus, where no neighbour tells: -2.9 to -2.1 here
_TISSUE_ERROR = 0.3  # of sharpness against neighbours: 0.03 to 0.13 between fields of one emulated slide
_LEAST_PATCHES = 3
_FEW_PATCHES, _UNCHANGED, _UNCHANGED_APART_DOF = 8, 0.15, 1.0  # so few, so alike in ln of energy, at such distances
_CAP = 4.0  # of the median: one fold or one speck of dirt must not decide alone
FLOOR_SHARE = 0.1  # of the noise: energy below it is not told from none


def sharpness_of(tile: Detail) -> float | None:
    """ln of the middle over the coarse detail, where there is texture: falls with defocus, and differs with tissue."""
    textured = tile.textured
    if textured.sum() < _LEAST_PATCHES:
        return None
    coarse, middle = (np.maximum(tile.energy[textured, band].astype(np.float64), 0) for band in (COARSE, MIDDLE))
    weight = _weights(coarse)
    floor = FLOOR_SHARE * float((weight * tile.noise[textured]).sum())
    return math.log(max(float((weight * middle).sum()), floor) / float((weight * coarse).sum()))


def defocus_dof(
    tile: Detail, others: Sequence[tuple[float, Detail]], fallen: float | None = None, steepness: float = 1.0
) -> float | None:
    """The tile's z minus that of focus, in depths of field; None when its frames do not tell.

    The most likely place, errors taken as independent.

    :param tile: its detail, not yet corrected for shading; :param others: focus frames of the same field at the same
        patches, each with its z minus the tile's, DoF.
    :param fallen: the tile's `sharpness_of` less that of neighbours in focus, where it is known: tells heights apart
        at which the frames differ alike.
    :param steepness: how many times as quickly as in the tables detail fades on this slide.
    """
    at = np.arange(-REACH_DOF, REACH_DOF + _STEP_DOF / 2, _STEP_DOF)
    unlikely = _unlikely(tile, others, at, np.array(steepness))
    if unlikely is None:
        return None
    sharpness, error = sharpness_of(tile), _TISSUE_ERROR
    if fallen is None and sharpness is not None:
        fallen, error = sharpness - _SHARPNESS, _SHARPNESS_ERROR
    if fallen is not None:
        (coarse, coarse_error), (middle, middle_error) = (fade(band, steepness * at) for band in (COARSE, MIDDLE))
        error2 = error**2 + coarse_error**2 + middle_error**2
        unlikely += (fallen - (middle - coarse)) ** 2 / error2 + np.log(error2)
    return float(at[int(np.argmin(unlikely))])


def steepness_in_focus(tile: Detail, others: Sequence[tuple[float, Detail]]) -> float | None:
    """The `steepness` of a slide, told by one tile, supposed that it is in focus; None when its frames do not tell.

    A condenser that is stopped down, and a thick section, let detail fade more slowly.
    """
    unlikely = _unlikely(tile, others, np.array(0.0), _STEEPNESS)
    return None if unlikely is None else float(_STEEPNESS[int(np.argmin(unlikely))])


def is_dust(tile: Detail, others: Sequence[tuple[float, Detail]]) -> bool:
    """Whether what little there is in a field looks alike at every height, as dust on the sensor does."""
    textured = tile.textured
    far = [other for apart_dof, other in others if abs(apart_dof) >= _UNCHANGED_APART_DOF]
    if not far or not _LEAST_PATCHES <= textured.sum() < _FEW_PATCHES:
        return False
    ratios = (_log_ratio(tile, other, textured, band)[0] for other in far for band in (COARSE, MIDDLE))
    return all(abs(ratio) < _UNCHANGED for ratio in ratios)


def _unlikely(tile: Detail, others: Sequence[tuple[float, Detail]], at_dof: Floats, steepness: Floats) -> Floats | None:
    """-2 ln of the likelihood that the tile is so far from focus; None when no frame tells."""
    total: Floats | None = None
    for apart_dof, other in others:
        textured = tile.textured | other.textured
        if not LEAST_APART_DOF <= abs(apart_dof) <= REACH_DOF or textured.sum() < _LEAST_PATCHES:
            continue
        for band in (COARSE, MIDDLE):
            here, here_error = fade(band, steepness * at_dof)
            there, there_error = fade(band, steepness * (at_dof + apart_dof))
            seen, least, most = _log_ratio(tile, other, textured, band)
            error2 = _ERROR**2 + here_error**2 + there_error**2
            term = (seen - np.clip(here - there, least, most)) ** 2 / error2 + np.log(error2)
            total = term if total is None else total + term
    return total


def fade(band: int, defocus_dof: Floats) -> tuple[Floats, Floats]:
    """ln of the energy left in a band, and its error."""
    distance = np.abs(defocus_dof)
    left, error = (np.interp(distance, _AT_DOF, table[band]) for table in (_FADE, _FADE_ERROR))
    return np.asarray(left), np.asarray(error)


def _weights(energy: Floats) -> Floats:
    """Of patches: less for those that hold far more than the others."""
    return np.asarray(np.minimum(1.0, _CAP * np.median(energy) / np.maximum(energy, 1e-9)))


def _log_ratio(tile: Detail, other: Detail, textured: NDArray[np.bool_], band: int) -> tuple[float, float, float]:
    """ln(tile's energy / other's), and what it can be at least and at most, as noise hides what is below it."""
    here, there = (each.energy[textured, band].astype(np.float64) for each in (tile, other))
    both = np.maximum(here, 0) + np.maximum(there, 0)
    weight = _weights(both)
    floor = FLOOR_SHARE * float((weight * (tile.noise + other.noise)[textured]).sum()) / 2 + 1e-6
    first, second = (max(float((weight * each).sum()), floor) for each in (here, there))
    ratio = float(np.log(first / second))
    return ratio, float(np.log(floor / second)), float(np.log(first / floor))
