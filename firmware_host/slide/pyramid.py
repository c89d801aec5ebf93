"""The slide as one file: a tiled, pyramidal JPEG TIFF that OpenSlide, QuPath and libvips open.

Written as a stream: one output tile at a time, each lower level from a file on disk, so that memory does not grow
with the slide. Same tiles, same bytes.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from firmware_host.slide.mosaic import Mosaic
from firmware_host.whole_file import whole_file

TILE_PX = 512
_SMALLEST_LEVEL_PX = 768
_BIG_BYTES = 2 << 30
_Window = Callable[[int, int, int, int], NDArray[np.uint8]]


def _never_called(*_: object) -> bytes:
    raise AssertionError("tiles are handed over as JPEG streams; tifffile does not encode")


# tifffile looks for a JPEG encoder (a 26 MB package) even when every tile comes encoded already. This one satisfies it.
tifffile.TIFF.COMPRESSORS._codecs.setdefault(tifffile.COMPRESSION.JPEG, _never_called)  # type: ignore[attr-defined]


def level_sizes(width: int, height: int) -> list[tuple[int, int]]:
    """(width, height) of each level, halved (rounded up) until the longer side is at most 768 pixels."""
    sizes = [(width, height)]
    while max(sizes[-1]) > _SMALLEST_LEVEL_PX:
        sizes.append(((sizes[-1][0] + 1) // 2, (sizes[-1][1] + 1) // 2))
    return sizes


def write_slide(
    path: Path,
    mosaic: Mosaic,
    pixel_um: float,
    magnification: float,
    jpeg_quality: int,
    progress: Callable[[float], None],
) -> NDArray[np.uint8]:
    """Write the slide, whole or not at all.

    :param pixel_um: pixel pitch of level 0 on the slide; written as resolution in pixels per cm.
    :param progress: called with the share done, 0 to 1.
    :returns: the smallest level, (H, W, 3) uint8: a thumbnail.
    :raises UsageError: a tile cannot be read.
    """
    sizes = level_sizes(mosaic.width, mosaic.height)
    total = sum(_tile_count(size) for size in sizes)
    done = 0

    def tick() -> None:
        nonlocal done
        done += 1
        progress(done / total)

    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".levels-") as scratch, whole_file(path) as part:
        big = mosaic.width * mosaic.height * 3 // 4 > _BIG_BYTES
        with tifffile.TiffWriter(part, bigtiff=big) as tiff:
            window: _Window = mosaic.window
            for level, (width, height) in enumerate(sizes):
                below = (
                    _Canvas(Path(scratch) / f"{level + 1}.raw", *sizes[level + 1]) if level + 1 < len(sizes) else None
                )
                tiff.write(
                    _jpeg_tiles(window, (width, height), below, jpeg_quality, tick),
                    shape=(height, width, 3),
                    dtype=np.uint8,
                    tile=(TILE_PX, TILE_PX),
                    photometric="ycbcr",
                    subsampling=(2, 2),
                    compression="jpeg",
                    resolution=(1e4 / (pixel_um * 2**level),) * 2,
                    resolutionunit="CENTIMETER",
                    subfiletype=1 if level else 0,
                    description=f"{magnification:g}x, {pixel_um:g} um per pixel" if level == 0 else None,
                    software=False,
                    metadata=None,
                )
                if below is None:
                    return window(0, 0, width, height)
                window = below.window
    raise AssertionError("a pyramid has a smallest level")


class _Canvas:
    """A level's pixels in a file on disk, filled tile by tile, then read as windows."""

    def __init__(self, path: Path, width: int, height: int) -> None:
        self._pixels = np.memmap(path, np.uint8, mode="w+", shape=(height, width, 3))

    def put_half(self, left: int, top: int, tile: NDArray[np.uint8]) -> None:
        """Store a tile of the level above, halved by the mean of 2 x 2 pixels; (left, top) in that level's pixels."""
        if tile.shape[0] % 2 or tile.shape[1] % 2:
            tile = np.pad(tile, ((0, tile.shape[0] % 2), (0, tile.shape[1] % 2), (0, 0)), mode="edge")
        squares = tile.reshape(tile.shape[0] // 2, 2, tile.shape[1] // 2, 2, 3)
        half = ((squares.sum(axis=(1, 3), dtype=np.uint16) + 2) // 4).astype(np.uint8)
        self._pixels[top // 2 : top // 2 + half.shape[0], left // 2 : left // 2 + half.shape[1]] = half

    def window(self, left: int, top: int, width: int, height: int) -> NDArray[np.uint8]:
        """The window, as much of it as lies inside."""
        return np.array(self._pixels[top : top + height, left : left + width])


def _jpeg_tiles(
    window: _Window, size: tuple[int, int], below: _Canvas | None, quality: int, tick: Callable[[], None]
) -> Iterator[bytes]:
    """The level's tiles as JPEG streams, row by row; each is halved into the level below on its way."""
    for top in range(0, size[1], TILE_PX):
        for left in range(0, size[0], TILE_PX):
            tile = window(left, top, min(TILE_PX, size[0] - left), min(TILE_PX, size[1] - top))
            if below is not None:
                below.put_half(left, top, tile)
            padding = ((0, TILE_PX - tile.shape[0]), (0, TILE_PX - tile.shape[1]), (0, 0))
            stream = io.BytesIO()
            full = Image.fromarray(np.pad(tile, padding, mode="edge"))
            full.save(stream, "JPEG", quality=quality, subsampling="4:2:0")
            tick()
            yield stream.getvalue()


def _tile_count(size: tuple[int, int]) -> int:
    return -(-size[0] // TILE_PX) * -(-size[1] // TILE_PX)
