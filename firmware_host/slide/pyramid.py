"""The slide as one file: a tiled, pyramidal JPEG TIFF that OpenSlide, QuPath and libvips open.

Written as a stream: one output tile at a time, each lower level from a file on disk without a name, so that memory
does not grow with the slide, and nothing is left behind when the power fails. Same tiles, same bytes.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from firmware_host.slide.mosaic import Mosaic
from firmware_host.whole_file import whole_file

TILE_PX = 512
_BLOCK_PX = TILE_PX // 2
_BLOCK_BYTES = _BLOCK_PX * _BLOCK_PX * 3
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

    with ExitStack() as scratch, whole_file(path) as part:
        big = mosaic.width * mosaic.height * 3 // 4 > _BIG_BYTES
        with tifffile.TiffWriter(part, bigtiff=big) as tiff:
            window: _Window = mosaic.window
            above: _Canvas | None = None
            for level, (width, height) in enumerate(sizes):
                is_last = level + 1 == len(sizes)
                below = None if is_last else scratch.enter_context(closing(_Canvas(path.parent, *sizes[level + 1])))
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
                if above is not None:
                    above.close()
                above, window = below, below.window
    raise AssertionError("a pyramid has a smallest level")


class _Canvas:
    """A level's pixels in a file on disk, filled block by block, then read as windows.

    Blocks are what becomes of the tiles of the level above, one after the other in the file; none stays in memory.
    """

    def __init__(self, folder: Path, width: int, height: int) -> None:
        self._size = width, height
        self._across = -(-width // _BLOCK_PX)
        self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 - `close` closes it

    def put_half(self, left: int, top: int, tile: NDArray[np.uint8]) -> None:
        """Store a tile of the level above, halved by the mean of 2 x 2 pixels; (left, top) in that level's pixels."""
        if tile.shape[0] % 2 or tile.shape[1] % 2:
            tile = np.pad(tile, ((0, tile.shape[0] % 2), (0, tile.shape[1] % 2), (0, 0)), mode="edge")
        squares = tile.reshape(tile.shape[0] // 2, 2, tile.shape[1] // 2, 2, 3)
        half = ((squares.sum(axis=(1, 3), dtype=np.uint16) + 2) // 4).astype(np.uint8)
        block = np.zeros((_BLOCK_PX, _BLOCK_PX, 3), np.uint8)
        block[: half.shape[0], : half.shape[1]] = half
        self._file.seek(self._place(left // TILE_PX, top // TILE_PX))
        self._file.write(block.data)

    def window(self, left: int, top: int, width: int, height: int) -> NDArray[np.uint8]:
        """The window, as much of it as lies inside."""
        right, bottom = min(left + width, self._size[0]), min(top + height, self._size[1])
        pixels = np.empty((bottom - top, right - left, 3), np.uint8)
        for row in range(top // _BLOCK_PX, -(-bottom // _BLOCK_PX)):
            for column in range(left // _BLOCK_PX, -(-right // _BLOCK_PX)):
                x0, y0 = max(column * _BLOCK_PX, left), max(row * _BLOCK_PX, top)
                x1, y1 = min((column + 1) * _BLOCK_PX, right), min((row + 1) * _BLOCK_PX, bottom)
                block = self._block(column, row)
                pixels[y0 - top : y1 - top, x0 - left : x1 - left] = block[
                    y0 - row * _BLOCK_PX : y1 - row * _BLOCK_PX, x0 - column * _BLOCK_PX : x1 - column * _BLOCK_PX
                ]
        return pixels

    def close(self) -> None:
        """Give its room on the disk back; safe to call twice."""
        self._file.close()

    def _block(self, column: int, row: int) -> NDArray[np.uint8]:
        self._file.seek(self._place(column, row))
        return np.frombuffer(self._file.read(_BLOCK_BYTES), np.uint8).reshape(_BLOCK_PX, _BLOCK_PX, 3)

    def _place(self, column: int, row: int) -> int:
        return (row * self._across + column) * _BLOCK_BYTES


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
