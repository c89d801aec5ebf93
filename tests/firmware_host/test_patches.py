from __future__ import annotations

import numpy as np
import pytest

from firmware_host.optics import Objective
from firmware_host.patches import PatchRule, cut_patches, grid, texture

RULE = PatchRule(size_px=32, sampling=1 / 3, sampling_tolerance=0.15, delta_dof=2.0, min_weight=0.02)


def frame(seed: int, height: int = 100, width: int = 140) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("pixel_um", "side"),
    [(0.2444, 32), (0.25, 32), (0.22, 32), (0.125, 63), (0.489, 16)],
    ids=["nominal", "within tolerance", "at its edge", "twice as fine", "twice as coarse"],
)
def test_the_side_of_a_patch_follows_the_optics(pixel_um: float, side: int) -> None:
    """lambda/NA is 0.733 um at NA 0.75; a third of it is one pixel of the network."""
    assert RULE.source_px(Objective(0.75), pixel_um) == side


@pytest.mark.parametrize(
    ("na", "pitch", "expected"),
    [
        (0.6, 1.0, (0.0, 0.0)),
        (0.4, 1.1, (-1.0, 0.635)),  # a pixel 10 % large is not scaled, and told
        (0.8, 2.0, (1.0, 0.0)),  # one twice as large is scaled
        (0.14, 1.0, (-1.2, 0.0)),  # outside all that a network learns from
    ],
)
def test_the_network_is_told_of_the_optics(na: float, pitch: float, expected: tuple[float, float]) -> None:
    optics = Objective(na)
    code = RULE.optics_code(optics, pitch * optics.lateral_unit_um / 3)
    assert code.dtype == np.float32
    np.testing.assert_allclose(code, expected, atol=2e-3)


def test_patches_are_cut_at_the_same_place_from_both_frames() -> None:
    first = frame(1)
    second = 255 - first
    cut_first, cut_second = cut_patches(first, second, RULE, 32, 5)
    assert cut_first.shape == (5, 32, 32, 3)
    np.testing.assert_array_equal(cut_second, 255 - cut_first)


def test_the_most_textured_patches_are_chosen() -> None:
    image = np.full((96, 128, 3), 200, np.uint8)
    image[32:64, 64:96] = frame(2, 32, 32)
    cut, _ = cut_patches(image, image, RULE, 32, 1)
    np.testing.assert_array_equal(cut[0], image[32:64, 64:96])


def test_the_grid_is_centred_and_does_not_overlap() -> None:
    image = frame(3)
    squares = grid(image, 32)
    assert squares.shape == (3, 4, 32, 32, 3)
    np.testing.assert_array_equal(squares[0, 0], image[2:34, 6:38])
    np.testing.assert_array_equal(squares[2, 3], image[66:98, 102:134])


def test_other_sampling_is_scaled_to_the_networks_size() -> None:
    cut, _ = cut_patches(frame(4), frame(5), RULE, 48, 4)
    assert cut.shape == (4, 32, 32, 3)


def test_a_frame_smaller_than_a_patch_gives_none() -> None:
    cut, _ = cut_patches(frame(6, 20, 20), frame(7, 20, 20), RULE, 32, 4)
    assert len(cut) == 0


def test_frames_of_different_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="differ in shape"):
        cut_patches(frame(1), frame(1, 90), RULE, 32, 4)


def test_a_flat_patch_has_no_texture() -> None:
    flat, noisy = np.full((1, 32, 32, 3), 77, np.uint8), frame(8, 32, 32)[None]
    assert texture(flat)[0] == pytest.approx(0, abs=1e-6)
    assert texture(noisy)[0] > 0.1
