"""A procedural stained tissue section: glands, stroma, nuclei, gaps, a fold, specks. Deterministic by its seed.

The section is made block by block when a field looks at it, so a whole slide costs no memory. It says how much of
each stain lies where and at which height; it knows nothing of light, lenses or cameras.
"""

from __future__ import annotations

import itertools
import math
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from firmware_host.twin.noise import cloud, sample, streaks
from firmware_host.twin.section_style import SectionStyle, draw_style

Floats = NDArray[np.float32]

_BLOCK_UM = 128.0
_TEXTURE_PX = 1024
_GLAND_PITCH_UM = 105.0
_NUCLEUS_PITCH_UM = 5.2
_BLOCKS_KEPT = 40


@dataclass(frozen=True)
class Matter:
    """What lies in one window of a slide.

    :param stain: (2, H, W) float32: density of haematoxylin-like and eosin-like stain, 0 = none, 1 = strong.
    :param offset_um: (H, W) float32: stage z at which the matter of this pixel is in focus, relative to the slide's
        surface there.
    :param relief_um: how much further from the surface than a section's own matter any of this lies.
    """

    stain: Floats
    offset_um: Floats
    relief_um: float = 0.0


class Specimen(Protocol):
    """Anything that can lie on the twin's stage."""

    @property
    def absorbance(self) -> Floats:
        """(2, 3) absorbance (natural log) of each stain at density 1 in red, green and blue."""

    @property
    def thickness_um(self) -> float:
        """Extent of the matter along the axis, um."""

    def matter(self, column: int, row: int, width: int, height: int) -> Matter:
        """The window whose top left pixel is (column, row) of the slide, in camera pixels from the slide's origin."""


class ProceduralSection:
    """A roundish section of tissue with its centre at `centre_um`.

    :param seed: same seed, same section, at any place and in any order of looking.
    :param pixel_um: pixel pitch of the windows that will be asked for.
    :param diameter_um: of the section.
    :param thickness_um: of the section; nuclei lie at different heights in it.
    """

    def __init__(
        self,
        seed: int,
        pixel_um: float,
        centre_um: tuple[float, float],
        diameter_um: float,
        thickness_um: float,
        style: SectionStyle | None = None,
    ) -> None:
        rng = np.random.default_rng([seed, 11])
        self._seed = seed
        self._pixel_um = pixel_um
        self._centre_um = centre_um
        self._radius_um = diameter_um / 2
        self._thickness_um = thickness_um
        self._style = style or draw_style(rng)
        self._block_px = int(_BLOCK_UM / pixel_um / 8) * 8
        self._lobes = rng.uniform(-0.09, 0.09, 5), rng.uniform(0, 2 * np.pi, 5)
        self._fold_angle, self._fold_at = rng.uniform(0, np.pi), rng.uniform(-0.45, 0.45) * self._radius_um
        per_um = 1 / pixel_um
        self._grain = cloud(rng, _TEXTURE_PX, 2.0, 3 * per_um, 0.6)
        self._mottle = cloud(rng, _TEXTURE_PX, 0.9 * per_um, 30 * per_um, 1.0)
        self._fibre = streaks(rng, _TEXTURE_PX, self._style.fibre_um * per_um, 9.0)
        self._warp = cloud(rng, _TEXTURE_PX, 40.0, 512.0, 1.5)  # per um
        self._blocks: OrderedDict[tuple[int, int], Matter] = OrderedDict()
        self._pool = ThreadPoolExecutor(2)

    @property
    def absorbance(self) -> Floats:
        return np.array(self._style.absorbance, np.float32)

    @property
    def thickness_um(self) -> float:
        return self._thickness_um

    def matter(self, column: int, row: int, width: int, height: int) -> Matter:
        stain = np.empty((2, height, width), np.float32)
        offset = np.empty((height, width), np.float32)
        size = self._block_px
        rows = range(row // size, (row + height - 1) // size + 1)
        columns = range(column // size, (column + width - 1) // size + 1)
        for (block_column, block_row), block in self._seen(list(itertools.product(columns, rows))):
            top, left = block_row * size - row, block_column * size - column
            inner = (
                slice(max(top, 0), min(top + size, height)),
                slice(max(left, 0), min(left + size, width)),
            )
            source = (
                slice(inner[0].start - top, inner[0].stop - top),
                slice(inner[1].start - left, inner[1].stop - left),
            )
            stain[:, *inner] = block.stain[:, *source]
            offset[inner] = block.offset_um[source]
        return Matter(stain, offset)

    def _seen(self, places: list[tuple[int, int]]) -> list[tuple[tuple[int, int], Matter]]:
        """The blocks at these places, (column, row); those that nobody has seen lately are made side by side."""
        missing = [place for place in places if place not in self._blocks]
        self._blocks.update(zip(missing, self._pool.map(self._make_block, missing), strict=True))
        for place in places:
            self._blocks.move_to_end(place)
        found = [(place, self._blocks[place]) for place in places]
        while len(self._blocks) > max(_BLOCKS_KEPT, len(places)):
            self._blocks.popitem(last=False)
        return found

    def _make_block(self, place: tuple[int, int]) -> Matter:
        column, row = place
        size, pitch = self._block_px, self._pixel_um
        rows = np.arange(row * size, (row + 1) * size)
        columns = np.arange(column * size, (column + 1) * size)
        stain = np.zeros((2, size, size), np.float32)
        offset = np.zeros((size, size), np.float32)
        left_um, top_um = columns[0] * pitch, rows[0] * pitch
        # Structure on a grid of about 1 um, with a margin so that nuclei from next door are drawn whole.
        margin, step = 8, 8
        y_um = (np.arange(-margin, size // step + margin + 1) * step + rows[0]) * pitch
        x_um = (np.arange(-margin, size // step + margin + 1) * step + columns[0]) * pitch
        tissue, gland = self._structure(x_um, y_um)
        if not tissue.any():
            return Matter(stain, offset)
        tissue_px = _upsample(tissue, margin, step, size)
        gland_px = _upsample(gland, margin, step, size)
        self._draw_ground(stain[1], tissue_px, gland_px, rows, columns)
        self._draw_nuclei(stain[0], offset, tissue, gland, left_um, top_um, margin, step)
        tissue_mask = np.clip(tissue_px * 3, 0, 1)
        clumps = 0.20 * sample(self._grain, rows, columns) + 0.16 * sample(self._mottle, rows + 59, columns + 733)
        stain[0] *= np.clip(1 + self._style.grain * clumps, 0.3, 1.9) * tissue_mask
        # Matter other than nuclei undulates within the section too.
        mottle = sample(self._mottle, rows + 311, columns + 97)
        lone = stain[0] < 0.05
        offset[lone] = 0.10 * self._thickness_um * mottle[lone]
        np.clip(offset, -self._thickness_um / 2, self._thickness_um / 2, out=offset)
        self._draw_fold(stain, offset, x_um, y_um, margin, step)
        self._draw_specks(stain[0], column, row)
        return Matter(stain, offset)

    def _structure(self, x_um: NDArray[np.float64], y_um: NDArray[np.float64]) -> tuple[Floats, Floats]:
        """How much tissue (0 or 1, soft) and the place in a gland (0 centre, 1 rim, more outside) on a coarse grid."""
        columns, rows = np.round(x_um).astype(np.int64), np.round(y_um).astype(np.int64)
        warp = sample(self._warp, rows, columns)
        dx, dy = x_um[None, :] - self._centre_um[0], y_um[:, None] - self._centre_um[1]
        angle = np.arctan2(dy, dx)
        outline = np.ones_like(angle)
        for order, (size, phase) in enumerate(zip(*self._lobes, strict=True), start=1):
            outline += size * np.cos(order * angle + phase)
        inside = (outline - np.hypot(dx, dy) / self._radius_um) * self._radius_um / 25 + 0.8 * warp
        gaps = sample(self._warp, rows // 2 + 501, columns // 2 + 211)
        tissue = np.clip(np.minimum(inside, (1.65 - gaps) * 6), 0, 1).astype(np.float32)
        gland = np.full(warp.shape, 3.0, np.float32)
        if tissue.any():
            pitch = _GLAND_PITCH_UM
            for cell_row in range(math.floor(y_um[0] / pitch) - 1, math.floor(y_um[-1] / pitch) + 2):
                for cell_column in range(math.floor(x_um[0] / pitch) - 1, math.floor(x_um[-1] / pitch) + 2):
                    draw = _hashed(self._seed, 1, cell_column, cell_row).random(6)
                    if draw[0] > self._style.gland_share:
                        continue
                    gx, gy = (
                        (cell_column + 0.25 + 0.5 * draw[1]) * pitch,
                        (cell_row + 0.25 + 0.5 * draw[2]) * pitch,
                    )
                    radius, turn, long = pitch * (0.30 + 0.18 * draw[3]), draw[4] * np.pi, 1 + 0.5 * draw[5]
                    ax, ay = x_um[None, :] - gx, y_um[:, None] - gy
                    along = (ax * math.cos(turn) + ay * math.sin(turn)) / long
                    across = -ax * math.sin(turn) + ay * math.cos(turn)
                    gland = np.minimum(gland, np.hypot(along, across) / radius + 0.10 * warp)
        return tissue, gland.astype(np.float32)

    def _draw_ground(
        self,
        plasma: Floats,
        tissue: Floats,
        gland: Floats,
        rows: NDArray[np.int64],
        columns: NDArray[np.int64],
    ) -> None:
        """Cytoplasm in the glands' walls, fibres in the stroma between them, nothing in the lumina."""
        warp = _smooth_sample(self._warp, rows / 4, columns / 4)
        other = _smooth_sample(self._warp, rows / 9 + 131, columns / 9 + 577)
        lying = self._bent_fibre(rows, columns, warp)
        standing = self._bent_fibre(columns, rows, other.T).T
        direction = np.clip(0.5 + 2 * other, 0, 1)
        fibre = lying * direction + standing * (1 - direction)
        mottle = sample(self._mottle, rows, columns)
        grain = sample(self._grain, rows + 77, columns + 401)
        stroma = np.clip(0.50 + 0.38 * fibre, 0.03, None)
        cells = np.clip(0.42 + 0.10 * mottle, 0.1, None)
        in_wall = np.clip((1.06 - gland) * 14, 0, 1)
        lumen = np.clip((gland - 0.34) * 12, 0, 1)
        plasma[:] = (stroma * (1 - in_wall) + cells * in_wall * lumen) * (1 + 0.13 * self._style.grain * grain)
        # A thin dark line where the wall meets the stroma: the basement membrane.
        plasma += 0.45 * np.exp(-(((gland - 1.06) * 22) ** 2))
        plasma *= np.clip(tissue * 4, 0, 1)
        np.clip(plasma, 0, None, out=plasma)

    def _bent_fibre(self, rows: NDArray[np.int64], columns: NDArray[np.int64], warp: Floats) -> Floats:
        """The fibre texture, pushed across its direction by up to some 20 um."""
        bent = rows[:, None] + warp * np.float32(9 / self._pixel_um)
        low = np.floor(bent).astype(np.int64)
        share = (bent - low).astype(np.float32)
        along = columns[None, :] % _TEXTURE_PX
        upper = self._fibre.take(low % _TEXTURE_PX * _TEXTURE_PX + along)
        lower = self._fibre.take((low + 1) % _TEXTURE_PX * _TEXTURE_PX + along)
        return upper * (1 - share) + lower * share

    def _draw_nuclei(
        self,
        nuclear: Floats,
        offset: Floats,
        tissue: Floats,
        gland: Floats,
        left_um: float,
        top_um: float,
        margin: int,
        step: int,
    ) -> None:
        """Ellipses with a rim and chromatin, dense in the glands' walls, sparse and long in the stroma."""
        pitch_um, size, style = self._pixel_um, self._block_px, self._style
        cell_um, reach_um = _NUCLEUS_PITCH_UM, 6.0
        first_column, first_row = (math.floor((edge - reach_um) / cell_um) for edge in (left_um, top_um))
        extent_um = size * pitch_um + reach_um
        last_column, last_row = (math.floor((edge + extent_um) / cell_um) for edge in (left_um, top_um))
        for cell_row in range(first_row, last_row + 1):
            # One generator a row of cells: the draws of a cell do not depend on which block asks.
            for cell_column, draw in _row_draws(self._seed, cell_row, first_column, last_column):
                x_um, y_um = (cell_column + draw[0]) * cell_um, (cell_row + draw[1]) * cell_um
                at = (
                    math.floor((y_um - top_um) / pitch_um / step) + margin,
                    math.floor((x_um - left_um) / pitch_um / step) + margin,
                )
                if not (0 <= at[0] < tissue.shape[0] and 0 <= at[1] < tissue.shape[1]) or tissue[at] < 0.5:
                    continue
                place = float(gland[at])
                in_wall = 0.5 < place < 1.0
                chance = style.crowding * (0.85 if in_wall else 0.13 if place >= 1.05 else 0.0)
                if draw[2] > chance:
                    continue
                radius = style.nucleus_radius_um * (0.7 + 0.6 * draw[3])
                long = 1.0 + 0.5 * draw[4] if in_wall else 1.5 + 1.5 * draw[4]
                _draw_nucleus(
                    nuclear,
                    offset,
                    ((x_um - left_um) / pitch_um, (y_um - top_um) / pitch_um),
                    radius / pitch_um / math.sqrt(long),
                    long,
                    draw[5] * np.pi,
                    0.55 + 0.6 * draw[6],
                    (draw[7] - 0.5) * 0.4 * self._thickness_um,
                )

    def _draw_fold(
        self,
        stain: Floats,
        offset: Floats,
        x_um: NDArray[np.float64],
        y_um: NDArray[np.float64],
        margin: int,
        step: int,
    ) -> None:
        """A crease across the section: twice the stain, and it stands up."""
        dx, dy = x_um[None, :] - self._centre_um[0], y_um[:, None] - self._centre_um[1]
        warp = sample(self._warp, np.round(y_um).astype(np.int64) // 3, np.round(x_um).astype(np.int64) // 3)
        distance = dx * math.cos(self._fold_angle) + dy * math.sin(self._fold_angle) - self._fold_at + 30 * warp
        ridge = np.exp(-((distance / 9) ** 2)).astype(np.float32)
        if ridge.max() > 0.02:
            crease = _upsample(ridge, margin, step, self._block_px)
            stain *= 1 + crease
            offset -= 1.5 * crease

    def _draw_specks(self, nuclear: Floats, column: int, row: int) -> None:
        """Pigment and dirt on the slide: small, dark, sharp."""
        rng = _hashed(self._seed, 3, column, row)
        for _ in range(rng.poisson(0.5)):
            radius = rng.uniform(0.5, 1.6) / self._pixel_um
            centre = rng.uniform(8, self._block_px - 8, 2)
            _draw_nucleus(nuclear, None, (centre[0], centre[1]), radius, rng.uniform(1, 2), rng.uniform(0, 3), 1.6, 0.0)


def _hashed(seed: int, kind: int, column: int, row: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64([seed, kind, column & 0xFFFFFFFF, row & 0xFFFFFFFF]))


_ROW_CHUNK = 64


def _row_draws(seed: int, row: int, first: int, last: int) -> list[tuple[int, list[float]]]:
    """Eight uniform numbers for each cell of a row, the same whatever range is asked for."""
    cells: list[tuple[int, list[float]]] = []
    for chunk in range(first // _ROW_CHUNK, last // _ROW_CHUNK + 1):
        draws = _hashed(seed, 2, chunk, row).random((_ROW_CHUNK, 8))
        begin, end = max(first, chunk * _ROW_CHUNK), min(last, (chunk + 1) * _ROW_CHUNK - 1)
        cells += [(cell, draws[cell - chunk * _ROW_CHUNK].tolist()) for cell in range(begin, end + 1)]
    return cells


def _draw_nucleus(
    nuclear: Floats,
    offset: Floats | None,
    centre_px: tuple[float, float],
    short_px: float,
    long: float,
    turn: float,
    density: float,
    offset_um: float,
) -> None:
    """One ellipse, `short_px` by `short_px`·`long`, added where it is darker than what is there."""
    reach = short_px * long + 2
    x, y = centre_px
    left, right = max(0, int(x - reach)), min(nuclear.shape[1], int(x + reach) + 2)
    top, bottom = max(0, int(y - reach)), min(nuclear.shape[0], int(y + reach) + 2)
    if left >= right or top >= bottom:
        return
    dx = (np.arange(left, right, dtype=np.float32) - np.float32(x))[None, :]
    dy = (np.arange(top, bottom, dtype=np.float32) - np.float32(y))[:, None]
    cosine, sine = np.float32(math.cos(turn)), np.float32(math.sin(turn))
    along = (dx * cosine + dy * sine) / np.float32(long)
    across = dy * cosine - dx * sine
    distance = np.sqrt(along * along + across * across) - np.float32(short_px)
    body = np.clip(0.5 - distance, 0, 1)
    rim = np.exp(-(((distance + 1.5) / 2.0) ** 2))
    ink = (body * np.float32(0.62 * density) + rim * np.float32(0.38 * density)).astype(np.float32)
    window = nuclear[top:bottom, left:right]
    if offset is not None:
        depth = offset[top:bottom, left:right]
        depth[(ink > window) & (ink > 0.05)] = offset_um
    np.maximum(window, ink, out=window)


def _smooth_sample(texture: Floats, rows: NDArray[np.float64], columns: NDArray[np.float64]) -> Floats:
    """Bilinear interpolation of a periodic texture at the grid of `rows` x `columns`."""
    low_row, low_column = np.floor(rows).astype(np.int64), np.floor(columns).astype(np.int64)
    down, right = (rows - low_row).astype(np.float32)[:, None], (columns - low_column).astype(np.float32)
    bands = sample(texture, low_row, low_column), sample(texture, low_row, low_column + 1)
    below = sample(texture, low_row + 1, low_column), sample(texture, low_row + 1, low_column + 1)
    upper = bands[0] * (1 - right) + bands[1] * right
    lower = below[0] * (1 - right) + below[1] * right
    return np.asarray(upper * (1 - down) + lower * down, np.float32)


def _upsample(coarse: Floats, margin: int, step: int, size: int) -> Floats:
    """Bilinear interpolation of the coarse grid (with its margin) to the block's pixels."""
    at = np.arange(size) / step + margin
    low = at.astype(np.int64)
    share = (at - low).astype(np.float32)
    rows = coarse[low] * (1 - share)[:, None] + coarse[low + 1] * share[:, None]
    return np.asarray(rows[:, low] * (1 - share) + rows[:, low + 1] * share, np.float32)
