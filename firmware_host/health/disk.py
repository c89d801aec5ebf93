"""How much room a scan needs, and how much there is."""

from __future__ import annotations

import math
import os
from pathlib import Path

from firmware_host.profile import Profile

_JPEG_BYTES_PER_PIXEL = 0.45  # at quality 90 without chroma subsampling; tissue of the twin takes 0.25, real one varies
_SLIDE_SHARE = 1.5  # bytes of a slide's pixel over those of a tile's, with the smaller levels of its pyramid


def scan_bytes(profile: Profile, width_um: float, height_um: float) -> int:
    """An upper estimate of what a scan of so much tissue writes: all tiles, and the slide made of them."""
    camera, kept = profile.camera, 1 - profile.scan.overlap
    across, down = (
        math.ceil(extent / (field * kept))
        for extent, field in zip((width_um, height_um), profile.field_um, strict=True)
    )
    tiles = across * down * camera.width_px * camera.height_px * _JPEG_BYTES_PER_PIXEL
    return round(tiles * (1 + _SLIDE_SHARE * kept**2))


def free_bytes(folder: Path) -> int:
    """Room for files of this user on the disk that holds the folder, or that will hold it.

    :raises OSError: the disk does not answer.
    """
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    told = os.statvfs(folder)
    return told.f_bavail * told.f_frsize
