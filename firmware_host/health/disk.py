"""How much room a scan needs, and how much there is. Pure estimates, but for `free_bytes`."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from firmware_host.profile import Profile

_JPEG_BYTES_PER_PIXEL = 0.45  # at quality 90 without chroma subsampling; tissue of the twin takes 0.25, real one varies
_LEAST_BYTES_PER_PIXEL = 0.03  # empty glass
_SLIDE_SHARE = 1.5  # bytes of a slide's pixel over those of a tile's, with the smaller levels of its pyramid
_LEAST_SLIDE_SHARE = 0.8
_RECORD_BYTES = 4000  # journal, table and report, a field
_SCRATCH_BYTES_PER_PIXEL = 3 / 4 + 3 / 16  # two levels of the pyramid lie uncompressed beside the slide at a time


@dataclass(frozen=True)
class Need:
    """Bytes that are yet to be written.

    :param tiles: with what is said of them; :param slide: the finished file; :param scratch: files that are there only
        while the slide is put together.
    """

    tiles: int
    slide: int
    scratch: int

    @property
    def total(self) -> int:
        """The room that must be there: all of it at once."""
        return self.tiles + self.slide + self.scratch

    def __str__(self) -> str:
        parts = (("tiles", self.tiles), ("the slide", self.slide), ("putting it together", self.scratch))
        return f"{gigabytes(self.total)} ({', '.join(f'{gigabytes(size)} for {what}' for what, size in parts)})"


def need_of_fields(
    profile: Profile, fields: int, slide_pixels: float, done: int = 0, tile_bytes: float | None = None
) -> Need:
    """What a scan is yet to write.

    :param slide_pixels: of `slide_pixels_of`; :param done: how many of the fields have their tile.
    :param tile_bytes: of a tile on average, where that is known; else an upper estimate.
    """
    camera = profile.camera
    tile_bytes = camera.width_px * camera.height_px * _JPEG_BYTES_PER_PIXEL if tile_bytes is None else tile_bytes
    return _need(profile, fields - done, fields, slide_pixels, tile_bytes, _SLIDE_SHARE)


def least_need_of_fields(profile: Profile, fields: int, slide_pixels: float, done: int = 0) -> Need:
    """What it will write even if all of them are empty glass."""
    tile_bytes = profile.camera.width_px * profile.camera.height_px * _LEAST_BYTES_PER_PIXEL
    return _need(profile, fields - done, fields, slide_pixels, tile_bytes, _LEAST_SLIDE_SHARE)


def slide_pixels_of(profile: Profile, places_um: Sequence[tuple[float, float]]) -> float:
    """Pixels of the rectangle around the fields at these (x, y) of the stage, one or more; empty corners too."""
    camera = profile.camera
    across, down = zip(*(camera.view_px(x_um, y_um) for x_um, y_um in places_um), strict=True)
    return float((max(across) - min(across) + camera.width_px) * (max(down) - min(down) + camera.height_px))


def scan_bytes(profile: Profile, width_um: float, height_um: float) -> int:
    """An upper estimate of what a scan of so much tissue writes."""
    kept = 1 - profile.scan.overlap
    across, down = (
        math.ceil(extent / (field * kept))
        for extent, field in zip((width_um, height_um), profile.field_um, strict=True)
    )
    pixels = across * down * profile.camera.width_px * profile.camera.height_px * kept**2
    return need_of_fields(profile, across * down, pixels).total


def free_bytes(folder: Path) -> int:
    """Room for files of this user on the disk that holds the folder, or that will hold it.

    :raises OSError: the disk does not answer.
    """
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    told = os.statvfs(folder)
    return told.f_bavail * told.f_frsize


def gigabytes(size: float) -> str:
    """A size for people, from MB up."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"


def _need(profile: Profile, left: int, fields: int, slide_pixels: float, tile_bytes: float, slide_share: float) -> Need:
    kept = (1 - profile.scan.overlap) ** 2
    return Need(
        tiles=round(left * (tile_bytes + _RECORD_BYTES)),
        slide=round(fields * tile_bytes * slide_share * kept),
        scratch=round(slide_pixels * _SCRATCH_BYTES_PER_PIXEL),
    )
