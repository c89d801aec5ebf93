"""The machine behind the pins: which steps a motor loses, how a screw plays, how the frame trembles and grows."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_host.clock import VirtualClock
from firmware_host.motion.ramp import step_times_ns
from firmware_host.profile import load_profile
from firmware_host.profile_tables import AxisTable, TwinAxisTable
from firmware_host.twin.board import EmulatedBoard
from firmware_host.twin.mechanics import Machine, MotorAxis

PROFILE = load_profile("emulated")
assert PROFILE.twin is not None
TWIN = PROFILE.twin
STEP_UM = 1 / PROFILE.axes.x.steps_per_um
SECOND_NS = 10**9


def motor(steps_per_um: float = 3.2, **twin: Any) -> tuple[MotorAxis, EmulatedBoard]:
    """The shipped x axis with some of its truths changed, straight from the shop: no steps made."""
    board = EmulatedBoard(VirtualClock())
    table: AxisTable = PROFILE.axes.x.model_copy(update={"steps_per_um": steps_per_um})
    truth: TwinAxisTable = TWIN.x.model_copy(update=twin)
    return MotorAxis(board, table, truth), board


def play(axis: MotorAxis, times_ns: Iterable[int], way: int = 1, start_ns: int = 0) -> int:
    """Step the motor at each time; returns the last one."""
    last_ns = start_ns
    for time_ns in times_ns:
        last_ns = start_ns + int(time_ns)
        axis.step(last_ns, way)
    return last_ns


def slowly(axis: MotorAxis, steps: int, start_ns: int = 0) -> int:
    """Signed steps at 10 a second: nothing is ever lost and nothing rings."""
    return play(axis, (SECOND_NS // 10 * (k + 1) for k in range(abs(steps))), 1 if steps > 0 else -1, start_ns)


@given(
    accel_um_s2=st.floats(100, 1e6),
    speed_um_s=st.floats(10, 2e4),
    steps_per_um=st.floats(0.5, 50),
    steps=st.integers(1, 400),
    share=st.floats(0.05, 1.0),
)
@settings(max_examples=60, deadline=None)
def test_no_ramp_within_the_motors_limits_loses_a_step(
    accel_um_s2: float, speed_um_s: float, steps_per_um: float, steps: int, share: float
) -> None:
    axis, _ = motor(
        steps_per_um, motor_accel_um_s2=accel_um_s2, motor_speed_um_s=speed_um_s, travel_min_um=-1e6, travel_max_um=1e6
    )
    times_ns = step_times_ns(steps, share * speed_um_s * steps_per_um, share * accel_um_s2 * steps_per_um)
    rest_ns = play(axis, times_ns, 1)
    # and straight back, as after an overshoot: rest, DIR, first step
    play(axis, times_ns, -1, start_ns=rest_ns + int(times_ns[0]) + 4000)
    assert axis.lost_steps == 0


@pytest.mark.parametrize("too_much", [1.2, 1.5, 3.0])
def test_a_ramp_harder_than_the_motor_loses_steps(too_much: float) -> None:
    axis, _ = motor(motor_speed_um_s=1e6)
    play(axis, step_times_ns(3000, 12_000 * 3.2, too_much * 200_000 * 3.2))
    assert axis.lost_steps > 0


@pytest.mark.parametrize(("speed_um_s", "loses"), [(11_990, False), (12_000, False), (12_010, True)])
def test_the_top_speed_is_a_sharp_limit(speed_um_s: float, loses: bool) -> None:
    axis, _ = motor(travel_max_um=100_000)
    play(axis, step_times_ns(20_000, speed_um_s * 3.2, 60_000 * 3.2))
    assert (axis.lost_steps > 0) is loses


def test_a_motor_started_at_full_speed_stalls_until_the_pulses_stop() -> None:
    """A loop that toggles STEP at full speed from rest, as in many a hobby sketch: it hums and stays where it is."""
    axis, _ = motor(backlash_um=0)
    last_ns = play(axis, range(0, 200 * 52_000, 52_000))
    assert axis.lost_steps == 199, "only the first microstep is followed"
    slowly(axis, 5, last_ns)
    assert axis.lost_steps == 199
    assert axis.carriage_um == pytest.approx(TWIN.x.start_um + 6 * STEP_UM)


def test_turning_round_at_full_speed_loses_steps() -> None:
    axis, _ = motor()
    last_ns = play(axis, step_times_ns(400, 6000 * 3.2, 60_000 * 3.2)[:200])
    axis.step(last_ns + 120_000, 1)
    assert axis.lost_steps == 0
    axis.step(last_ns + 240_000, -1)
    assert axis.lost_steps == 1


def test_a_motor_that_ran_into_the_stop_stands_and_starts_back_from_rest() -> None:
    axis, _ = motor(travel_max_um=TWIN.x.start_um + 30, backlash_um=0)
    last_ns = play(axis, step_times_ns(400, 6000 * 3.2, 60_000 * 3.2)[:200])
    lost = axis.lost_steps
    assert lost == 200 - 96
    play(axis, [1_500_000, 3_000_000], -1, last_ns)  # below 353 um/s, which needs no run-up
    assert axis.lost_steps == lost


@pytest.mark.parametrize(("steps", "end_um"), [(2000, 2501.0), (-2000, 2499.0)])
def test_the_end_stops_are_hard(steps: int, end_um: float) -> None:
    axis, _ = motor(travel_min_um=2499.0, travel_max_um=2501.0, backlash_um=0.0)
    slowly(axis, steps)
    assert axis.carriage_um == pytest.approx(end_um, abs=STEP_UM)
    assert axis.lost_steps == 2000 - math.floor(1.0 / STEP_UM)


@given(moves=st.lists(st.integers(-60, 60), max_size=12), backlash_um=st.floats(0, 20))
@settings(max_examples=60, deadline=None)
def test_the_carriage_follows_the_screw_by_half_its_play(moves: list[int], backlash_um: float) -> None:
    """The play operator (Brokate & Sprekels, Hysteresis and Phase Transitions, 1996), against its definition."""
    axis, _ = motor(backlash_um=backlash_um)
    rotor_steps, carriage_um, now_ns = 0, TWIN.x.start_um, 0
    for move in moves:
        now_ns = slowly(axis, move, now_ns)
        rotor_steps += move
        rotor_um = TWIN.x.start_um + rotor_steps * STEP_UM
        carriage_um = float(np.clip(carriage_um, rotor_um - backlash_um / 2, rotor_um + backlash_um / 2))
        assert axis.carriage_um == pytest.approx(carriage_um, abs=1e-9)


@pytest.mark.parametrize(("start_um", "closed"), [(-199.0, False), (-200.0, True), (-300.0, True)])
def test_the_limit_switch_is_low_at_and_below_its_place(start_um: float, closed: bool) -> None:
    _, board = motor(start_um=start_um)
    assert board.level(PROFILE.axes.x.limit_pin) is not closed


def test_the_limit_switch_changes_with_the_carriage_not_with_the_rotor() -> None:
    axis, board = motor(start_um=-199.95, limit_at_um=-200.0, backlash_um=2.0)
    half_gap_steps = math.ceil(1.0 / STEP_UM)
    now_ns = slowly(axis, -(half_gap_steps - 1))
    assert board.level(PROFILE.axes.x.limit_pin), "still in the play"
    now_ns = slowly(axis, -1, now_ns)
    assert not board.level(PROFILE.axes.x.limit_pin)
    slowly(axis, 2 * half_gap_steps + 1, now_ns)
    assert board.level(PROFILE.axes.x.limit_pin)


@pytest.mark.parametrize("way", [1, -1])
@pytest.mark.parametrize("after_ms", [0.0, 0.7, 2.9, 10.0, 33.0, 79.0])
def test_ring_down_is_a_decaying_cosine(way: int, after_ms: float) -> None:
    axis, _ = motor(backlash_um=0, ring_um=1.5, ring_hz=85, ring_decay_ms=10)
    last_ns = play(axis, step_times_ns(300, 6000 * 3.2, 60_000 * 3.2), way)
    time_ns = last_ns + round(after_ms * 1e6)
    expected = way * 1.5 * math.exp(-after_ms / 10) * math.cos(2 * math.pi * 0.085 * after_ms)
    assert axis.position_um(time_ns) - axis.carriage_um == pytest.approx(expected, abs=1e-5)


def test_the_ringing_is_over_after_eight_decay_times() -> None:
    axis, _ = motor(ring_decay_ms=10)
    last_ns = play(axis, step_times_ns(300, 6000 * 3.2, 60_000 * 3.2))
    assert axis.position_um(last_ns + 81_000_000) == axis.carriage_um


@pytest.mark.parametrize(("hop_steps", "share"), [(1, 0.05), (5, 0.25), (20, 1.0), (200, 1.0)])
def test_a_short_hop_shakes_the_frame_less(hop_steps: int, share: float) -> None:
    axis, _ = motor(backlash_um=0, ring_um=1.0)
    times_ns = step_times_ns(hop_steps, 6000 * 3.2, 200_000 * 3.2)
    play(axis, times_ns)
    last_ns = play(axis, times_ns, start_ns=SECOND_NS)  # a second hop is not shaken by the memory of the first
    assert axis.position_um(last_ns) - axis.carriage_um == pytest.approx(share)


def test_closing_the_backlash_does_not_shake_the_carriage() -> None:
    axis, _ = motor(backlash_um=100, ring_um=1.0)
    last_ns = play(axis, step_times_ns(100, 6000 * 3.2, 60_000 * 3.2))
    assert axis.position_um(last_ns) == TWIN.x.start_um


def test_a_frame_exposed_during_a_move_sees_the_carriage_where_it_was() -> None:
    axis, _ = motor(backlash_um=0, ring_um=0.0)
    times_ns = step_times_ns(400, 6000 * 3.2, 60_000 * 3.2)
    play(axis, times_ns, start_ns=5000)
    assert axis.position_um(0) == TWIN.x.start_um
    for step in (0, 1, 57, 200, 399):
        at_ns = 5000 + int(times_ns[step])
        assert axis.position_um(at_ns - 1) == pytest.approx(TWIN.x.start_um + step * STEP_UM)
        assert axis.position_um(at_ns) == pytest.approx(TWIN.x.start_um + (step + 1) * STEP_UM)


def test_the_trace_of_a_long_scan_stays_bounded_and_answers_for_its_last_steps() -> None:
    axis, _ = motor(travel_max_um=1e6, ring_um=0.0, backlash_um=0)
    interval_ns, steps = 2_000_000, 250_000
    play(axis, range(0, steps * interval_ns, interval_ns))
    assert axis.lost_steps == 0
    assert len(axis._times) <= 120_000
    for back in (0, 1, 1000, 59_000):
        assert axis.position_um((steps - 1 - back) * interval_ns) == pytest.approx(axis.carriage_um - back * STEP_UM)


@pytest.mark.parametrize("minutes", [0.0, 1.0, 8.0, 60.0])
def test_the_frame_grows_exponentially_along_z_only(minutes: float) -> None:
    board = EmulatedBoard(VirtualClock())
    machine = Machine(board, PROFILE, TWIN)
    grown_um = TWIN.drift_um * (1 - math.exp(-minutes / TWIN.drift_minutes))
    x_um, y_um, z_um = machine.position_um(round(minutes * 60e9))
    assert (x_um, y_um) == (TWIN.x.start_um, TWIN.y.start_um)
    assert z_um == pytest.approx(TWIN.z.start_um + grown_um)
