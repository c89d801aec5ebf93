"""What absolute lengths rest on: a grid, or one of the profile's own; and when the repeats disagree."""

from __future__ import annotations

import numpy as np
import pytest

from firmware_host.calibrate.figure import Figure
from firmware_host.calibrate.grid import Lattice
from firmware_host.calibrate.measure import pixel_pitch, steps_of
from firmware_host.calibrate.scale import Travel
from firmware_host.errors import HardwareError
from firmware_host.profile import load_profile
from firmware_host.profile_tables import AxisName

EMULATED = load_profile("emulated")  # 3.2 steps/um, 0.25 um per pixel


def travels(x_px_per_step: float, y_px_per_step: float) -> dict[AxisName, Travel]:
    doubt = np.array([0.001, 0.001])
    ways = {"x": np.array([x_px_per_step, 0.0]), "y": np.array([0.0, y_px_per_step])}
    return {"x": Travel(ways["x"], doubt, 24, 0.01, []), "y": Travel(ways["y"], doubt, 24, 0.01, [])}


def lattices(*pitches_px: float) -> list[Lattice]:
    return [Lattice(pitch_px, 1.0, 90.0) for pitch_px in pitches_px]


def test_a_grid_tells_the_pixel_and_how_sure_it_is() -> None:
    found = pixel_pitch(EMULATED, travels(1.25, 1.25), lattices(39.0, 39.02, 38.98), 10.0, "pixel")
    assert found.value == pytest.approx(10 / 39, rel=1e-6)
    assert found.doubt == pytest.approx(2 * 10 / 39 * 0.02 / 39 / np.sqrt(3), rel=0.01)
    alike = pixel_pitch(EMULATED, travels(1.25, 1.25), lattices(39.0, 39.0, 39.0), 10.0, "pixel")
    assert alike.doubt == pytest.approx(1e-4 * 10 / 39)  # all may be off alike


def test_a_grid_that_looks_different_in_each_view_is_refused() -> None:
    with pytest.raises(HardwareError, match=r"the grid's pitch varies by 0\.5% between views"):
        pixel_pitch(EMULATED, travels(1.25, 1.25), lattices(39.0, 39.2, 38.8), 10.0, "pixel")


def test_the_trusted_pixel_is_taken_as_it_is() -> None:
    assert pixel_pitch(EMULATED, travels(1.3, 1.2), [], None, "pixel").value == 0.25


def test_trusted_steps_tell_the_pixel_by_the_mean_of_both_axes() -> None:
    """A step is 1/3.2 um, and goes 1.20 and 1.21 pixels."""
    found = pixel_pitch(EMULATED, travels(1.20, 1.21), [], None, "steps")
    assert found.value == pytest.approx((1 / 3.2 / 1.20 + 1 / 3.2 / 1.21) / 2)
    assert found.doubt >= abs(1 / 3.2 / 1.20 - 1 / 3.2 / 1.21) / 2


def test_axes_whose_steps_cannot_both_be_right_are_not_trusted() -> None:
    with pytest.raises(HardwareError, match="one of the two steps_per_um is wrong: use --grid-um or --trust pixel"):
        pixel_pitch(EMULATED, travels(1.20, 1.25), [], None, "steps")


def test_steps_follow_from_the_pixel_unless_they_are_trusted() -> None:
    """2 pixels of 0.2 um a step."""
    way = travels(2.0, 2.0)["x"]
    found = steps_of("x", way, Figure(0.2, 0.0002), None)
    assert found.value == pytest.approx(2.5)
    assert found.doubt == pytest.approx(2.5 * np.hypot(0.001 / 2, 0.001))
    assert steps_of("x", way, Figure(0.2, 0.0002), EMULATED) == Figure(3.2, 0.0)
