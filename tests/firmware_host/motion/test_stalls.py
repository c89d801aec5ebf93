"""A busy machine: pulses that come late, or stand still in the middle of a move, and what becomes of the place."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rig import SHIPPED, Rig, homed_rig, near_rig

from firmware_host.errors import HardwareError
from firmware_host.motion.axis import Axis
from firmware_host.profile_tables import AXES

FAR_UM = {"x_um": 900.0, "y_um": 700.0, "z_um": 60.0}
AT_FULL_SPEED_NS = 120_000_000  # after the start of a move of 900 um
SLIP_STEPS = 37


def busy(rig: Rig, after_ns: int, for_ns: int, slip: bool = False) -> None:
    """The pulses stand still for a while; a rotor that was fast then slips out of its field."""

    def stand() -> None:
        rig.clock.wait_until(rig.clock.now_ns() + for_ns, "move")
        if slip:
            rig.machine.axes["x"]._rotor_steps += SLIP_STEPS

    rig.at(rig.clock.now_ns() + after_ns, stand)


def told_rig(near: bool = False) -> tuple[Rig, list[str]]:
    rig = near_rig() if near else homed_rig()
    told: list[str] = []
    rig.stage._tell = told.append
    return rig, told


def offsets(rig: Rig) -> dict[str, float]:
    return {name: rig.true_um()[name] - um for name, um in rig.host_um().items()}


def test_a_pulse_that_is_late_by_less_than_half_a_full_step_is_no_event() -> None:
    rig, told = told_rig()
    busy(rig, AT_FULL_SPEED_NS, 8 * 52_000 - 1000)  # eight microsteps at 19,200 steps/s
    before = rig.pulses("x")
    rig.stage.move_to(**FAR_UM)
    assert told == []
    assert rig.pulses("x") - before == 900 * 3.2
    assert 300_000 < rig.stage.lateness.most_ns < 8 * 52_084


def test_pulses_that_stood_still_at_full_speed_cost_a_homing_and_no_place() -> None:
    """Field failure: the machine was busy for 30 ms, the motor slipped, and the rest of the slide was shifted."""
    rig, told = told_rig()
    rig.stage.move_to(x_um=30, y_um=30, z_um=5)
    true_um = offsets(rig)
    busy(rig, AT_FULL_SPEED_NS, 30_000_000, slip=True)
    rig.stage.move_to(**FAR_UM)
    assert len(told) == 1
    assert told[0].startswith("pulses stood still for 30.0 ms")
    assert "axis x, y, z may have lost its place and is homed again" in told[0]
    assert rig.host_um() == pytest.approx({"x": 900, "y": 700, "z": 60}, abs=0.2)
    assert offsets(rig) == pytest.approx(true_um, abs=1 / 3.2)


@pytest.mark.parametrize("after_ns", [3_000_000, 8_000_000, 12_000_000])
def test_pulses_that_stood_still_while_the_motor_was_slow_cost_nothing(after_ns: int) -> None:
    """It stops within a full step: the move goes on from there, and still ends upwards."""
    rig, told = told_rig()
    rig.stage.move_to(x_um=30)
    true_um = offsets(rig)
    limit_edges = len(rig.board.history(rig.profile.axes.x.limit_pin))
    busy(rig, after_ns, 30_000_000)
    rig.stage.move_to(x_um=900)
    assert "no step was lost" in told[0]
    assert offsets(rig) == pytest.approx(true_um, abs=1e-6)
    assert len(rig.board.history(rig.profile.axes.x.limit_pin)) == limit_edges, "not homed again"
    rig.assert_flawless()


def test_afterwards_moves_are_slower_until_enough_of_them_went_well() -> None:
    rig, _ = told_rig()

    def seconds() -> float:
        rig.stage.move_to(x_um=0)
        began_ns = rig.clock.now_ns()
        rig.stage.move_to(x_um=900)
        return (rig.clock.now_ns() - began_ns) / 1e9

    usual_s = seconds()
    rig.stage.move_to(x_um=0)
    busy(rig, 5_000_000, 30_000_000)
    rig.stage.move_to(x_um=900)
    assert seconds() > 1.1 * usual_s
    for _ in range(20):
        seconds()
    assert seconds() == usual_s


@pytest.mark.parametrize("after_ms", range(20, 800, 65))
def test_homing_that_was_interrupted_finds_the_same_zero(after_ms: int) -> None:
    undisturbed = homed_rig()
    rig, _ = told_rig(near=True)
    busy(rig, after_ms * 1_000_000, 30_000_000)
    rig.stage.home()
    assert rig.stage.homed
    for name in AXES:
        assert rig.true_um()[name] == pytest.approx(undisturbed.true_um()[name], abs=1.5 / 3.2), name
    rig.stage.move_to(x_um=10, y_um=10, z_um=2)


def test_a_machine_that_is_always_busy_is_given_up() -> None:
    rig, _ = told_rig()

    def stand() -> None:
        rig.clock.wait_until(rig.clock.now_ns() + 30_000_000, "move")
        rig.at(rig.clock.now_ns() + 30_000_000, stand)

    rig.at(rig.clock.now_ns() + 30_000_000, stand)
    with pytest.raises(HardwareError, match="stood still again and again in one move; stop what else runs"):
        rig.stage.move_to(x_um=5000)
    assert rig.stage.stalls > 4


@given(
    speed_um_s=st.floats(200, 20_000),
    accel_um_s2=st.floats(5000, 500_000),
    steps_per_um=st.floats(1, 50),
    microsteps=st.sampled_from([1, 8, 16, 64]),
)
def test_slowed_down_an_axis_stops_within_a_full_step(
    speed_um_s: float, accel_um_s2: float, steps_per_um: float, microsteps: int
) -> None:
    """Field failure: at just the speed that it may stop from, rounding made each interruption cost another homing."""
    changes = {
        "max_speed_um_s": speed_um_s,
        "max_accel_um_s2": accel_um_s2,
        "steps_per_um": steps_per_um,
        "microsteps": microsteps,
    }
    axis = Axis("x", SHIPPED.axes.x.model_copy(update=changes))
    axis.slow_down(10**9)
    shortest_ns = int(np.diff(axis.train(4000).times_ns).min())
    assert 1e9 / shortest_ns < axis.abrupt_sps


def test_lateness_is_told_in_whole_microseconds_and_the_worst_exactly() -> None:
    lateness = homed_rig().stage.lateness
    assert lateness.edges > 1000
    assert (lateness.percentile_us(99.9), lateness.most_ns) == (0.0, 0)
    for late_ns in (1500, 2500, 99_999_999):
        lateness.add(late_ns)
    assert lateness.most_ns == 99_999_999
    assert lateness.percentile_us(100) == 20_001
    assert [lateness.later_than(us) for us in (1, 2, 3, 10**9)] == [3, 2, 1, 1]
