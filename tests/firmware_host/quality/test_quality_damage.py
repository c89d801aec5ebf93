"""Pictures that a camera broke are told from those that a lens drew, the real ones beside the project included."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from firmware_host.quality.damage import damage, print_of
from firmware_host.quality.detail import Light, light_of


def drawn(seed: int) -> Light:
    """Detail of about three pixels, as an objective draws it, on bright ground, with a sensor's noise."""
    rng = np.random.default_rng(seed)
    spectrum = np.fft.rfft2(rng.standard_normal((384, 512)))
    per_px = np.hypot(np.fft.fftfreq(384)[:, None], np.fft.rfftfreq(512)[None, :])
    smooth = np.fft.irfft2(spectrum * np.exp(-((per_px / 0.12) ** 2)))
    picture = 190 + 25 * smooth / smooth.std() + rng.normal(0, 1.5, smooth.shape)
    return np.clip(picture, 0, 255).astype(np.uint8)


def half_dark(light: Light) -> None:
    light[200:] = 0


def half_grey(light: Light) -> None:
    light[200:] = 128


def two_frames(light: Light) -> None:
    light[150:] = drawn(77)[150:]


def shifted_rows(light: Light) -> None:
    light[100:160] = np.roll(light[100:160], 9, axis=1)


def shifted_to_the_end(light: Light) -> None:
    light[300:] = np.roll(light[300:], -40, axis=1)


def shifted_columns(light: Light) -> None:
    light[:, 200:] = np.roll(light[:, 200:], 9, axis=0)


def a_few_dark_rows(light: Light) -> None:
    light[50:60] = 3


def noise_in_a_block(light: Light) -> None:
    light[64:128, 64:160] = np.random.default_rng(5).integers(0, 256, (64, 96))


def a_block_of_another_place(light: Light) -> None:
    light[128:192, 128:192] = light[256:320, 320:384].copy()


def no_light(light: Light) -> None:
    light[:] = np.random.default_rng(5).integers(0, 8, light.shape)


BREAKS = [
    (half_dark, "48% of its rows without light"),
    (half_grey, "torn at row 200"),
    (two_frames, "torn at row 150"),
    (shifted_rows, "torn at row 100"),
    (shifted_to_the_end, "torn at row 300"),
    (shifted_columns, "torn at column 200"),
    (a_few_dark_rows, "3% of its rows without light"),
    (noise_in_a_block, "torn at row 64"),
    (a_block_of_another_place, "torn at row 128"),
    (no_light, "no light in it"),
]


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(("break_", "words"), BREAKS, ids=[each.__name__ for each, _ in BREAKS])
def test_a_broken_picture_is_noticed(break_: Callable[[Light], None], words: str, seed: int) -> None:
    light = drawn(seed)
    assert damage(light) is None
    break_(light)
    assert damage(light) == words


def test_an_unfocused_and_an_empty_picture_are_whole() -> None:
    noise = np.random.default_rng(3).normal(238, 1.5, (384, 512))
    assert damage(np.clip(noise, 0, 255).astype(np.uint8)) is None
    assert damage(np.full((384, 512), 255, np.uint8)) is None


def test_real_pictures_are_whole(shared_data: Path) -> None:
    """Sharp and blurred ones, through three objectives, from cameras and scanners of four makers."""
    paths = sorted(shared_data.glob("tiles/*.png")) + sorted(shared_data.glob("stacks/*/*.png"))
    paths += sorted(shared_data.glob("textures/*.png"))
    assert len(paths) == 32
    found = {path.name: damage(light_of(np.asarray(Image.open(path).convert("RGB")))) for path in paths}
    assert {name: words for name, words in found.items() if words} == {}


def test_two_exposures_of_the_same_view_are_told_apart_by_their_noise() -> None:
    rng = np.random.default_rng(0)
    view = rng.integers(150, 200, (64, 64, 3)).astype(np.uint8)
    again = view.copy()
    again[16, 3, 1] += 1
    assert print_of(view) == print_of(view.copy())
    assert print_of(view) != print_of(again)
