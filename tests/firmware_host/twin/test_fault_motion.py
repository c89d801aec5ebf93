"""Faults behind the pins: the host counts as ever, and the stage is elsewhere."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pytest
from small_twin import MIDDLE, small_twin

from firmware_host.cancel import CancelToken
from firmware_host.errors import HardwareError, SafetyStop
from firmware_host.hardware import Scanner, over_emulation
from firmware_host.profile import Profile
from firmware_host.profile_tables import AXES, AxisName
from firmware_host.twin.emulation import Emulation
from firmware_host.twin.faults import motion
from firmware_host.twin.faults.fault import Chronicle, Fault, FaultPlan
from firmware_host.twin.faults.kinds import (
    Drift,
    DriverOverTemperature,
    LimitHit,
    LostSteps,
    StuckLimitSwitch,
    Vibration,
    ZSlips,
)

SECOND_NS = 10**9
LATER_S = 60.0  # after homing
PLACE = MIDDLE | {"z_um": 50.0}
QUIET: dict[str, Any] = {"repeatable": True, "target": "grid"}  # no drift, no residual ringing


@dataclass
class Bench:
    """An emulation with faults, and the scanner over it."""

    emulation: Emulation
    scanner: Scanner
    plan: FaultPlan

    @property
    def now_s(self) -> float:
        return self.emulation.clock.now_ns() / SECOND_NS

    def truth_um(self) -> tuple[float, float, float]:
        return self.emulation.machine.position_um(self.emulation.clock.now_ns())

    def wait_until(self, time_s: float) -> None:
        self.emulation.clock.wait_until(round(time_s * SECOND_NS), "wait")

    def move(self, **place: float) -> None:
        self.wait_until(self.scanner.stage.move_to(**place) / SECOND_NS)


def bench(*faults: Fault, profile: Profile | None = None) -> Bench:
    profile = profile or small_twin(**QUIET)
    emulation, plan = Emulation(profile, 1, None), FaultPlan(faults)
    motion.strike(emulation, faults, Chronicle(plan, emulation.clock))
    return Bench(emulation, over_emulation(profile, emulation, CancelToken()), plan)


def homed(*faults: Fault, profile: Profile | None = None) -> Bench:
    """Standing at the place, at its later time."""
    made = bench(*faults, profile=profile)
    made.scanner.stage.home()
    made.move(**PLACE)
    assert made.now_s < LATER_S
    made.wait_until(LATER_S)
    return made


@pytest.fixture(scope="module")
def sound_um() -> tuple[float, float, float]:
    """Where the stage truly is at the place without faults."""
    return homed().truth_um()


def missing_um(found: Bench, sound_um: tuple[float, float, float]) -> list[float]:
    return [sound - here for sound, here in zip(sound_um, found.truth_um(), strict=True)]


@pytest.mark.parametrize(
    ("values", "x_um", "missing"),
    [
        ({"at_s": 10.0, "steps": 32}, 250.0, 10.0),
        ({"at_s": 10.0, "steps": 32, "at_count": 100}, 250.0, 10.0),
        ({"at_s": 10.0, "steps": 32, "at_count": 100}, 210.0, 0.0),
        ({"at_s": 10.0, "steps": 1000}, 250.0, 50.0),
    ],
    ids=["a jam", "from the 100th step on", "which does not come", "the whole move"],
)
def test_lost_steps_are_missing_and_nothing_tells(
    sound_um: tuple[float, float, float], values: dict[str, Any], x_um: float, missing: float
) -> None:
    values["at_s"] += LATER_S
    found = homed(LostSteps(axis="x", **values))
    found.wait_until(values["at_s"])
    found.move(x_um=x_um)
    assert found.scanner.stage.x_um == x_um
    assert missing_um(found, sound_um) == pytest.approx([missing - (x_um - 200.0), 0, 0], abs=0.32)
    assert len(found.plan.struck) == (missing > 0)


@pytest.mark.parametrize(("reads", "word"), [("open", "close"), ("closed", "open")])
@pytest.mark.parametrize("axis", AXES)
def test_homing_ends_with_a_switch_that_is_stuck(axis: AxisName, reads: str, word: str) -> None:
    found = bench(StuckLimitSwitch(axis=axis, reads=reads, at_s=0))  # type: ignore[arg-type]
    with pytest.raises(HardwareError, match=f"axis {axis}: its limit switch .* did not {word} within"):
        found.scanner.stage.home()


def test_a_switch_that_comes_free_tells_where_the_carriage_is() -> None:
    found = homed(StuckLimitSwitch(axis="y", reads="closed", at_s=LATER_S + 5, for_s=2))
    pin = small_twin().axes.y.limit_pin
    levels = []
    for time_s in (LATER_S + 4, LATER_S + 6, LATER_S + 8):
        found.wait_until(time_s)
        levels.append(found.emulation.board.level(pin))
    assert levels == [True, False, True]


@pytest.mark.parametrize("axis", AXES)
def test_a_limit_switch_that_closes_in_a_move_stops_it(axis: AxisName) -> None:
    found = homed(LimitHit(axis=axis, at_s=LATER_S + 5, for_s=1))
    found.wait_until(LATER_S + 6)
    assert not found.plan.struck, "it waits for a move"
    with pytest.raises(SafetyStop, match=f"limit switch of axis {axis}"):
        found.move(x_um=250.0)
    assert 200.0 < found.scanner.stage.x_um < 250.0
    assert found.plan.struck[0].at_s == pytest.approx(LATER_S + 6.02, abs=0.002)
    assert found.now_s < LATER_S + 6.03
    pin = small_twin().axes.of(axis).limit_pin
    assert not found.emulation.board.level(pin)
    found.wait_until(found.plan.struck[0].at_s + 1.01)
    assert found.emulation.board.level(pin)


def test_a_hot_driver_pulls_its_fault_pin_until_it_has_cooled() -> None:
    found = homed(DriverOverTemperature(axis="z", at_s=LATER_S + 5, for_s=10))
    pin = small_twin().axes.z.fault_pin
    assert pin is not None
    found.wait_until(LATER_S + 5)
    assert not found.emulation.board.level(pin)
    with pytest.raises(SafetyStop, match="fault of the driver of axis z"):
        found.move(z_um=60.0)
    found.wait_until(LATER_S + 15)
    assert found.emulation.board.level(pin)


def test_a_hot_driver_without_a_fault_pin_makes_no_step(sound_um: tuple[float, float, float]) -> None:
    profile = small_twin(**QUIET)
    z = profile.axes.z.model_copy(update={"fault_pin": None})
    profile = profile.model_copy(update={"axes": profile.axes.model_copy(update={"z": z})})
    found = homed(DriverOverTemperature(axis="z", at_s=LATER_S + 5, for_s=10), profile=profile)
    found.wait_until(LATER_S + 5)
    found.move(z_um=60.0)
    assert missing_um(found, sound_um) == pytest.approx([0, 0, 0])
    found.wait_until(LATER_S + 15)
    found.move(z_um=65.0)
    assert missing_um(found, sound_um) == pytest.approx([0, 0, -5])


@pytest.mark.parametrize("um", [3.0, 40.0])
def test_a_slip_lowers_the_carriage_and_the_host_does_not_know(sound_um: tuple[float, float, float], um: float) -> None:
    found = homed(ZSlips(at_s=LATER_S + 5, um=um))
    found.wait_until(LATER_S + 4.9)
    assert missing_um(found, sound_um) == pytest.approx([0, 0, 0])
    found.wait_until(LATER_S + 5)
    assert missing_um(found, sound_um) == pytest.approx([0, 0, um])
    assert found.emulation.machine.position_um(round((LATER_S + 4) * SECOND_NS))[2] == pytest.approx(sound_um[2])
    found.move(z_um=80.0)
    assert found.scanner.stage.z_um == 80.0
    assert missing_um(found, sound_um) == pytest.approx([0, 0, um - 30])


def test_the_carriage_slips_to_its_stop_and_closes_the_switch_on_its_way() -> None:
    profile = small_twin(**QUIET)
    assert profile.twin is not None
    found = homed(ZSlips(at_s=LATER_S + 5, um=500.0))
    found.wait_until(LATER_S + 5)
    assert found.truth_um()[2] == pytest.approx(profile.twin.z.travel_min_um)
    assert not found.emulation.board.level(profile.axes.z.limit_pin)
    assert found.scanner.stage.watch_at_rest()


@pytest.mark.parametrize(("after_s", "um"), [(4.9, 0.0), (35.0, 3.0), (65.0, 6.0), (80.0, 6.0)])
def test_a_drift_goes_on_for_its_time_and_stays(
    sound_um: tuple[float, float, float], after_s: float, um: float
) -> None:
    found = homed(Drift(at_s=LATER_S + 5, for_s=60, um_per_min=6.0))
    found.wait_until(LATER_S + after_s)
    assert missing_um(found, sound_um) == pytest.approx([0, 0, -um])


@pytest.mark.parametrize("axis", AXES)
def test_a_vibration_is_a_sine_along_its_axis_for_its_time(
    sound_um: tuple[float, float, float], axis: AxisName
) -> None:
    found = homed(Vibration(axis=axis, at_s=LATER_S + 5, for_s=2, um=1.5, hz=20.0))
    for after_s, share in ((4.9, 0.0), (5.0125, 1.0), (5.025, 0.0), (5.03, -math.sin(0.2 * math.pi)), (7.0, 0.0)):
        found.wait_until(LATER_S + after_s)
        expected = [-1.5 * share if name == axis else 0.0 for name in AXES]
        assert missing_um(found, sound_um) == pytest.approx(expected, abs=1e-6)
