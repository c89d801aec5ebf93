"""Specimens that differ from the one below: none at all, one with a hole of air, one that is folded."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from firmware_host.twin.faults.overlays import Told
from firmware_host.twin.section import Matter, Specimen

Floats = NDArray[np.float32]

_AIR_EDGE_UM = 3.0
_CREASE_UM = 6.0  # over this much a fold rises


class Changed:
    """The specimen below, as far as nothing is changed."""

    def __init__(self, below: Specimen, pixel_um: float, seen: Told) -> None:
        self._below = below
        self._pixel_um = pixel_um
        self._seen = seen

    @property
    def absorbance(self) -> Floats:
        return self._below.absorbance

    @property
    def thickness_um(self) -> float:
        return self._below.thickness_um

    def _places(self, column: int, row: int, width: int, height: int) -> tuple[Floats, Floats]:
        """x of the columns and y of the rows on the slide, um."""
        x = np.arange(column, column + width) * self._pixel_um
        y = np.arange(row, row + height) * self._pixel_um
        return x.astype(np.float32)[None, :], y.astype(np.float32)[:, None]


class Bare(Changed):
    """No tissue anywhere."""

    def matter(self, column: int, row: int, width: int, height: int) -> Matter:
        matter = self._below.matter(column, row, width, height)
        self._seen()
        return replace(matter, stain=np.zeros_like(matter.stain))


class Airy(Changed):
    """No tissue within a circle."""

    def __init__(
        self, below: Specimen, pixel_um: float, seen: Told, middle_um: tuple[float, float], radius_um: float
    ) -> None:
        super().__init__(below, pixel_um, seen)
        self._middle_um, self._radius_um = middle_um, radius_um

    def matter(self, column: int, row: int, width: int, height: int) -> Matter:
        matter = self._below.matter(column, row, width, height)
        x_um, y_um = self._places(column, row, width, height)
        distance = np.hypot(x_um - self._middle_um[0], y_um - self._middle_um[1]) - self._radius_um
        if distance.min() > _AIR_EDGE_UM:
            return matter
        self._seen()
        outside = np.clip(0.5 + distance / _AIR_EDGE_UM, 0, 1)
        return replace(matter, stain=matter.stain * outside)


class Folded(Changed):
    """Tissue from beside the band lies on top of the tissue in it.

    :param angle: of the band, from x towards y, radians; :param up_um: how much higher the middle of both lies.
    """

    def __init__(
        self,
        below: Specimen,
        pixel_um: float,
        seen: Told,
        middle_um: tuple[float, float],
        angle: float,
        width_um: float,
        up_um: float,
    ) -> None:
        super().__init__(below, pixel_um, seen)
        self._middle_um, self._angle = middle_um, angle
        self._width_um, self._up_um = width_um, up_um

    def matter(self, column: int, row: int, width: int, height: int) -> Matter:
        matter = self._below.matter(column, row, width, height)
        x_um, y_um = self._places(column, row, width, height)
        dx, dy = x_um - self._middle_um[0], y_um - self._middle_um[1]
        cosine, sine = math.cos(self._angle), math.sin(self._angle)
        along, across = dx * cosine + dy * sine, dy * cosine - dx * sine
        swerve = 0.15 * self._width_um * np.sin(along / (2.2 * self._width_um)) + 0.04 * self._width_um * np.sin(
            along / (0.35 * self._width_um)
        )
        inside = self._width_um / 2 - np.abs(across + swerve)
        if inside.max() < 0:
            return matter
        self._seen()
        lies = np.clip(inside / 1.5, 0, 1)
        rises = np.clip(inside / _CREASE_UM, 0, 1)
        rises = (rises * rises * (3 - 2 * rises)).astype(np.float32)
        beside = round(1.3 * self._width_um / self._pixel_um)
        there = (column + round(beside * sine), row - round(beside * cosine))
        double = self._below.matter(*there, width, height).stain
        edge = np.exp(-(((inside - 2.0) / 1.5) ** 2)) * lies
        stain = matter.stain + double * (lies + 0.5 * edge)
        offset_um = matter.offset_um - self._up_um * rises
        return Matter(stain.astype(np.float32), offset_um.astype(np.float32), matter.relief_um + self._up_um)
