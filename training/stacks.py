"""Stack folders: z-stacks on disk, the defocus of each plane in its Exif tag, and the pairs that fit together.

`<root>/X/{train,test}/<position>/<plane>.jpg|png|tif`; the Exif tag Make holds the plane's z relative to focus in
um as a decimal (0 = in focus), so the move to make from a plane is the negative of its tag. Heights are integers in
nanometres from here on.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from firmware_host.errors import UsageError
from firmware_host.optics import Objective

EXIF_MAKE = 0x010F
SUFFIXES = {".jpg", ".jpeg", ".png", ".tif", ".tiff"}
OPTICS_FILE = "optics.json"
Split = Literal["train", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)


@dataclass(frozen=True)
class Plane:
    """One image of a stack.

    :param z_nm: height relative to focus, nm; negative = below.
    """

    path: Path
    z_nm: int


@dataclass(frozen=True)
class Stack:
    """One position: its planes in order of height, and the optics that it was taken with."""

    name: str
    planes: tuple[Plane, ...]
    optics: Objective
    pixel_um: float


@dataclass(frozen=True)
class Skipped:
    """A file or folder that was left out, and why."""

    path: Path
    reason: str


def write_stack(
    folder: Path, images: Sequence[NDArray[np.uint8]], z_um: NDArray[np.float64], optics: Objective, pixel_um: float
) -> None:
    """Write one position as JPEG files (quality 95, full colour resolution) with their heights and their optics."""
    folder.mkdir(parents=True, exist_ok=True)
    for index, (image, z) in enumerate(zip(images, z_um, strict=True)):
        exif = Image.Exif()
        exif[EXIF_MAKE] = f"{z:.3f}"
        Image.fromarray(image).save(folder / f"{index:03d}.jpg", quality=95, subsampling=0, exif=exif)
    table = {
        "na": optics.na,
        "wavelength_um": optics.wavelength_um,
        "immersion_index": optics.immersion_index,
        "pixel_um": pixel_um,
    }
    (folder / OPTICS_FILE).write_text(json.dumps(table), encoding="ascii")


def read_stacks(root: Path, split: Split, optics: Objective, pixel_um: float) -> tuple[list[Stack], list[Skipped]]:
    """All usable positions of a split, sorted by name, and what was left out.

    :param optics, pixel_um: of the positions that have no `optics.json` of their own.
    :raises UsageError: there is no usable position.
    """
    folder = root / "X" / split
    if not folder.is_dir():
        raise UsageError(f"stacks {folder}: no such folder; expected X/train and X/test below {root}")
    stacks: list[Stack] = []
    skipped: list[Skipped] = []
    for position in sorted(entry for entry in folder.iterdir() if entry.is_dir()):
        planes, faults = _read_planes(position)
        skipped += faults
        if len(planes) < 2:
            skipped.append(Skipped(position, f"{len(planes)} usable planes; two at least are needed"))
            continue
        stacks.append(Stack(position.name, tuple(planes), *_read_optics(position, optics, pixel_um)))
    if not stacks:
        first = f"; first problem: {skipped[0].path}: {skipped[0].reason}" if skipped else ""
        raise UsageError(f"stacks {folder}: no usable position{first}")
    return stacks, skipped


def read_height_nm(path: Path) -> int:
    """The height in a plane's Exif tag Make, nm.

    :raises ValueError: the file is no image, has no such tag, or the tag is not a number; the message says which.
    """
    try:
        with Image.open(path) as image:
            text = image.getexif().get(EXIF_MAKE)
    except (UnidentifiedImageError, OSError) as error:
        raise ValueError("not a readable image") from error
    if text is None:
        raise ValueError("no Exif tag Make with the plane's height in um")
    try:
        height_um = Decimal(str(text).strip().strip("\0"))
    except InvalidOperation as error:
        raise ValueError(f"Exif tag Make is {text!r}, not a number of um") from error
    if not height_um.is_finite() or abs(height_um) > 10_000:
        raise ValueError(f"Exif tag Make is {text!r}, not a height in um")
    return int((height_um * 1000).to_integral_value())


def match_pairs(z_nm: Sequence[int], delta_nm: int, tolerance_nm: int) -> list[tuple[int, int]]:
    """Indices (first, second) of all pairs with z[second] - z[first] = delta, within the tolerance.

    Of several seconds that fit a first, the nearest counts. Pairs that straddle the focus are pairs like all others.

    :param z_nm: heights in any order; :param delta_nm: > 0; :param tolerance_nm: >= 0.
    """
    if delta_nm <= 0 or tolerance_nm < 0:
        raise ValueError(f"delta {delta_nm} nm must be above 0 and tolerance {tolerance_nm} nm not below it")
    order = sorted(range(len(z_nm)), key=lambda index: z_nm[index])
    heights = np.array([z_nm[index] for index in order], dtype=np.int64)
    pairs = []
    for low, first in enumerate(order):
        wanted = int(heights[low]) + delta_nm
        high = int(np.searchsorted(heights, wanted))
        near = [at for at in (high - 1, high) if low < at < len(order)]
        near = [at for at in near if abs(int(heights[at]) - wanted) <= tolerance_nm]
        if near:
            best = min(near, key=lambda at: abs(int(heights[at]) - wanted))
            pairs.append((first, order[best]))
    return pairs


def _read_planes(position: Path) -> tuple[list[Plane], list[Skipped]]:
    planes: dict[int, Plane] = {}
    skipped = []
    for path in sorted(position.iterdir()):
        if path.suffix.lower() not in SUFFIXES:
            continue
        try:
            plane = Plane(path, read_height_nm(path))
        except ValueError as error:
            skipped.append(Skipped(path, str(error)))
            continue
        if plane.z_nm in planes:
            skipped.append(Skipped(path, f"same height as {planes[plane.z_nm].path.name}"))
            continue
        planes[plane.z_nm] = plane
    return [planes[z] for z in sorted(planes)], skipped


def _read_optics(position: Path, optics: Objective, pixel_um: float) -> tuple[Objective, float]:
    path = position / OPTICS_FILE
    if not path.exists():
        return optics, pixel_um
    try:
        table = json.loads(path.read_text(encoding="ascii"))
        own = Objective(float(table["na"]), float(table["wavelength_um"]), float(table["immersion_index"]))
        pitch = float(table["pixel_um"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"optics {path}: needs na, wavelength_um, immersion_index and pixel_um as numbers") from error
    if not (0 < own.na < own.immersion_index and own.wavelength_um > 0 and pitch > 0):
        raise UsageError(f"optics {path}: na, wavelength_um or pixel_um out of range")
    return own, pitch
