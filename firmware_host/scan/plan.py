"""Where to look: regions, the coarse grid, and the serpentine path of the fields. Pure geometry."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from firmware_host.errors import UsageError
from firmware_host.profile_tables import CameraTable


@dataclass(frozen=True)
class Region:
    """A rectangle of the slide in stage coordinates, um; x0 < x1, y0 < y1."""

    x0_um: float
    y0_um: float
    x1_um: float
    y1_um: float

    @property
    def width_um(self) -> float:
        return self.x1_um - self.x0_um

    @property
    def height_um(self) -> float:
        return self.y1_um - self.y0_um


@dataclass(frozen=True)
class Site:
    """Where a field is taken: its middle in stage coordinates, and its place in the grid."""

    row: int
    col: int
    x_um: float
    y_um: float


def parse_region(text: str) -> Region:
    """A region from "X0,Y0,X1,Y1" in mm.

    :raises UsageError: not four finite numbers, or the second corner is not beyond the first.
    """
    try:
        x0, y0, x1, y1 = (float(part) * 1e3 for part in text.split(","))
    except ValueError as error:
        raise UsageError(
            f"region {text!r}: expected four numbers X0,Y0,X1,Y1 in mm, such as 2.0,1.5,4.5,3.0"
        ) from error
    if not all(math.isfinite(value) for value in (x0, y0, x1, y1)) or x0 >= x1 or y0 >= y1:
        raise UsageError(f"region {text!r}: X1 must be greater than X0 and Y1 greater than Y0, all finite, in mm")
    return Region(x0, y0, x1, y1)


def grid_sites(region: Region, pitch_um: tuple[float, float], field_um: tuple[float, float]) -> list[list[Site]]:
    """Rows of sites whose fields cover the region, the grid being centred on it.

    :param pitch_um: (x, y) distance of neighbours; :param field_um: (width, height) of a field.
    """
    columns, x = _spread(region.x0_um, region.x1_um, pitch_um[0], field_um[0])
    rows, y = _spread(region.y0_um, region.y1_um, pitch_um[1], field_um[1])
    return [
        [Site(row, col, x + col * pitch_um[0], y + row * pitch_um[1]) for col in range(columns)] for row in range(rows)
    ]


def serpentine(rows: Sequence[Sequence[Site]]) -> list[Site]:
    """The sites in scanning order: every second row backwards, so that each is next to the one before."""
    return [site for row in rows for site in (row if row and row[0].row % 2 == 0 else row[::-1])]


def sites_near(
    rows: Sequence[Sequence[Site]],
    coarse: Sequence[Sequence[Site]],
    mask: NDArray[np.bool_],
    reach_um: tuple[float, float],
) -> list[list[Site]]:
    """The sites whose middle lies within (x, y) reach of the middle of a coarse cell that holds tissue.

    :param mask: (rows, columns) of the coarse grid.
    """
    held = np.array([(s.x_um, s.y_um) for line in coarse for s in line if mask[s.row, s.col]]).reshape(-1, 2)

    def near(site: Site) -> bool:
        return bool(np.any(np.all(np.abs(held - (site.x_um, site.y_um)) < reach_um, axis=1)))

    return [[site for site in row if near(site)] for row in rows]


def sites_apart(region: Region, sites: Sequence[Site], field_um: tuple[float, float]) -> list[Site]:
    """Fields that touch and do not overlap, wherever the middle of one of `sites` lies; in scanning order.

    :param sites: the fields of `region` that hold tissue, which may overlap.
    """
    held = np.array([(site.x_um, site.y_um) for site in sites]).reshape(-1, 2)
    half = np.array(field_um) / 2 + 1e-6

    def holds(site: Site) -> bool:
        return bool(np.any(np.all(np.abs(held - (site.x_um, site.y_um)) <= half, axis=1)))

    return [site for site in serpentine(grid_sites(region, field_um, field_um)) if holds(site)]


def corners_px(places_um: Sequence[tuple[float, float]], camera: CameraTable) -> list[tuple[int, int]]:
    """(x, y) of the top left pixel of each field in the picture of the whole slide, which runs along the camera's rows.

    :param places_um: (x, y) of the stage at each field, one or more.
    """
    left_um, top_um = min(x for x, _ in places_um), min(y for _, y in places_um)
    corners = [camera.view_px(x - left_um, y - top_um) for x, y in places_um]
    left, top = min(right for right, _ in corners), min(down for _, down in corners)
    return [(round(right - left), round(down - top)) for right, down in corners]


def spread_order(sites: Sequence[Site]) -> list[Site]:
    """The sites in such an order that the first few, however many, lie spread over all of them.

    The middle one comes first, then always the one that is farthest from those before it.
    """
    if not sites:
        return []
    places = np.array([(site.x_um, site.y_um) for site in sites])
    order = [int(np.argmin(np.hypot(*(places - places.mean(axis=0)).T)))]
    distance = np.full(len(sites), np.inf)
    while len(order) < len(sites):
        distance = np.minimum(distance, np.hypot(*(places - places[order[-1]]).T))
        distance[order[-1]] = -1.0
        order.append(int(np.argmax(distance)))
    return [sites[index] for index in order]


def _spread(low: float, high: float, pitch: float, size: float) -> tuple[int, float]:
    """How many fields of `size` at `pitch` cover low to high, and where the middle of the first lies."""
    count = max(1, math.ceil((high - low - size) / pitch - 1e-9) + 1)
    return count, (low + high) / 2 - (count - 1) * pitch / 2
