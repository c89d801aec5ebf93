"""The pitch of a calibration slide, from pictures of made-up ones."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_host.calibrate.grid import check_pitch, find_lattice
from firmware_host.calibrate.shift import Light
from firmware_host.errors import HardwareError, UsageError

SHAPE = (240, 320)


def grid(pitch_px: float, angle_deg: float, lines: bool = False, stretch: float = 1.0, lean_deg: float = 0.0) -> Light:
    """Dots, or crossed lines, of half a pitch, with soft rims and noise; unevenly lit."""
    rng = np.random.default_rng(1)
    turn, lean = math.radians(angle_deg), math.radians(lean_deg)
    x, y = np.arange(SHAPE[1])[None, :] - 31.7, np.arange(SHAPE[0])[:, None] - 11.2
    along, across = x * math.cos(turn) + y * math.sin(turn), y * math.cos(turn + lean) - x * math.sin(turn + lean)
    across = across / stretch
    off = [np.abs(place - np.rint(place / pitch_px) * pitch_px) for place in (along, across)]
    away = np.minimum(*off) - pitch_px / 8 if lines else np.hypot(*off) - pitch_px / 4
    light = 220 - 180 * np.clip(0.5 - away, 0, 1)
    return np.asarray(light * np.linspace(0.8, 1, SHAPE[1]) + rng.normal(0, 2, SHAPE), np.float32)


@given(st.floats(24, 44), st.floats(-45, 45), st.floats(0.85, 1.2), st.booleans())
@settings(max_examples=25, deadline=None)
def test_the_pitch_is_found_to_a_thousandth(pitch_px: float, angle_deg: float, off: float, lines: bool) -> None:
    found = find_lattice(grid(pitch_px, angle_deg, lines), 10.0, 10.0 / pitch_px * off)
    assert found.pitch_px == pytest.approx(pitch_px, rel=1e-3)
    assert found.corner_deg == pytest.approx(90, abs=0.3)
    assert found.ratio == pytest.approx(1, abs=5e-3)


@pytest.mark.parametrize(("said_um", "looks"), [(5.0, "10"), (20.0, "10")])
def test_another_pitch_than_said_is_told(said_um: float, looks: str) -> None:
    with pytest.raises(UsageError, match=rf"--grid-um {said_um:g}: the picture repeats every {looks}(\.\d)? um or so"):
        find_lattice(grid(30, 2), said_um, 10 / 30)


@pytest.mark.parametrize(
    "light",
    [
        np.random.default_rng(2).normal(200, 4, SHAPE).astype(np.float32),
        np.asarray(200 + 40 * np.sin(np.arange(SHAPE[1]) / 5) * np.ones(SHAPE), np.float32),
    ],
    ids=["glass", "lines one way"],
)
def test_what_is_no_grid_is_told(light: Light) -> None:
    with pytest.raises(HardwareError, match=r"no grid of 10 um to be seen; bring a square grid"):
        find_lattice(light, 10.0, 10 / (10 * math.pi))


@pytest.mark.parametrize(("stretch", "lean_deg"), [(1.06, 0.0), (1.0, 6.0)])
def test_a_grid_that_is_not_square_is_refused(stretch: float, lean_deg: float) -> None:
    with pytest.raises(HardwareError, match="not square"):
        find_lattice(grid(30, 2, stretch=stretch, lean_deg=lean_deg), 10.0, 10 / 30)


@pytest.mark.parametrize("pitch_um", [1.0, 100.0])
def test_a_pitch_beyond_the_camera_is_refused_with_what_it_can(pitch_um: float) -> None:
    with pytest.raises(UsageError, match=r"measures pitches of 1\.5 to 12\.0 um"):
        check_pitch(pitch_um, 0.25, SHAPE)
    check_pitch(10.0, 0.25, SHAPE)
