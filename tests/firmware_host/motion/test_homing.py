"""Homing: it finds the switch from anywhere, always at the same place, and never turns a failure into success."""

from __future__ import annotations

import pytest
from rig import SHIPPED, Rig, changed, homed_rig, near_rig

from firmware_host.errors import Cancelled, HardwareError
from firmware_host.profile_tables import AXES, AxisName


@pytest.mark.parametrize("start_um", [-400.0, -230.0, -200.0, -199.0, -150.0, 700.0])
def test_the_zero_is_the_same_from_wherever_homing_starts(start_um: float) -> None:
    rig = homed_rig(twin={"x": {"start_um": start_um}})
    reference = homed_rig()
    assert rig.stage.homed
    assert rig.host_um() == {"x": 0, "y": 0, "z": 0}
    step_um = 1 / rig.profile.axes.x.steps_per_um
    assert rig.true_um()["x"] == pytest.approx(reference.true_um()["x"], abs=step_um)
    if start_um > -400:  # on the stop itself the motor may well be asked for more
        rig.assert_flawless()


def test_homing_again_finds_the_same_zero_and_ends_with_the_backlash_taken_up() -> None:
    rig = homed_rig()
    zero_um = rig.true_um()
    rig.stage.move_to(x_um=120, y_um=90, z_um=40)
    rig.stage.home()
    assert rig.true_um() == pytest.approx(zero_um)
    rig.stage.move_to(x_um=10, y_um=10, z_um=10)
    assert {name: um - 10 for name, um in rig.true_um().items()} == pytest.approx(zero_um, abs=0.16)


def test_z_goes_first_and_never_up_by_more_than_the_clearance() -> None:
    """The objective hangs above the slide: before x and y move, z has gone down."""
    rig = near_rig()
    heights: list[float] = []
    rig.board.connect(rig.profile.axes.z.step_pin, lambda *_: heights.append(rig.true_um()["z"]))
    rig.stage.home()
    first = {name: rig.board.history(rig.profile.axes.of(name).step_pin)[0][0] for name in AXES}
    last_z_ns = rig.board.history(rig.profile.axes.z.step_pin)[-1][0]
    assert last_z_ns < first["x"] < first["y"]
    assert max(heights) <= -35 + 2 * rig.profile.axes.z.takeup_um + 10


def test_the_switch_is_touched_slowly_the_second_time() -> None:
    rig = homed_rig()
    table = rig.profile.axes.x
    closings = [time_ns for time_ns, level in rig.board.history(table.limit_pin) if not level]
    rises = [time_ns for time_ns, level in rig.board.history(table.step_pin) if level]
    before = [time_ns for time_ns in rises if time_ns <= closings[-1]][-2:]
    slow_ns = 1e9 / (0.1 * table.home_speed_um_s * table.steps_per_um)
    assert before[1] - before[0] >= slow_ns * 0.999


STUCK = [
    ("z", "closed", {"limit_at_um": 5000.0}, "axis z: its limit switch (pin 19) did not open within 152 um"),
    ("z", "open", {"limit_at_um": -5000.0}, "axis z: its limit switch (pin 19) did not close within 812 um"),
    ("x", "closed", {"limit_at_um": 50_000.0}, "axis x: its limit switch (pin 5) did not open within 1668 um"),
]


@pytest.mark.parametrize(("name", "_state", "twin", "message"), STUCK, ids=[f"{s[0]} stuck {s[1]}" for s in STUCK])
def test_a_stuck_switch_ends_homing_within_a_bounded_travel(
    name: AxisName, _state: str, twin: dict[str, float], message: str
) -> None:
    rig = near_rig(twin={name: twin})
    with pytest.raises(HardwareError) as caught:
        rig.stage.home()
    assert str(caught.value) == f"{message}; check switch, wiring and motor"
    travel_um = float(message.split()[-2])
    assert rig.pulses(name) == pytest.approx(travel_um * rig.profile.axes.of(name).steps_per_um, abs=rig_step(name))
    assert not rig.stage.homed
    assert not any(rig.enabled(axis) for axis in AXES), "the motors are off"
    with pytest.raises(HardwareError, match=r"shut down \(axis .* its limit switch"):
        rig.stage.home()


def rig_step(name: AxisName) -> float:
    """Steps of the micrometre that the message rounds to."""
    return SHIPPED.axes.of(name).steps_per_um


def test_a_switch_that_is_not_plugged_in_reads_open() -> None:
    """The pull-up decides: homing must fail, not believe that it is at the switch."""
    rig = near_rig()
    rig.board.drive(rig.profile.axes.z.limit_pin, None)
    rig.machine.axes["z"]._switch = lambda: None  # type: ignore[method-assign]
    with pytest.raises(HardwareError, match=r"axis z: .* did not close"):
        rig.stage.home()


def test_a_cancelled_homing_leaves_the_axes_unhomed() -> None:
    rig = near_rig()
    rig.at(rig.clock.now_ns() + 30_000_000, lambda: rig.cancel.request("Ctrl-C"))
    with pytest.raises(Cancelled, match="Ctrl-C"):
        rig.stage.home()
    assert not rig.stage.homed
    for name in AXES:
        assert not rig.board.level(rig.profile.axes.of(name).step_pin)


def test_the_whole_way_home_and_over_the_slide_loses_nothing() -> None:
    """The shipped profile from its start in the middle of the stage: motors have the margin that it claims."""
    rig = Rig(changed(SHIPPED, {}, {}))
    rig.stage.home()
    offset = {name: rig.true_um()[name] for name in AXES}
    for x_um, y_um, z_um in [(8000, 6000, 600), (4000, 3000, 300), (4256, 3000, 301.5), (0, 0, 0), (128, 192, 299)]:
        rig.stage.move_to(x_um=x_um, y_um=y_um, z_um=z_um)
        host = rig.host_um()
        assert rig.true_um() == pytest.approx({name: offset[name] + host[name] for name in AXES}, abs=1e-6)
    rig.assert_flawless()
