"""How far the view went: known shifts of made-up pictures, and what must not be taken for one."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from firmware_host.calibrate.shift import Light, shift_between

SHAPE = (180, 240)
_DEVIATION = 25  # of light, out of 255: as tissue has it


@functools.cache
def slide(seed: int) -> NDArray[np.complex128]:
    """Spectrum of a periodic texture larger than a view, with detail down to three pixels."""
    rng = np.random.default_rng(seed)
    shape = (384, 512)
    frequency = np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])[None, :])
    spectrum = np.fft.rfft2(rng.standard_normal(shape)) * np.exp(-((frequency / 0.2) ** 2)) / (frequency + 0.02)
    return np.asarray(spectrum * _DEVIATION / np.fft.irfft2(spectrum, s=shape).std())


def view(right_px: float, down_px: float, seed: int = 1) -> Light:
    """The slide as a camera sees it after its view went so far: exact, by the shift theorem."""
    spectrum = slide(seed)
    turn = np.fft.fftfreq(384)[:, None] * down_px + np.fft.rfftfreq(512)[None, :] * right_px
    whole = np.fft.irfft2(spectrum * np.exp(2j * np.pi * turn), s=(384, 512))
    return np.asarray(128 + whole[100 : 100 + SHAPE[0], 120 : 120 + SHAPE[1]], np.float32)


@given(st.floats(-70, 70), st.floats(-50, 50), st.floats(-5, 5), st.floats(-5, 5))
@settings(max_examples=25, deadline=None)
def test_a_shift_is_found_to_a_fiftieth_of_a_pixel(right: float, down: float, off_x: float, off_y: float) -> None:
    found = shift_between(view(0, 0), view(right, down), (right + off_x, down + off_y), 8)
    assert (found.right_px, found.down_px) == pytest.approx((right, down), abs=0.02)
    assert found.likeness > 0.95


def test_noise_and_uneven_light_hardly_matter() -> None:
    """Light that falls off to a corner stays where it is while the slide moves below it."""
    rng = np.random.default_rng(3)
    shade = np.linspace(1, 0.7, SHAPE[0])[:, None] * np.linspace(0.8, 1, SHAPE[1])[None, :]
    first, second = (
        np.asarray(shade * view(*at) + rng.normal(0, 3, SHAPE), np.float32) for at in ((0, 0), (31.3, -12.6))
    )
    found = shift_between(first, second, (30, -14), 8)
    assert (found.right_px, found.down_px) == pytest.approx((31.3, -12.6), abs=0.05)


def test_light_that_stays_on_the_sensor_is_not_the_slide() -> None:
    """It is twenty times stronger here: it neither holds a faint slide back, nor makes two places alike."""
    across, down = (np.linspace(0, 4 * np.pi, side) for side in SHAPE[::-1])
    lamp = 60 * np.cos(down)[:, None] * np.cos(across)[None, :]
    here, moved, elsewhere = (
        np.asarray(lamp + place / 20, np.float32) for place in (view(0, 0), view(0.6, -0.4), view(0, 0, seed=2))
    )
    found = shift_between(here, moved, (0, 0), 4)
    assert (found.right_px, found.down_px) == pytest.approx((0.6, -0.4), abs=0.05)
    assert shift_between(here, elsewhere, (0, 0), 4).likeness < 0.5


def test_nothing_is_found_beyond_the_reach() -> None:
    """Even where the pictures are the same 30 pixels away."""
    found = shift_between(view(0, 0), view(30, 0), (0, 0), 8)
    assert np.hypot(found.right_px, found.down_px) < 10
    assert found.likeness < 0.5


def test_on_a_slide_that_repeats_itself_the_nearest_is_taken() -> None:
    rows, columns = np.arange(SHAPE[0])[:, None], np.arange(SHAPE[1])[None, :]

    def dots(right: float) -> Light:
        return np.asarray(np.cos(2 * np.pi * (columns + right) / 24) + np.cos(2 * np.pi * rows / 24), np.float32)

    for expected in (0.0, 24.0, -48.0):
        found = shift_between(dots(0), dots(5.25), (expected, 0), 11)
        assert (found.right_px, found.down_px) == pytest.approx((5.25 + expected, 0), abs=0.02)


def test_pictures_with_nothing_in_common_are_not_alike() -> None:
    assert shift_between(view(0, 0), view(0, 0, seed=2), (0, 0), 20).likeness < 0.3


def test_a_picture_without_detail_is_like_nothing() -> None:
    flat = np.full(SHAPE, 200, np.float32)
    assert shift_between(flat, flat, (0, 0), 20).likeness == 0


@pytest.mark.parametrize("expected", [(200, 0), (0, -150)])
def test_too_little_in_common_is_refused(expected: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="too little in common"):
        shift_between(view(0, 0), view(0, 0), expected, 8)
