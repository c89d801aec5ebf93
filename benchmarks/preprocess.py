"""What is done to pixels around the network: cut patches, correct a tile, encode it."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.machine import Machine
from benchmarks.measure import Row, timed_in_turn
from firmware_host.bundle import find_bundle, read_bundle
from firmware_host.patches import cut_patches
from firmware_host.profile import Profile
from firmware_host.scan.folder import ScanFolder, tile_name
from firmware_host.scan.light import FlatField
from firmware_host.trust import trusted_keys

_SUITE = "preprocess"
_RUNS = 30


def preprocess(machine: Machine) -> list[Row]:
    """A frame of the profile's camera; and with the disk in it."""
    profile = machine.profile
    with tempfile.TemporaryDirectory() as scratch:
        folder, quality = ScanFolder.new(Path(scratch) / "scan"), profile.scan.jpeg_quality
        tile = _tissue_like((profile.camera.height_px, profile.camera.width_px), 0)
        ways = preprocess_ways(profile)
        ways["encode, write and sync a tile"] = lambda: folder.save_tile(tile_name(0, 0), tile, quality)
        return timed_in_turn(_SUITE, ways, _RUNS)


def preprocess_ways(profile: Profile) -> dict[str, Callable[[], object]]:
    """What is timed, by name."""
    rule = read_bundle(find_bundle(profile.bundle), trusted_keys()).patch_rule
    shape = (profile.camera.height_px, profile.camera.width_px)
    first, second = _tissue_like(shape, 0), _tissue_like(shape, 1)
    flat_field = FlatField.from_empty([np.full((*shape, 3), 200, np.uint8)])
    corrected = flat_field.apply(first)
    patches, quality = profile.focus.patches, profile.scan.jpeg_quality
    return {
        f"cut {patches} patches": lambda: cut_patches(first, second, rule, rule.size_px, patches),
        "correct a tile": lambda: flat_field.apply(first),
        "encode a tile": lambda: Image.fromarray(corrected).save(io.BytesIO(), "JPEG", quality=quality, subsampling=0),
    }


def _tissue_like(shape: tuple[int, int], seed: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Noise that is smooth over a few pixels: encoders take as long for it as for a section."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(60, 240, (shape[0] // 4, shape[1] // 4, 3), dtype=np.uint8)
    smooth = np.asarray(Image.fromarray(coarse).resize((shape[1], shape[0]), Image.Resampling.BICUBIC), np.int16)
    return np.clip(smooth + rng.normal(0, 2, (*shape, 3)), 0, 255).astype(np.uint8)
