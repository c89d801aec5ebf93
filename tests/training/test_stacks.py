from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from firmware_host.errors import UsageError
from firmware_host.optics import Objective
from firmware_host.stack_folder import EXIF_MAKE, PlaneFormat, read_height_nm, write_stack
from training.stacks import match_pairs, read_stacks

OPTICS = Objective(0.7, 0.52)
PLANE = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)


def save(path: Path, make: str | None, image: np.ndarray = PLANE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    exif = Image.Exif()
    if make is not None:
        exif[EXIF_MAKE] = make
    Image.fromarray(image).save(path, exif=exif)
    return path


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif"])
@pytest.mark.parametrize(("make", "z_nm"), [("0", 0), ("-1.5", -1500), ("+0.1", 100), ("2.0004", 2000), (" 3 ", 3000)])
def test_the_height_is_the_exif_tag_in_nm(tmp_path: Path, suffix: str, make: str, z_nm: int) -> None:
    assert read_height_nm(save(tmp_path / f"p.{suffix}", make)) == z_nm


@pytest.mark.parametrize(
    ("make", "reason"),
    [(None, "no Exif tag Make"), ("Olympus", "not a number"), ("nan", "not a height"), ("1e9", "not a")],
)
def test_a_tag_that_is_no_height_is_told(tmp_path: Path, make: str | None, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read_height_nm(save(tmp_path / "p.png", make))


@pytest.mark.parametrize("plane_format", ["jpg", "png"])
def test_a_stack_comes_back_as_it_was_written(tmp_path: Path, plane_format: PlaneFormat) -> None:
    write_stack(tmp_path / "X/train/a", [PLANE] * 3, np.array([1.0, -0.5, 0.25]), OPTICS, 0.3, plane_format)
    (stack,), skipped = read_stacks(tmp_path, "train", Objective(0.4), 1.0)
    assert [plane.z_nm for plane in stack.planes] == [-500, 250, 1000]
    assert {plane.path.suffix for plane in stack.planes} == {f".{plane_format}"}
    assert (stack.name, stack.optics, stack.pixel_um, skipped) == ("a", OPTICS, 0.3, [])


def test_png_planes_lose_nothing(tmp_path: Path) -> None:
    write_stack(tmp_path, [PLANE], np.array([0.0]), OPTICS, 0.3, "png")
    with Image.open(tmp_path / "000.png") as image:
        assert np.array_equal(np.asarray(image), PLANE)


def test_unusable_files_are_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    position = tmp_path / "X/test/p1"
    for index, make in enumerate(["0.0", "1.0", "1.0", None, "low"]):
        save(position / f"{index}.png", make)
    (position / "5.jpg").write_bytes(b"\xff\xd8\xff and no more")
    (position / "notes.txt").write_text("not an image")
    save(tmp_path / "X/test/lonely/0.png", "0.0")
    (stack,), skipped = read_stacks(tmp_path, "test", OPTICS, 0.25)
    assert [plane.path.name for plane in stack.planes] == ["0.png", "1.png"]
    assert {(fault.path.name, fault.reason.split(";")[0].split(" with")[0]) for fault in skipped} == {
        ("2.png", "same height as 1.png"),
        ("3.png", "no Exif tag Make"),
        ("4.png", "Exif tag Make is 'low', not a number of um"),
        ("5.jpg", "not a readable image"),
        ("lonely", "1 usable planes"),
    }


@pytest.mark.parametrize("make_folder", [False, True])
def test_nothing_usable_is_one_line(tmp_path: Path, make_folder: bool) -> None:
    if make_folder:
        save(tmp_path / "X/train/p/0.png", None)
    with pytest.raises(UsageError, match="no usable position" if make_folder else "no such folder"):
        read_stacks(tmp_path, "train", OPTICS, 0.25)


def test_tenth_um_planes_lose_no_pair() -> None:
    """180 planes 0.1 um apart hold 160 pairs 2 um apart; comparing floats finds only some of them."""
    heights = [round(round(index * 0.1 - 9, 1) * 1000) for index in range(180)]
    assert len(match_pairs(heights, 2000, 1)) == 160


def test_pairs_that_straddle_the_focus_are_pairs() -> None:
    assert match_pairs([-1500, 500, 2500], 2000, 0) == [(0, 1), (1, 2)]


@given(st.lists(st.integers(-20_000, 20_000), max_size=40, unique=True), st.integers(1, 10_000), st.integers(0, 500))
def test_pairs_are_all_that_fit(heights: list[int], delta: int, tolerance: int) -> None:
    pairs = match_pairs(heights, delta, tolerance)
    for first, second in pairs:
        assert abs(heights[second] - heights[first] - delta) <= tolerance
    fits = {
        first
        for first, low in enumerate(heights)
        if any(high > low and abs(high - low - delta) <= tolerance for high in heights)
    }
    assert {first for first, _ in pairs} == fits
    assert len(pairs) == len(fits)
