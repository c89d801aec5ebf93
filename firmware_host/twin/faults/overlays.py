"""What lies above the tissue: a stroke of ink, dust and fibres, the rim of a bubble. Pure pictures, drawn at any pitch.

Nothing here knows of focus: `firmware_host.twin.plane` blurs it.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from firmware_host.twin.noise import cloud

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Told = Callable[[], None]
"""Called whenever something of it is in view."""

_INK = {"black": (2.6, 2.6, 2.4), "blue": (3.0, 1.9, 0.5), "green": (2.6, 0.7, 2.2), "red": (0.3, 2.4, 2.2)}
_WAVY_UM = 1024
_CELL_UM = 64.0
_RIM_SHARE, _RIM_UM = 0.12, (4.0, 40.0)  # width of a bubble's rim: share of its radius, and bounds


@dataclass(frozen=True)
class Stroke:
    """Ink of a felt pen: a straight stroke with round ends and ragged edges, streaky along its way.

    :param middle_um: on the slide; :param angle: from x towards y, radians.
    """

    middle_um: tuple[float, float]
    angle: float
    length_um: float
    width_um: float
    height_um: float
    colour: str
    seed: int
    seen: Told

    def contrast(self, x_um: Doubles, y_um: Doubles) -> Floats | None:
        along, across = _turned(x_um, y_um, self.middle_um, self.angle)
        pitch_um = float(x_um[1] - x_um[0])
        straight = max(self.length_um - self.width_um, 0) / 2
        distance = np.hypot(np.maximum(np.abs(along) - straight, 0), across) - self.width_um / 2
        if float(distance.min()) > 0:
            return None
        self.seen()
        wavy = _waves(self.seed)
        ragged = distance + 0.02 * self.width_um * _at(wavy, along, across, 0.5)
        ink = np.clip(0.5 - ragged / max(pitch_um, 3.0), 0, 1)
        ink *= np.clip(0.85 + 0.12 * _at(wavy, 0.02 * along, across, 3.0), 0.3, 1.2)
        return _passing(ink, _INK[self.colour])


@dataclass(frozen=True)
class Rim:
    """The rim of a bubble: light is bent out of the objective there, so that it is dark, with a bright line within."""

    middle_um: tuple[float, float]
    radius_um: float
    height_um: float
    seen: Told

    def contrast(self, x_um: Doubles, y_um: Doubles) -> Floats | None:
        distance = np.hypot(x_um[None, :] - self.middle_um[0], y_um[:, None] - self.middle_um[1]) - self.radius_um
        width_um = min(max(_RIM_SHARE * self.radius_um, _RIM_UM[0]), _RIM_UM[1])
        if float(distance.min()) > width_um / 2 or float(distance.max()) < -2 * width_um:
            return None
        self.seen()
        pitch_um = float(x_um[1] - x_um[0])
        soft_um = max(pitch_um, 0.6)
        dark = np.clip(0.5 - (np.abs(distance) - width_um / 2) / soft_um, 0, 1)
        bright = np.exp(-(((distance + 0.75 * width_um) / max(0.12 * width_um, soft_um)) ** 2))
        return _passing(dark - 0.08 * bright, (2.8, 2.8, 2.8))


@dataclass(frozen=True)
class Dirt:
    """Specks and fibres in a round area, as many in each cell of a grid as chance has it; small, dark and sharp."""

    middle_um: tuple[float, float]
    radius_um: float
    height_um: float
    specks_per_mm2: float
    seed: int
    seen: Told

    def contrast(self, x_um: Doubles, y_um: Doubles) -> Floats | None:
        pitch_um = float(x_um[1] - x_um[0])
        depth = np.zeros((len(y_um), len(x_um)))
        found = False
        columns, rows = (
            range(math.floor(edge[0] / _CELL_UM) - 1, math.floor(edge[-1] / _CELL_UM) + 2) for edge in (x_um, y_um)
        )
        for row in rows:
            for column in columns:
                for speck in _specks(self.seed, column, row, self.specks_per_mm2 * (_CELL_UM / 1e3) ** 2):
                    place_um = ((column + speck[0]) * _CELL_UM, (row + speck[1]) * _CELL_UM)
                    if math.dist(place_um, self.middle_um) < self.radius_um:
                        found = _draw(depth, x_um, y_um, pitch_um, place_um, speck) or found
        if not found:
            return None
        self.seen()
        return _passing(depth, (1.0, 1.05, 1.15))


@functools.lru_cache(maxsize=4)
def _waves(seed: int) -> Floats:
    """A texture of 1 um a sample."""
    return cloud(np.random.default_rng([seed, 43]), _WAVY_UM, 12, 400, 1.2)


@functools.lru_cache(maxsize=4096)
def _specks(seed: int, column: int, row: int, mean: float) -> tuple[list[float], ...]:
    """Of one cell: six numbers each, 0 to 1: where in it, and how it is."""
    rng = np.random.Generator(np.random.PCG64([seed, 47, column % (1 << 32), row % (1 << 32)]))
    return tuple(rng.random((rng.poisson(mean), 6)).tolist())


def _draw(
    depth: Doubles, x_um: Doubles, y_um: Doubles, pitch_um: float, place_um: tuple[float, float], speck: list[float]
) -> bool:
    """A grain, or one time in sixteen a fibre, averaged where it is finer than the pitch; whether it is in view.

    :param speck: as `_specks` makes them.
    """
    is_fibre = speck[2] < 0.06
    half_um, long = (0.7 + 0.8 * speck[3], 15 + 50 * speck[4]) if is_fibre else (0.6 + 4 * speck[3] ** 3, 1 + speck[4])
    wide_um = max(half_um, 0.5 * pitch_um)  # as it is drawn, half of its width and of its length
    long_um = max(half_um * long, wide_um)
    reach_um = 1.2 * long_um + 2 * pitch_um
    left, right = np.searchsorted(x_um, (place_um[0] - reach_um, place_um[0] + reach_um))
    top, bottom = np.searchsorted(y_um, (place_um[1] - reach_um, place_um[1] + reach_um))
    if left == right or top == bottom:
        return False
    along, across = _turned(x_um[left:right], y_um[top:bottom], place_um, math.pi * speck[5])
    if is_fibre:
        across = across + 0.15 * long_um * np.cos(3 * along / long_um)
    body = np.hypot(np.maximum(np.abs(along) - (long_um - wide_um), 0), across) - wide_um
    thinned = half_um**2 * long / (wide_um * long_um)
    ink = np.clip(0.5 - body / max(pitch_um, 0.4), 0, 1) * (1.8 - 0.9 * speck[4]) * thinned
    window = depth[top:bottom, left:right]
    np.maximum(window, ink, out=window)
    return True


def _turned(x_um: Doubles, y_um: Doubles, middle_um: tuple[float, float], angle: float) -> tuple[Doubles, Doubles]:
    """(H, W) coordinates along a direction and across it."""
    dx, dy = (x_um - middle_um[0])[None, :], (y_um - middle_um[1])[:, None]
    return dx * math.cos(angle) + dy * math.sin(angle), dy * math.cos(angle) - dx * math.sin(angle)


def _at(texture: Floats, along_um: Doubles, across_um: Doubles, scale: float) -> Floats:
    """A texture of 1 um times `scale` per sample, at places that need not lie on a grid."""
    size = texture.shape[0]
    rows = np.round(across_um / scale).astype(np.int64) % size
    columns = np.round(along_um / scale).astype(np.int64) % size
    return np.asarray(texture[rows, columns])


def _passing(depth: Doubles, absorbance: tuple[float, float, float]) -> Floats:
    """(3, H, W): light that passes less 1."""
    return np.stack([np.expm1(-depth * share) for share in absorbance]).astype(np.float32)
