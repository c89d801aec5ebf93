"""Stack folders: z-stacks on disk. What `wsi-host collect` writes, training reads and `focus-replay` plays back.

`<root>/X/{train,test}/<position>/<plane>.jpg|png|tif`; the Exif tag Make holds the plane's z relative to focus in
um as a decimal (0 = in focus, negative = below), so the move to make from a plane is the negative of its tag. An
`optics.json` beside the planes tells the optics that they were taken with. Only the files; which planes make a pair
is training's business.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Literal, get_args

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
PlaneFormat = Literal["jpg", "png"]

# JPEG in full colour resolution; PNG at the level where a noisy image is about as small as it gets.
_SAVE: dict[PlaneFormat, dict[str, Any]] = {"jpg": {"quality": 95, "subsampling": 0}, "png": {"compress_level": 3}}


def write_stack(
    folder: Path,
    images: Sequence[NDArray[np.uint8]],
    z_um: NDArray[np.float64],
    optics: Objective,
    pixel_um: float,
    plane_format: PlaneFormat = "jpg",
    slide: str = "",
) -> None:
    """Write one position: its planes with their heights, and their optics.

    :param images: (H, W, 3) uint8 each; :param z_um: (planes,) heights relative to focus, negative = below; the file
        keeps nanometres.
    :param plane_format: "jpg" of quality 95, or "png", which loses nothing.
    :param slide: name of the slide on its scanner, the same for all positions that were taken in one go; "": not known.
    :raises OSError: a file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for index, (image, z) in enumerate(zip(images, z_um, strict=True)):
        exif = Image.Exif()
        exif[EXIF_MAKE] = f"{z:.3f}"
        Image.fromarray(image).save(folder / f"{index:03d}.{plane_format}", exif=exif, **_SAVE[plane_format])
    table = {
        "na": optics.na,
        "wavelength_um": optics.wavelength_um,
        "immersion_index": optics.immersion_index,
        "pixel_um": pixel_um,
        "slide": slide,
    }
    (folder / OPTICS_FILE).write_text(json.dumps(table), encoding="ascii")


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


@dataclass(frozen=True)
class TakenWith:
    """What a position was taken with, and of which slide; `slide` is empty where that is not known."""

    optics: Objective
    pixel_um: float
    slide: str = ""


def read_optics(position: Path) -> TakenWith | None:
    """What a position was taken with; None when it does not say.

    :raises UsageError: its `optics.json` is there but cannot be used.
    """
    path = position / OPTICS_FILE
    if not path.exists():
        return None
    try:
        table = json.loads(path.read_text(encoding="ascii"))
        own = Objective(float(table["na"]), float(table["wavelength_um"]), float(table["immersion_index"]))
        pitch = float(table["pixel_um"])
        slide = str(table.get("slide", ""))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"optics {path}: needs na, wavelength_um, immersion_index and pixel_um as numbers") from error
    if not (0 < own.na < own.immersion_index and own.wavelength_um > 0 and pitch > 0):
        raise UsageError(f"optics {path}: na, wavelength_um or pixel_um out of range")
    return TakenWith(own, pitch, slide)
