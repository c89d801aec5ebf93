"""From measurements to a profile: what is raised, what is lowered, what is refused, what is told."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_host.calibrate.changes import changes, least_overlap, notes
from firmware_host.calibrate.figure import Figure
from firmware_host.calibrate.measure import Measured
from firmware_host.calibrate.scale import Pose
from firmware_host.errors import HardwareError
from firmware_host.profile import Profile, load_profile
from firmware_host.profile_tables import AXES

EMULATED = load_profile("emulated")


def measured(
    steps_per_um: float = 3.2,
    backlash_um: float = 1.0,
    settle_ms: float = 20.0,
    rotation_deg: float = 0.0,
    square_deg: float = 90.0,
) -> Measured:
    return Measured(
        pixel_um=Figure(0.25, 0.0),
        pose=Pose(rotation_deg, False, square_deg),
        pose_doubt_deg=0.01,
        steps_per_um={"x": Figure(steps_per_um, 0.001), "y": Figure(steps_per_um, 0.001)},
        backlash_um={axis: Figure(backlash_um, 0.0) for axis in AXES},
        settle_ms={axis: Figure(settle_ms, 1.0) for axis in AXES},
    )


def values(**figures: Any) -> dict[str, Any]:
    return {change.key: change.after for change in changes(EMULATED, measured(**figures))}


def told(profile: Profile, **figures: Any) -> str:
    found = measured(**figures)
    return "\n".join(notes(profile, found, changes(profile, found)))


@pytest.mark.parametrize(
    ("backlash_um", "takeup_um"),
    [(0.0, 12), (6.0, 12), (8.0, 12), (8.1, 16.5), (30.0, 60), (249.9, 500)],
)
def test_the_takeup_is_kept_where_it_is_enough_and_else_doubles_the_backlash(
    backlash_um: float, takeup_um: float
) -> None:
    assert values(backlash_um=backlash_um)["axes.x.takeup_um"] == takeup_um


def test_a_backlash_that_no_takeup_holds_is_refused() -> None:
    with pytest.raises(HardwareError, match="axis x: a backlash of 251 um is more than takeup_um can hold"):
        values(backlash_um=251)


def test_z_keeps_its_steps() -> None:
    assert "axes.z.steps_per_um" not in values(steps_per_um=3.3)
    assert "z: its steps_per_um stays 20" in told(EMULATED)


@pytest.mark.parametrize(("settle_ms", "written"), [(20.0, 25), (20.1, 26), (0.0, 5), (400.0, 500)])
def test_settling_is_written_with_a_margin(settle_ms: float, written: int) -> None:
    assert values(settle_ms=settle_ms)["axes.y.settle_ms"] == written


@given(st.floats(1.0, 20.0), st.floats(0, 200))
def test_no_axis_reaches_more_motor_steps_than_before(steps_per_um: float, backlash_um: float) -> None:
    """But for a five hundredth: the switch stands where it stood, and so does what lies at the far end."""
    new = values(steps_per_um=steps_per_um, backlash_um=backlash_um)
    for axis in AXES:
        table = EMULATED.axes.of(axis)
        before = (2 * table.takeup_um + 10 + table.soft_max_um) * table.steps_per_um
        takeup_um, soft_max_um = new[f"axes.{axis}.takeup_um"], new.get(f"axes.{axis}.soft_max_um", table.soft_max_um)
        after = (2 * takeup_um + 10 + soft_max_um) * new.get(f"axes.{axis}.steps_per_um", table.steps_per_um)
        allowed = (0.002 * (table.soft_max_um - table.soft_min_um) + 2) * max(steps_per_um, table.steps_per_um)
        assert after <= before + allowed
        assert soft_max_um <= table.soft_max_um


def test_a_lower_limit_is_told() -> None:
    assert "axes.y.soft_max_um is lowered" in told(EMULATED, steps_per_um=3.3)
    assert "soft_max_um" not in told(EMULATED, steps_per_um=3.1)


@pytest.mark.parametrize("rotation_deg", [-80.0, 11.0, 90.0, 165.0])
def test_a_camera_that_is_turned_too_far_is_refused(rotation_deg: float) -> None:
    with pytest.raises(HardwareError, match=r"camera: it is turned by -?\d+\.0 degrees against the stage; turn it"):
        values(rotation_deg=rotation_deg)


@pytest.mark.parametrize("rotation_deg", [-9.0, 0.0, 3.0, 177.0, -178.0])
def test_upside_down_is_as_good_as_upright(rotation_deg: float) -> None:
    assert values(rotation_deg=rotation_deg)["camera.rotation_deg"] == rotation_deg


@given(st.floats(-10, 10), st.floats(0, 0.5))
def test_the_least_overlap_is_where_fields_begin_to_leave_holes(rotation_deg: float, overlap: float) -> None:
    """Four turned fields of a grid, looked at point by point around where they meet."""
    least = least_overlap(EMULATED, rotation_deg)
    if abs(overlap - least) < 0.01:
        return
    camera = EMULATED.camera.model_copy(update={"rotation_deg": rotation_deg})
    width, height = camera.width_px, camera.height_px
    pitch_um = (width * (1 - overlap) * camera.pixel_um, height * (1 - overlap) * camera.pixel_um)
    points = np.stack(np.meshgrid(np.linspace(0.2, 0.8, 120), np.linspace(0.2, 0.8, 120)), -1).reshape(-1, 2)
    seen = np.zeros(len(points), np.bool_)
    ways = [np.array(camera.view_px(*way)) for way in ((pitch_um[0], 0), (0, pitch_um[1]))]
    looked_at = points[:, :1] * ways[0] + points[:, 1:] * ways[1]
    for column in (-1, 0, 1, 2):
        for row in (-1, 0, 1, 2):
            apart = np.abs(looked_at - column * ways[0] - row * ways[1])
            seen |= (apart[:, 0] <= width / 2) & (apart[:, 1] <= height / 2)
    assert bool(seen.all()) == (overlap > least)


def test_too_little_overlap_for_the_rotation_is_told() -> None:
    tight = EMULATED.model_copy(update={"scan": EMULATED.scan.model_copy(update={"overlap": 0.02})})
    assert "need scan.overlap of at least 0.04" in told(tight, rotation_deg=3.0)
    assert "overlap" not in told(EMULATED, rotation_deg=3.0)


def test_axes_that_are_not_square_are_told() -> None:
    assert "not square to each other (90.30 degrees)" in told(EMULATED, square_deg=90.3)
    assert "square" not in told(EMULATED, square_deg=90.1)
