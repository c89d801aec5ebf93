"""Ramps: the closed forms of a trapezoidal speed profile, and what no ramp may ever do."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_host.motion.ramp import move_duration_s, step_times_ns

MOVES = st.tuples(st.integers(1, 3000), st.floats(10, 2e5), st.floats(100, 5e6))


@pytest.mark.parametrize(
    ("steps", "speed_sps", "accel_sps2", "duration_s"),
    [
        (0, 100, 1000, 0.0),
        (1, 100, 10_000, 0.02),  # too short to reach full speed: 2·sqrt(N/a)
        (40, 1e9, 1000, 0.4),
        (10, 100, 1000, 0.2),  # just reaches it
        (1000, 100, 1000, 10.1),  # N/v + v/a
    ],
)
def test_duration_has_its_closed_form(steps: int, speed_sps: float, accel_sps2: float, duration_s: float) -> None:
    assert move_duration_s(steps, speed_sps, accel_sps2) == pytest.approx(duration_s)


def test_golden_times_of_a_short_trapezoid() -> None:
    """v = 1000/s, a = 1e6/s²: one ramp is 0.5 step in 1 ms, then a step every ms; 4 steps take 5 ms."""
    assert step_times_ns(4, 1000, 1e6).tolist() == [1_000_000, 2_000_000, 3_000_000, 4_000_000]
    assert move_duration_s(4, 1000, 1e6) == pytest.approx(0.005)


def test_golden_times_of_a_triangle() -> None:
    """Never at full speed: sqrt(2·(k - 1/2)/a) up to the middle, mirrored after it."""
    total_ns = 2e9 * math.sqrt(4 / 1000)
    rising = [1e9 * math.sqrt(2 * 0.5 / 1000), 1e9 * math.sqrt(2 * 1.5 / 1000)]
    expected = [*rising, total_ns - rising[1], total_ns - rising[0]]
    assert step_times_ns(4, 1e6, 1000) == pytest.approx(expected, abs=1)


@given(MOVES)
def test_times_are_increasing_symmetric_and_inside_the_move(move: tuple[int, float, float]) -> None:
    steps, _, _ = move
    times_ns = step_times_ns(*move)
    total_ns = move_duration_s(*move) * 1e9
    assert times_ns.shape == (steps,)
    assert times_ns.dtype == np.int64
    assert times_ns[0] > 0
    assert times_ns[-1] < total_ns
    assert np.all(np.diff(times_ns) > 0)
    assert times_ns + times_ns[::-1] == pytest.approx(np.full(steps, total_ns), rel=1e-12, abs=1.5)


@given(MOVES)
def test_speed_never_exceeds_its_limit(move: tuple[int, float, float]) -> None:
    _, speed_sps, _ = move
    intervals_ns = np.diff(step_times_ns(*move))
    assert np.all(intervals_ns + 1 >= 1e9 / speed_sps * (1 - 1e-9))


@given(MOVES)
def test_acceleration_never_exceeds_its_limit(move: tuple[int, float, float]) -> None:
    """The mean speed of an interval is the speed at its middle; both rounded times may be off by a tick."""
    _, _, accel_sps2 = move
    intervals_s = np.diff(step_times_ns(*move)) * 1e-9
    speeds = 1 / intervals_s
    gains = np.abs(np.diff(speeds))
    allowed = accel_sps2 * (intervals_s[1:] + intervals_s[:-1]) / 2
    tick = 1e-9 * (speeds[1:] / intervals_s[1:] + speeds[:-1] / intervals_s[:-1])
    assert np.all(gains <= allowed * (1 + 1e-6) + tick)


@given(MOVES)
def test_each_step_is_where_the_position_law_puts_it(move: tuple[int, float, float]) -> None:
    """An independent way round: integrate the speed profile, and look where the carriage is at each step time."""
    steps, speed_sps, accel_sps2 = move
    total_s = move_duration_s(*move)
    ramp_s = min(speed_sps / accel_sps2, total_s / 2)
    times_s = step_times_ns(*move) * 1e-9
    up = np.minimum(times_s, ramp_s)
    down = np.maximum(times_s - (total_s - ramp_s), 0)
    flat = np.clip(times_s - ramp_s, 0, total_s - 2 * ramp_s)
    top = accel_sps2 * ramp_s
    place = accel_sps2 * up**2 / 2 + top * flat + top * down - accel_sps2 * down**2 / 2
    tick = 1e-9 * top + 1e-6
    assert place == pytest.approx(np.arange(steps) + 0.5, abs=tick)


@pytest.mark.parametrize("move", [(-1, 1, 1), (1, 0, 1), (1, 1, 0), (1, math.nan, 1), (1, 1, -5)])
def test_nonsense_is_refused(move: tuple[int, float, float]) -> None:
    with pytest.raises(ValueError, match="must not be negative or zero"):
        step_times_ns(*move)
