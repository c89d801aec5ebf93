"""What is done to pixels around the network: cut patches, correct a tile, encode it."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.measure import Row, timed
from firmware_host.bundle import find_bundle, read_bundle
from firmware_host.patches import cut_patches
from firmware_host.profile import Profile
from firmware_host.scan.folder import ScanFolder, tile_name
from firmware_host.scan.light import FlatField
from firmware_host.trust import trusted_keys

_SUITE = "preprocess"
_RUNS = 30


def preprocess(profile: Profile) -> list[Row]:
    """A frame of the profile's camera."""
    rule = read_bundle(find_bundle(profile.bundle), trusted_keys()).patch_rule
    shape = (profile.camera.height_px, profile.camera.width_px)
    first, second = _tissue_like(shape, 0), _tissue_like(shape, 1)
    flat_field = FlatField.from_empty([np.full((*shape, 3), 200, np.uint8)])
    corrected = flat_field.apply(first)

    def encode() -> None:
        Image.fromarray(corrected).save(io.BytesIO(), "JPEG", quality=profile.scan.jpeg_quality, subsampling=0)

    with tempfile.TemporaryDirectory() as scratch:
        folder = ScanFolder(Path(scratch) / "scan")
        return [
            timed(
                _SUITE,
                f"cut {profile.focus.patches} patches",
                lambda: cut_patches(first, second, rule, rule.size_px, profile.focus.patches),
                _RUNS,
            ),
            timed(_SUITE, "correct a tile", lambda: flat_field.apply(first), _RUNS),
            timed(_SUITE, "encode a tile", encode, _RUNS),
            timed(
                _SUITE,
                "encode, write and sync a tile",
                lambda: folder.save_tile(tile_name(0, 0), corrected, profile.scan.jpeg_quality),
                _RUNS,
            ),
        ]


def _tissue_like(shape: tuple[int, int], seed: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Noise that is smooth over a few pixels: encoders take as long for it as for a section."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(60, 240, (shape[0] // 4, shape[1] // 4, 3), dtype=np.uint8)
    smooth = np.asarray(Image.fromarray(coarse).resize((shape[1], shape[0]), Image.Resampling.BICUBIC), np.int16)
    return np.clip(smooth + rng.normal(0, 2, (*shape, 3)), 0, 255).astype(np.uint8)
