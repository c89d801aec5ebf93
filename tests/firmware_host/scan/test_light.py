from __future__ import annotations

import numpy as np
import pytest

from firmware_host.scan.light import FlatField, absorbances, empty_level, view_means

HEIGHT, WIDTH = 192, 256


def shading() -> np.ndarray:
    y, x = np.meshgrid(np.linspace(-1, 1, HEIGHT), np.linspace(-1, 1, WIDTH), indexing="ij")
    fall = 1 - 0.14 * (x**2 + (y - 0.1) ** 2)
    return fall[..., None] * np.array([200.0, 210.0, 190.0])


def empty_frame(seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 2, (HEIGHT, WIDTH, 3))
    return np.clip(np.round(shading() + noise), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("shape", [(768, 1024), (1520, 2028), (600, 800), (1014, 1352), (481, 641)])
def test_a_camera_of_any_shape_is_looked_at(shape: tuple[int, int]) -> None:
    image = np.zeros((*shape, 3), np.uint8)
    image[:, : shape[1] // 2] = 200
    means = view_means(image)
    assert means.shape == (6, 6, 3)
    assert (means[:, :2] == 200).all()
    assert (means[:, 4:] == 0).all()


def test_shading_is_evened_out_to_one_percent() -> None:
    flat = FlatField.from_empty([empty_frame(seed) for seed in range(5)])
    corrected = flat.apply(np.round(shading()).astype(np.uint8)).astype(float)
    assert np.abs(corrected / corrected.mean(axis=(0, 1)) - 1).max() < 0.01
    assert corrected.mean(axis=(0, 1)) == pytest.approx(np.full(3, 238), abs=1)


def test_it_holds_behind_a_tone_curve_too() -> None:
    """A power law turns one factor into another."""
    gamma = 1 / 2.2
    bent = [np.round(255 * (frame / 255) ** gamma).astype(np.uint8) for frame in (empty_frame(1), empty_frame(2))]
    tissue = np.round(255 * (shading() * 0.4 / 255) ** gamma).astype(np.uint8)
    corrected = FlatField.from_empty(bent).apply(tissue).astype(float)
    assert np.abs(corrected / corrected.mean(axis=(0, 1)) - 1).max() < 0.015


def test_dust_in_one_frame_and_noise_do_not_enter() -> None:
    frames = [empty_frame(seed) for seed in range(3)]
    frames[1][40:80, 60:110] = 30
    clean = FlatField.from_empty([frames[0], frames[2]]).apply(frames[0]).astype(float)
    dusty = FlatField.from_empty(frames).apply(frames[0]).astype(float)
    assert np.abs(clean - dusty).max() <= 2


def test_white_stays_white() -> None:
    flat = FlatField.from_empty([empty_frame(0)])
    assert (flat.apply(np.full((HEIGHT, WIDTH, 3), 255, np.uint8)) == 255).all()


def test_a_neutral_flat_field_changes_nothing() -> None:
    frame = empty_frame(3)
    np.testing.assert_array_equal(FlatField.neutral((HEIGHT, WIDTH)).apply(frame), frame)


def test_absorbance_is_measured_against_the_brightest_views() -> None:
    """A view that lets a tenth through has an absorbance of 1, whatever the shading."""
    views = np.array([view_means(empty_frame(seed)) for seed in range(4)])
    dark = view_means(np.round(shading() * 0.1).astype(np.uint8))
    every = np.concatenate([views, dark[None]])
    depth = absorbances(every, empty_level(every))
    assert depth[:4] == pytest.approx(np.zeros(4), abs=0.005)
    assert depth[4] == pytest.approx(1.0, abs=0.02)
