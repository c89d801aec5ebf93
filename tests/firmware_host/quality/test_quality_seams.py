"""Where a tile truly lies against its neighbours: on drawn slides to a fraction of a pixel, and on real tiles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from firmware_host.quality.detail import Light, light_of
from firmware_host.quality.seams import Borders, Seam, borders_of, seam_between

HEIGHT, WIDTH = 384, 512
RIGHT, DOWN = 461, 346  # a tenth in common
MARGIN = 200


def drawn_slide() -> Light:
    rng = np.random.default_rng(4)
    spectrum = np.fft.rfft2(rng.standard_normal((1024, 1350)))
    per_px = np.hypot(np.fft.fftfreq(1024)[:, None], np.fft.rfftfreq(1350)[None, :])
    smooth = np.fft.irfft2(spectrum * np.exp(-((per_px / 0.06) ** 2)), s=(1024, 1350))
    return np.clip(180 + 25 * smooth / smooth.std(), 0, 255).astype(np.uint8)


SLIDE = drawn_slide()


def tile(right: int, down: int, brightness: float = 1.0, blur_px: float = 0.0) -> Borders:
    """The field whose corner lies there on the slide, with its own noise."""
    slide = np.asarray(Image.fromarray(SLIDE).filter(ImageFilter.GaussianBlur(blur_px)))
    view = slide[MARGIN + down :, MARGIN + right :][:HEIGHT, :WIDTH].astype(np.float64) * brightness
    assert view.shape == (HEIGHT, WIDTH)
    noise = np.random.default_rng([right + 1000, down + 1000]).normal(0, 1.5, view.shape)
    return borders_of(np.clip(view + noise, 0, 255).astype(np.uint8), 0.1)


def seam(first: Borders, second: Borders, right: float, down: float) -> Seam:
    found = seam_between(first, second, right, down)
    assert found is not None
    return found


@pytest.mark.parametrize(("right", "down"), [(RIGHT, 0), (0, DOWN), (RIGHT, 12), (-7, DOWN)])
@settings(max_examples=15, deadline=None)
@given(x=st.integers(-12, 12), y=st.integers(-12, 12))
def test_a_stage_that_is_elsewhere_is_measured(right: int, down: int, x: int, y: int) -> None:
    found = seam(tile(0, 0), tile(right + x, down + y), right, down)
    assert (found.right_px, found.down_px) == pytest.approx((x, y), abs=0.4)
    assert found.likeness is not None
    assert found.likeness > 0.9


@pytest.mark.parametrize(("x", "y"), [(0, 90), (20, -60), (-16, 30)])
def test_steps_that_were_lost_are_measured_while_anything_is_in_common(x: int, y: int) -> None:
    """20 um, a motor's usual loss, are 80 pixels."""
    found = seam(tile(0, 0), tile(RIGHT + x, y), RIGHT, 0)
    assert (found.right_px, found.down_px) == pytest.approx((x, y), abs=0.5)


@pytest.mark.parametrize(("x", "y"), [(200, 230), (RIGHT - 60, 30), (RIGHT, 250)])
def test_another_place_is_not_alike(x: int, y: int) -> None:
    """Nor one that is so far off that next to nothing is in common: no shift is made up."""
    found = seam(tile(0, 0), tile(x, y), RIGHT, 0)
    assert found.likeness is not None
    assert found.likeness < 0.35


@pytest.mark.parametrize("brightness", [0.9, 1.0, 1.05])
def test_a_change_of_the_lamp_shows_in_the_overlap(brightness: float) -> None:
    assert seam(tile(0, 0), tile(RIGHT, 3, brightness), RIGHT, 0).brightness == pytest.approx(brightness, abs=0.01)


@pytest.mark.parametrize("brightness", [0.85, 1.0])
@pytest.mark.parametrize(("radius", "least", "most"), [(0.0, -0.05, 0.05), (1.5, -1.2, -0.3), (3.0, -3.0, -1.2)])
def test_a_blurred_tile_is_less_sharp_where_both_show_the_same(
    brightness: float, radius: float, least: float, most: float
) -> None:
    """However bright it is, and whichever of the two it is."""
    found = seam(tile(0, 0), tile(RIGHT, 3, brightness, radius), RIGHT, 0)
    assert found.sharpness is not None
    assert least < found.sharpness < most
    other = seam(tile(0, 0, brightness, radius), tile(RIGHT, 3), RIGHT, 0)
    assert other.sharpness == pytest.approx(-found.sharpness, abs=0.1)
    assert found.reversed.sharpness == -found.sharpness


def test_on_empty_glass_only_the_light_is_told() -> None:
    rng = np.random.default_rng(1)
    empty, dim = (borders_of(rng.normal(level, 1.5, (HEIGHT, WIDTH)).astype(np.uint8), 0.1) for level in (238, 214))
    found = seam(empty, dim, RIGHT, 0)
    assert found.likeness is None
    assert found.sharpness is None
    assert found.brightness == pytest.approx(0.9, abs=0.01)


def test_tiles_that_do_not_overlap_have_no_seam() -> None:
    assert seam_between(tile(0, 0), tile(0, 0), WIDTH + 5, 0) is None
    assert seam_between(tile(0, 0), tile(0, 0), 0, -HEIGHT + 4) is None


def test_only_borders_are_kept() -> None:
    assert tile(0, 0).nbytes < 0.2 * HEIGHT * WIDTH


def test_real_tiles_join(shared_data: Path) -> None:
    """A motorised microscope whose camera is turned by a degree: 12 to 21 px at every seam, and all of them alike."""
    tiles = {
        (row, col): borders_of(light_of(np.asarray(Image.open(shared_data / f"tiles/tile_{row}_{col}.png"))), 0.51)
        for row in range(4)
        for col in range(3)
    }
    across = [seam(tiles[row, 0], tiles[row, 1], 988, 0) for row in range(4)]
    down = [seam(tiles[row, 1], tiles[row + 1, 1], 0, 624) for row in range(3)]
    assert all(each.likeness is not None and each.likeness > 0.85 for each in across + down)
    assert [(each.right_px, each.down_px) for each in across] == [pytest.approx((0, -13), abs=1.5)] * 4
    assert [(each.right_px, each.down_px) for each in down] == [pytest.approx((-20, 1), abs=1.5)] * 3
    # This picture is sharper on one side, by as much everywhere.
    assert [each.sharpness for each in across] == [pytest.approx(0.38, abs=0.07)] * 4
    assert [each.sharpness for each in down] == [pytest.approx(0.0, abs=0.07)] * 3
    stranger = seam(tiles[0, 0], tiles[2, 2], 988, 0)
    assert stranger.likeness is not None
    assert stranger.likeness < 0.2
