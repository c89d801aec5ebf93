"""Placing fields on the slide: any window of the whole picture, put together from the tiles it touches."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from firmware_host.errors import UsageError

_CACHED_BYTES = 64 << 20  # of decoded tiles
_LEAST_CACHED = 4  # as many meet in a corner


@dataclass(frozen=True)
class PlacedTile:
    """A tile's file and the pixel of the slide that its top left corner falls on."""

    path: Path
    x_px: int
    y_px: int


class Mosaic:
    """A picture of `width` x `height` pixels made of overlapping tiles of one size.

    Where tiles overlap, each counts more the farther a pixel lies from its border, so that seams fade. Memory does
    not grow with the number of tiles.
    """

    def __init__(
        self, tiles: Sequence[PlacedTile], tile_shape: tuple[int, int], background: tuple[int, int, int]
    ) -> None:
        self.height = max(tile.y_px for tile in tiles) + tile_shape[0]
        self.width = max(tile.x_px for tile in tiles) + tile_shape[1]
        self._tiles = sorted(tiles, key=lambda tile: (tile.y_px, tile.x_px, tile.path.name))
        self._tops = np.array([tile.y_px for tile in self._tiles])
        self._lefts = np.array([tile.x_px for tile in self._tiles])
        self._shape = tile_shape
        self._background = np.array(background, np.float32)
        across = np.minimum(np.arange(tile_shape[1]) + 1, tile_shape[1] - np.arange(tile_shape[1]))
        down = np.minimum(np.arange(tile_shape[0]) + 1, tile_shape[0] - np.arange(tile_shape[0]))
        self._nearness = np.minimum(down[:, None], across[None, :]).astype(np.float32)
        self._decoded: OrderedDict[Path, NDArray[np.uint8]] = OrderedDict()

    def window(self, left: int, top: int, width: int, height: int) -> NDArray[np.uint8]:
        """(height, width, 3) uint8 of the picture; background where there is no tile or beyond the edge.

        :raises UsageError: a tile's file is missing or damaged; the message names it.
        """
        total = np.zeros((height, width, 3), np.float32)
        weight = np.zeros((height, width, 1), np.float32)
        touched = np.flatnonzero(
            (self._tops < top + height)
            & (self._tops + self._shape[0] > top)
            & (self._lefts < left + width)
            & (self._lefts + self._shape[1] > left)
        )
        for index in touched:
            tile = self._tiles[index]
            y0, y1 = max(tile.y_px, top), min(tile.y_px + self._shape[0], top + height)
            x0, x1 = max(tile.x_px, left), min(tile.x_px + self._shape[1], left + width)
            source = (slice(y0 - tile.y_px, y1 - tile.y_px), slice(x0 - tile.x_px, x1 - tile.x_px))
            target = (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))
            nearness = self._nearness[source][..., None]
            total[target] += self._pixels(tile.path)[source] * nearness
            weight[target] += nearness
        empty = weight[..., 0] == 0
        total[empty] = self._background
        weight[empty] = 1
        return np.asarray(np.rint(total / weight), np.uint8)

    def _pixels(self, path: Path) -> NDArray[np.uint8]:
        pixels = self._decoded.get(path)
        if pixels is None:
            pixels = _decode(path, self._shape)
            self._decoded[path] = pixels
            if len(self._decoded) > max(_CACHED_BYTES // pixels.nbytes, _LEAST_CACHED):
                self._decoded.popitem(last=False)
        else:
            self._decoded.move_to_end(path)
        return pixels


def _decode(path: Path, shape: tuple[int, int]) -> NDArray[np.uint8]:
    try:
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("RGB"))
    except OSError as error:
        raise UsageError(f"tile {path}: cannot be decoded: {error}; scan this field again") from error
    if pixels.shape[:2] != shape:
        raise UsageError(f"tile {path}: {pixels.shape[1]} x {pixels.shape[0]} px, expected {shape[1]} x {shape[0]}")
    return pixels
