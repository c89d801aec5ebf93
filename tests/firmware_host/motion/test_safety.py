"""Stopping: whatever ends a move, no pulse follows, the motors are off where they must be, and the count is true."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rig import Rig, homed_rig, near_rig

from firmware_host.errors import Cancelled, HardwareError, SafetyStop
from firmware_host.profile_tables import AXES

STOP_PIN = 4
_SHARED: list[Rig] = []


def reference_rig() -> Rig:
    """A homed rig that the property tests share, each beginning where the one before ended."""
    if not _SHARED:
        _SHARED.append(homed_rig())
    return _SHARED[0]


@given(instant=st.floats(0, 1), x_um=st.floats(0, 60), y_um=st.floats(0, 60), z_um=st.floats(0, 10))
@settings(max_examples=60, deadline=None)
def test_cancelled_at_any_instant_host_and_machine_agree(instant: float, x_um: float, y_um: float, z_um: float) -> None:
    """The cancel comes between edges too, while a pulse is high, during the set-up of DIR and after the last step."""
    rig = reference_rig()
    rig.stage.move_to(x_um=30, y_um=30, z_um=5)
    offset_um = {name: rig.true_um()[name] - um for name, um in rig.host_um().items()}
    cancelled_ns = rig.clock.now_ns() + round(instant * 60e6)
    rig.at(cancelled_ns, lambda: rig.cancel.request("Ctrl-C"))
    try:
        rig.stage.move_to(x_um=x_um, y_um=y_um, z_um=z_um)
    except Cancelled:
        assert rig.cancel.requested
    for name in AXES:
        edges = rig.board.history(rig.profile.axes.of(name).step_pin)
        assert not edges[-1][1], "STEP stays low"
        if rig.cancel.requested:
            assert not any(level and time_ns > cancelled_ns for time_ns, level in edges[-4:]), "a step after the cancel"
    assert all(rig.enabled(name) for name in AXES), "the motors hold their place"
    rig.clock.wait_until(cancelled_ns, "wait")  # where it comes after the move
    rig.cancel.requested = False
    # Going on from there must bring the carriages to where the host says they are.
    rig.stage.move_to(x_um=31, y_um=31, z_um=6)
    assert {name: rig.true_um()[name] - um for name, um in rig.host_um().items()} == pytest.approx(offset_um, abs=1e-6)
    rig.assert_flawless()


Trip = Callable[[Rig], None]
TRIPS: list[tuple[str, Trip, str]] = [
    ("fault", lambda rig: rig.machine.drivers["y"].raise_fault(), "fault of the driver of axis y (pin 13)"),
    ("limit", lambda rig: rig.board.drive(rig.profile.axes.x.limit_pin, False), "limit switch of axis x (pin 5)"),
    ("emergency stop", lambda rig: rig.board.drive(STOP_PIN, False), f"emergency stop (pin {STOP_PIN})"),
]


def assert_off(rig: Rig) -> None:
    for name in AXES:
        assert not rig.enabled(name)
        assert not rig.board.level(rig.profile.axes.of(name).step_pin)


@pytest.mark.parametrize(("trip", "cause"), [each[1:] for each in TRIPS], ids=[each[0] for each in TRIPS])
class TestSafetyInput:
    def test_during_a_move_it_ends_all_motion(self, trip: Trip, cause: str) -> None:
        rig = homed_rig(stop_pin=STOP_PIN)
        tripped_ns = rig.clock.now_ns() + 40_000_000
        rig.at(tripped_ns, lambda: trip(rig))
        with pytest.raises(SafetyStop) as caught:
            rig.stage.move_to(x_um=500, y_um=500, z_um=50)
        assert str(caught.value) == f"motion stopped: {cause}; remove the cause, then start the scanner again"
        assert_off(rig)
        for name in AXES:
            last_ns, _ = rig.board.history(rig.profile.axes.of(name).step_pin)[-1]
            assert last_ns <= tripped_ns + 1e3 * rig.profile.axes.of(name).pulse_us
        rig.assert_flawless()

    def test_between_moves_it_stops_the_next_one_before_its_first_step(self, trip: Trip, cause: str) -> None:
        rig = homed_rig(stop_pin=STOP_PIN)
        before = rig.pulses("x")
        trip(rig)
        with pytest.raises(SafetyStop, match="motion stopped"):
            rig.stage.move_to(x_um=500)
        assert rig.pulses("x") == before
        assert_off(rig)

    def test_a_glitch_that_has_gone_counts_too(self, trip: Trip, cause: str) -> None:
        rig = homed_rig(stop_pin=STOP_PIN)
        pin = int(cause.split("pin ")[1].rstrip(")"))
        rig.board.drive(pin, False)
        rig.board.drive(pin, True)
        with pytest.raises(SafetyStop, match="motion stopped"):
            rig.stage.move_to(x_um=500)

    def test_afterwards_the_stage_stays_off_and_says_why(self, trip: Trip, cause: str) -> None:
        rig = homed_rig(stop_pin=STOP_PIN)
        trip(rig)
        with pytest.raises(SafetyStop):
            rig.stage.move_to(x_um=500)
        assert not rig.stage.homed
        for call in (rig.stage.home, lambda: rig.stage.move_to(x_um=0)):
            with pytest.raises(HardwareError) as caught:
                call()
            assert str(caught.value) == f"stage: it was shut down ({cause}); start the scanner again"


@pytest.mark.parametrize(("trip", "cause"), [TRIPS[0][1:], TRIPS[2][1:]], ids=[TRIPS[0][0], TRIPS[2][0]])
def test_a_cause_that_was_there_before_power_on_is_seen(trip: Trip, cause: str) -> None:
    """Its falling edge came before anybody watched: levels are read as well."""
    rig = near_rig(stop_pin=STOP_PIN, before=trip)
    with pytest.raises(SafetyStop, match="motion stopped"):
        rig.stage.home()
    assert rig.pulses("z") == 0
    assert_off(rig)


@pytest.mark.parametrize(("trip", "cause"), [each[1:] for each in TRIPS], ids=[each[0] for each in TRIPS])
def test_a_lost_edge_is_made_up_for_before_the_next_move(trip: Trip, cause: str) -> None:
    """Field failure: RPi.GPIO on a newer kernel misses edges; the switch was held down and nobody had been called."""
    rig = homed_rig(stop_pin=STOP_PIN)
    rig.board.remove_event_detect(int(cause.split("pin ")[1].rstrip(")")))
    trip(rig)
    before = rig.pulses("z")
    with pytest.raises(SafetyStop, match="motion stopped"):
        rig.stage.move_to(z_um=5)
    assert rig.pulses("z") == before
    assert_off(rig)


def test_nothing_moves_before_homing_and_the_drivers_are_off() -> None:
    rig = near_rig()
    assert_off(rig)
    with pytest.raises(HardwareError, match="axis z: not homed; home the stage"):
        rig.stage.move_to(z_um=1)
    assert_off(rig)


def test_shutdown_may_come_at_any_time_and_twice_and_keeps_its_first_reason() -> None:
    rig = homed_rig()
    rig.stage.shutdown("lost camera")
    rig.stage.shutdown()
    assert_off(rig)
    with pytest.raises(HardwareError, match=r"shut down \(lost camera\)"):
        rig.stage.move_to(x_um=1)


def test_a_profile_without_fault_pins_runs_and_watches_the_rest() -> None:
    rig = homed_rig(axes={name: {"fault_pin": None} for name in AXES})
    rig.stage.move_to(x_um=10)
    rig.board.drive(rig.profile.axes.z.limit_pin, False)
    with pytest.raises(SafetyStop, match="limit switch of axis z"):
        rig.stage.move_to(x_um=20)


def test_a_pin_that_refuses_does_not_keep_the_other_motors_on(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = homed_rig()
    table, output = rig.profile.axes.x, rig.board.output

    def refuses(channel: int, value: bool) -> None:
        if channel == table.enable_pin:
            raise RuntimeError("The GPIO channel has not been set up as an OUTPUT")
        output(channel, value)

    monkeypatch.setattr(rig.stage._gpio, "_output", refuses)
    refusal = f"motors may still be on: GPIO pin {table.enable_pin}: .*; cut their power"
    with pytest.raises(HardwareError, match=refusal):
        rig.stage.shutdown()
    assert [rig.enabled(name) for name in AXES] == [True, False, False]


@pytest.mark.parametrize(("trip", "cause"), [each[1:] for each in TRIPS], ids=[each[0] for each in TRIPS])
def test_a_lost_edge_in_a_move_is_made_up_for_within_a_few_steps(trip: Trip, cause: str) -> None:
    """Field failure: as above, in the middle of a move; the level is looked at, one input before each step."""
    rig = homed_rig(stop_pin=STOP_PIN)
    rig.board.remove_event_detect(int(cause.split("pin ")[1].rstrip(")")))
    tripped_ns = rig.clock.now_ns() + 40_000_000
    rig.at(tripped_ns, lambda: trip(rig))
    with pytest.raises(SafetyStop, match="motion stopped"):
        rig.stage.move_to(x_um=500, y_um=500, z_um=50)
    assert_off(rig)
    steps = sum(
        level and time_ns > tripped_ns
        for name in AXES
        for time_ns, level in rig.board.history(rig.profile.axes.of(name).step_pin)
    )
    assert steps <= 7, "there are seven inputs"
