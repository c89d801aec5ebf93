"""Moves that leave the backlash alone, on the emulated machine: what measures it, and what must not be spoilt by it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rig import SHIPPED, Rig, homed_rig, near_rig

from firmware_host.errors import HardwareError, SafetyStop, UsageError
from firmware_host.profile_tables import AXES

STEP_UM = 1 / SHIPPED.axes.x.steps_per_um
BACKLASH_UM = 6.0


def standing_at(um: float) -> Rig:
    rig = homed_rig()
    rig.stage.move_to(x_um=um)
    return rig


@pytest.mark.parametrize(
    ("steps", "moved_um"),
    [
        ([5], 5 * STEP_UM),  # on upwards: at once
        ([-10], 0.0),  # back: the screw turns in its play
        ([-32], -10 + BACKLASH_UM),
        ([-32, 10], -10 + BACKLASH_UM),
        ([-32, 32], 0.0),  # there and back: where it was
        ([0], 0.0),
    ],
)
def test_the_carriage_follows_once_the_play_is_used_up(steps: list[int], moved_um: float) -> None:
    rig = standing_at(100)
    before = rig.true_um()
    for each in steps:
        settled_ns = rig.stage.nudge("x", each)
        assert settled_ns == rig.stage.settled_ns >= rig.clock.now_ns()
    assert rig.true_um()["x"] - before["x"] == pytest.approx(moved_um, abs=1e-9)
    assert rig.stage.x_um == pytest.approx(100 + sum(steps) * STEP_UM, abs=STEP_UM / 2)
    assert {name: rig.true_um()[name] for name in ("y", "z")} == {name: before[name] for name in ("y", "z")}
    rig.assert_flawless()


@given(st.lists(st.tuples(st.sampled_from(AXES), st.integers(-40, 40)), max_size=6))
@settings(max_examples=20, deadline=None)
def test_after_any_nudges_a_place_is_still_approached_from_below(nudges: list[tuple[str, int]]) -> None:
    rig = homed_rig()
    target = {"x_um": 100.0, "y_um": 120.0, "z_um": 60.0}
    rig.stage.move_to(**target)
    place = rig.true_um()
    for axis, steps in nudges:
        rig.stage.nudge(axis, steps)  # type: ignore[arg-type]
    rig.stage.move_to(**target)
    assert rig.true_um() == pytest.approx(place, abs=1e-9)


def test_a_few_steps_up_do_not_count_as_having_taken_up_the_backlash() -> None:
    """Up, back down past the place, a little up: the nut still lies on the other flank, and the move must know."""
    rig = standing_at(100)
    place = rig.true_um()["x"]
    for steps in (40, -50, 1):
        rig.stage.nudge("x", steps)
    rig.stage.move_to(x_um=100)
    assert rig.true_um()["x"] == pytest.approx(place, abs=1e-9)


@pytest.mark.parametrize("steps", [-400, 30_000])
def test_beyond_the_limits_nothing_moves(steps: int) -> None:
    rig = standing_at(100)
    pulses = rig.pulses("x")
    with pytest.raises(UsageError, match=r"axis x: .* outside its soft limits 0 to 8000 um"):
        rig.stage.nudge("x", steps)
    assert rig.pulses("x") == pulses


def test_without_a_zero_nothing_moves() -> None:
    rig = near_rig()
    with pytest.raises(HardwareError, match="axis z: not homed"):
        rig.stage.nudge("z", 3)
    assert rig.pulses("z") == 0


def test_a_fault_stops_it_as_any_move() -> None:
    rig = standing_at(100)
    rig.at(rig.clock.now_ns() + 10_000_000, rig.machine.drivers["y"].raise_fault)
    with pytest.raises(SafetyStop, match="fault of the driver of axis y"):
        rig.stage.nudge("x", 2000)
    assert not rig.enabled("x")
