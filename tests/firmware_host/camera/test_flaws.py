"""What betrays a spoilt frame, and what does not: real microscopy, the twin's, and both as JPEG pictures."""

from __future__ import annotations

import functools
import io
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from firmware_host.camera.flaws import Sample, find_flaw, repeated_share
from firmware_host.profile import load_profile
from firmware_host.twin.emulation import Emulation

Picture = NDArray[np.uint8]
Spoil = Callable[[Picture, Picture, np.random.Generator], Picture]
HEIGHT, WIDTH = 768, 1024
TISSUE_UM = (3800.0, 2800.0)


class Twin:
    """Frames of an emulated slide, at any place and height, with the lamp as bright as one likes."""

    def __init__(self, target: str, seed: int) -> None:
        profile = load_profile("emulated")
        twin = profile.twin
        assert twin is not None
        emulation = Emulation(
            profile.model_copy(update={"twin": twin.model_copy(update={"target": target})}), seed, None
        )
        self._column, self._sensor = emulation.camera._column, emulation.camera._sensor
        self._number = 0

    def frame(self, x_um: float, y_um: float, above_um: float, lamp: float = 1.0) -> Picture:
        """:param above_um: height above focus."""
        focus_um = self._column.focus_z_um(x_um, y_um) or 300.0
        self._number += 1
        return self._sensor.expose(self._column.transmittance(x_um, y_um, focus_um + above_um), lamp, self._number)


@functools.cache
def twin(target: str = "section") -> Twin:
    return Twin(target, seed=1)


@functools.cache
def tissue(number: int) -> Picture:
    """A few sharp frames with tissue all over."""
    return twin().frame(TISSUE_UM[0] + 300.0 * (number % 3), TISSUE_UM[1] - 250.0 * (number // 3), 0.0)


def flaw_of(picture: Picture) -> str | None:
    flaw = find_flaw(picture, Sample.of(picture))
    return None if flaw is None else f"{flaw.cause}: {flaw.text}"


def as_jpeg(picture: Picture, quality: int) -> Picture:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def brighter_downwards(levels_per_row: float) -> Picture:
    """Until all rows are white: light that no camera could show, but no frame that ends too early."""
    level = np.arange(HEIGHT)[:, None, None] * levels_per_row - 300
    noise = np.random.default_rng(4).normal(0, 3, (HEIGHT, WIDTH, 3))
    return np.clip(level + noise, 0, 255).astype(np.uint8)


GOOD: dict[str, Callable[[], Picture]] = {
    "tissue": lambda: tissue(0),
    "out of focus": lambda: twin().frame(*TISSUE_UM, -4.0),
    "far out of focus": lambda: twin().frame(*TISSUE_UM, 60.0),
    "the tissue's edge": lambda: twin().frame(2900.0, 2800.0, 0.0),
    "empty glass": lambda: twin().frame(200.0, 200.0, 0.0),
    "chrome dots": lambda: twin("grid").frame(*TISSUE_UM, 0.0),
    "a dim lamp": lambda: twin().frame(*TISSUE_UM, 0.0, lamp=0.05),
    "a pen mark": lambda: twin().frame(200.0, 200.0, 0.0, lamp=0.005),
    "no light": lambda: twin().frame(200.0, 200.0, 0.0, lamp=0.0),
    "overexposed": lambda: np.full((HEIGHT, WIDTH, 3), 255, np.uint8),
    "overexposed below": lambda: brighter_downwards(1.0),
    "dark below": lambda: np.ascontiguousarray(255 - brighter_downwards(1.0)),
    "upside down": lambda: np.ascontiguousarray(tissue(1)[::-1]),
    "turned": lambda: np.ascontiguousarray(tissue(1).swapaxes(0, 1)),
    "small": lambda: np.ascontiguousarray(tissue(1)[:130, :128]),
}


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("quality", [None, 90, 75])
def test_a_good_frame_is_not_doubted(name: str, quality: int | None) -> None:
    picture = GOOD[name]()
    assert flaw_of(picture if quality is None else as_jpeg(picture, quality)) is None


def real_pictures(folder: Path) -> Iterator[tuple[str, Picture]]:
    """Pieces of all of them, as large as a frame."""
    for path in sorted(folder.rglob("*.png")):
        picture = np.asarray(Image.open(path).convert("RGB"))
        for top in range(0, max(len(picture) - HEIGHT, 0) + 1, HEIGHT):
            for left in range(0, max(picture.shape[1] - WIDTH, 0) + 1, WIDTH):
                piece = np.ascontiguousarray(picture[top : top + HEIGHT, left : left + WIDTH])
                yield f"{path.name} at {top}, {left}", piece


def test_real_microscopy_is_not_doubted(shared_data: Path) -> None:
    doubted = {name: flaw for name, picture in real_pictures(shared_data) if (flaw := flaw_of(picture)) is not None}
    assert not doubted


def from_row(level: int) -> Spoil:
    def spoil(picture: Picture, _: Picture, rng: np.random.Generator) -> Picture:
        picture[rng.integers(40, HEIGHT - 40) :] = level
        return picture

    return spoil


def rest_of_another(picture: Picture, other: Picture, rng: np.random.Generator) -> Picture:
    row = rng.integers(40, HEIGHT - 40)
    picture[row:] = other[row:]
    return picture


def moved_rows(height: int, right_px: int) -> Spoil:
    def spoil(picture: Picture, _: Picture, rng: np.random.Generator) -> Picture:
        row = rng.integers(40, HEIGHT - 40 - height)
        picture[row : row + height] = np.roll(picture[row : row + height], right_px, axis=1)
        return picture

    return spoil


def lost_rows(picture: Picture, _: Picture, rng: np.random.Generator) -> Picture:
    row = rng.integers(40, HEIGHT - 80)
    picture[row:-24] = picture[row + 24 :]
    return picture


def lost_bytes(picture: Picture, _: Picture, rng: np.random.Generator) -> Picture:
    row = rng.integers(40, HEIGHT - 80)
    for number, lost in enumerate(np.cumsum(rng.integers(1, 200, 24))):
        picture[row + number] = np.roll(picture[row + number].ravel(), -int(lost)).reshape(picture.shape[1:])
    return picture


def garbage(picture: Picture, _: Picture, rng: np.random.Generator) -> Picture:
    row, column = rng.integers(0, HEIGHT - 64), rng.integers(0, WIDTH - 64)
    picture[row : row + 64, column : column + 64] = rng.integers(0, 256, (64, 64, 3))
    return picture


SPOILT: dict[str, tuple[Spoil, str, float]] = {
    "the rest is black": (from_row(0), "frame half", 1.0),
    "the rest is white": (from_row(255), "frame half", 1.0),
    "the rest is grey": (from_row(128), "frame half", 1.0),
    "the rest is of another field": (rest_of_another, "", 0.9),
    "rows moved by 40 px": (moved_rows(24, 40), "", 0.9),
    "rows moved by 6 px": (moved_rows(24, 6), "", 0.5),
    "two rows moved": (moved_rows(2, 64), "", 0.9),
    "rows are missing": (lost_rows, "", 0.9),
    "bytes are missing": (lost_bytes, "", 0.9),
    "garbage": (garbage, "frame damaged", 1.0),
}
"""How, as what it is told, and the share of frames with tissue in which it is seen."""


@pytest.mark.parametrize("name", SPOILT)
def test_a_spoilt_frame_is_seen(name: str) -> None:
    spoil, cause, least = SPOILT[name]
    rng = np.random.default_rng(3)
    flaws = [flaw_of(spoil(tissue(n % 6).copy(), tissue((n + 1) % 6), rng)) for n in range(20)]
    assert sum(flaw is not None for flaw in flaws) >= least * len(flaws)
    assert all(flaw.startswith(cause) for flaw in flaws if flaw is not None)


def test_where_nothing_has_texture_the_brightness_betrays_two_frames() -> None:
    """Glass above, and below what was exposed while the lamp was dim."""
    glass, dim = (twin().frame(200.0, 200.0, 0.0, lamp) for lamp in (1.0, 0.5))
    glass[400:] = dim[400:]
    assert flaw_of(glass) == "frame half: below row 399 the frame is another picture"


@pytest.mark.parametrize("level", [0, 128, 255])
def test_where_a_frame_ends_is_told(level: int) -> None:
    half = tissue(0).copy()
    half[300:] = level
    flaw = find_flaw(half, Sample.of(half))
    assert flaw is not None
    assert flaw.text == f"{HEIGHT - 300} rows of the frame hold nothing, from row 300 on"
    assert flaw.row is None, "no slide looks like that"


def test_no_two_exposures_repeat_each_other_but_a_buffer_does() -> None:
    """Not even those of the same place; and a part of a frame is found too."""
    fields = [tissue(n) for n in range(6)] + [twin().frame(200.0, 200.0, 0.0) for _ in range(3)]
    samples = [Sample.of(picture) for picture in fields]
    for number, sample in enumerate(samples):
        assert repeated_share(sample, sample) > 0.98
        for other in samples[:number]:
            assert repeated_share(sample, other) == 0.0
    part = tissue(0).copy()
    part[400:] = tissue(1)[400:]
    assert repeated_share(Sample.of(part), samples[1]) == pytest.approx(1 - 400 / HEIGHT, abs=0.06)


def test_what_has_no_noise_repeats_nothing() -> None:
    """Overexposed glass, and glass that a camera's JPEG has smoothed, are alike in every frame."""
    white = Sample.of(np.full((HEIGHT, WIDTH, 3), 255, np.uint8))
    assert repeated_share(white, white) == 0.0
    glass = [Sample.of(as_jpeg(twin().frame(200.0, 200.0, 0.0), 60)) for _ in range(2)]
    assert repeated_share(*glass) == 0.0
