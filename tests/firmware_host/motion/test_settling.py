"""Settling: when an image may be exposed, and that the frame then really stands still."""

from __future__ import annotations

import pytest
from rig import Rig, homed_rig

from firmware_host.profile_tables import AXES, AxisName


def last_edge_ns(rig: Rig, name: AxisName) -> int:
    return rig.board.history(rig.profile.axes.of(name).step_pin)[-1][0]


def test_settled_is_the_rest_of_the_slowest_axis_plus_its_settling_time() -> None:
    rig = homed_rig()
    settled_ns = rig.stage.move_to(x_um=300, z_um=2)
    assert settled_ns == rig.stage.settled_ns
    rest_ns = settled_ns - 60_000_000
    assert rest_ns >= last_edge_ns(rig, "x") > last_edge_ns(rig, "z")
    assert rig.clock.now_ns() == rest_ns, "the call returns when the motors rest, not when the frame does"


def test_an_axis_that_has_not_settled_yet_counts_in_the_next_move() -> None:
    """Field failure: a short focus move after a long stage move, and the tile was smeared sideways."""
    rig = homed_rig()
    settled_ns = rig.stage.move_to(x_um=300)
    assert rig.stage.move_to(z_um=0.5) == settled_ns
    assert rig.clock.now_ns() < settled_ns


def test_nothing_to_move_takes_no_time_and_keeps_settled() -> None:
    rig = homed_rig()
    settled_ns = rig.stage.move_to(x_um=50, y_um=50, z_um=50)
    now_ns = rig.clock.now_ns()
    assert rig.stage.move_to(x_um=50, z_um=50.01) == settled_ns, "nearer than half a step: there already"
    assert rig.stage.move_to() == settled_ns
    assert rig.clock.now_ns() == now_ns


@pytest.mark.parametrize("moved", AXES)
def test_only_the_named_axis_gets_pulses(moved: AxisName) -> None:
    rig = homed_rig()
    before = {name: rig.pulses(name) for name in AXES}
    rig.stage.move_to(**{f"{moved}_um": 12.0})
    for name in AXES:
        made = round(12 * rig.profile.axes.of(name).steps_per_um) if name == moved else 0
        assert rig.pulses(name) - before[name] == made


@pytest.mark.parametrize("target", [{"x_um": 256.0}, {"y_um": 192.0}, {"z_um": 30.0}, {"z_um": 0.5}])
def test_when_settled_the_shipped_machine_stands_still_to_a_hundredth_um(target: dict[str, float]) -> None:
    rig = homed_rig()
    rig.stage.move_to(x_um=100, y_um=100, z_um=20)
    settled_ns = rig.stage.move_to(**target)
    assert trembling_um(rig, rig.clock.now_ns()) > 0.05, "without waiting it would have been smeared"
    assert trembling_um(rig, settled_ns) < 0.01


def trembling_um(rig: Rig, begin_ns: int) -> float:
    """The largest distance of any carriage from its rest within 10 ms."""
    return max(
        abs(rig.machine.axes[name].position_um(begin_ns + later_ns) - um)
        for name, um in rig.true_um().items()
        for later_ns in range(0, 10_000_000, 100_000)
    )
