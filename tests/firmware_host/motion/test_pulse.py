"""The pulse engine at its pins: every edge at its time, whatever stops it, however late the clock."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_host.clock import Phase, VirtualClock
from firmware_host.gpio.rpi_gpio import RpiGpio
from firmware_host.motion.pulse import Played, PulseEngine, PulseTrain
from firmware_host.twin.board import EmulatedBoard

STEP, DIR = (17, 23), (27, 24)
PULSE_NS, SETUP_NS = 4000, 5000


def train(axis: int, way: int, times_ns: list[int], duration_ns: int | None = None) -> PulseTrain:
    return PulseTrain(
        step_pin=STEP[axis],
        dir_pin=DIR[axis],
        dir_level=way > 0,
        way=way,
        times_ns=np.array(times_ns, np.int64),
        duration_ns=times_ns[-1] if duration_ns is None else duration_ns,
        pulse_ns=PULSE_NS,
        dir_setup_ns=SETUP_NS,
    )


class Bench:
    """An engine, the board that it drives, and a clock of choice."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.board = EmulatedBoard(clock)
        gpio = RpiGpio(self.board)
        for pin in (*STEP, *DIR):
            gpio.setup_output(pin, False)
        self.engine = PulseEngine(gpio, clock)

    def rises(self, pin: int) -> list[int]:
        return [time_ns for time_ns, level in self.board.history(pin) if level]

    def pulse_lengths(self, pin: int) -> list[int]:
        history = self.board.history(pin)
        return [low - high for (high, _), (low, _) in zip(history[::2], history[1::2], strict=True)]


def never() -> bool:
    return False


def test_edges_come_at_their_times_after_the_set_up_of_dir() -> None:
    bench = Bench(VirtualClock(start_ns=1_000_000))
    played = bench.engine.play([[train(0, 1, [10_000, 30_000, 60_000], duration_ns=70_000)]], never)
    assert bench.board.history(DIR[0]) == [(1_000_000, True)]
    assert bench.rises(STEP[0]) == [1_015_000, 1_035_000, 1_065_000]
    assert bench.pulse_lengths(STEP[0]) == [PULSE_NS] * 3
    assert played == Played(steps=(3,), end_ns=(1_075_000,), whole=True)


def test_the_trains_of_an_axis_follow_each_other_with_dir_in_between() -> None:
    """An overshoot: down three, up one; DIR turns after the motor has come to rest."""
    bench = Bench(VirtualClock())
    down, up = train(0, -1, [10_000, 20_000, 40_000], 50_000), train(0, 1, [10_000], 20_000)
    played = bench.engine.play([[down, up]], never)
    turned_ns = SETUP_NS + 50_000
    assert bench.board.history(DIR[0]) == [(turned_ns, True)]
    assert bench.rises(STEP[0])[-1] == turned_ns + SETUP_NS + 10_000
    assert played.steps == (-2,)
    assert played.end_ns == (turned_ns + SETUP_NS + 20_000,)


def test_axes_play_at_the_same_time_and_end_each_at_its_own() -> None:
    bench = Bench(VirtualClock())
    first, second = [9000, 29_000, 49_000], [9000, 20_000, 200_000]
    played = bench.engine.play([[train(0, 1, first)], [train(1, -1, second)]], never)
    assert bench.rises(STEP[0]) == [SETUP_NS + each for each in first]
    assert bench.rises(STEP[1]) == [SETUP_NS + each for each in second]
    assert played.steps == (3, -3)
    assert played.end_ns == (SETUP_NS + 49_000 + PULSE_NS, SETUP_NS + 200_000 + PULSE_NS)


@pytest.mark.parametrize("axes", [[], [[]], [[], []]])
def test_nothing_to_play_takes_no_time(axes: list[list[PulseTrain]]) -> None:
    bench = Bench(VirtualClock(start_ns=5))
    assert bench.engine.play(axes, never) == Played((0,) * len(axes), (5,) * len(axes), whole=True)
    assert bench.clock.now_ns() == 5


TIMES = st.lists(st.integers(PULSE_NS + 1, 40_000), min_size=1, max_size=12).map(lambda gaps: list(np.cumsum(gaps)))


@given(first=TIMES, back=TIMES, other=TIMES, stop_at=st.integers(0, 40))
@settings(max_examples=150, deadline=None)
def test_stopped_at_any_step_the_count_is_what_the_pins_did(
    first: list[int], back: list[int], other: list[int], stop_at: int
) -> None:
    bench = Bench(VirtualClock())
    asked = 0

    def stop() -> bool:
        nonlocal asked
        asked += 1
        return asked > stop_at

    played = bench.engine.play([[train(0, -1, first), train(0, 1, back)], [train(1, 1, other)]], stop)
    total = len(first) + len(back) + len(other)
    assert played.whole is (stop_at >= total)
    rises = [bench.rises(pin) for pin in STEP]
    assert sum(map(len, rises)) == min(stop_at, total)
    down = min(len(rises[0]), len(first))
    assert played.steps == (len(rises[0]) - 2 * down, len(rises[1]))
    for pin in STEP:
        assert not bench.board.level(pin)
        assert all(length >= PULSE_NS for length in bench.pulse_lengths(pin))


class _LateClock(VirtualClock):
    """An operating system that is busy now and then: waits end late."""

    def __init__(self, lateness_ns: list[int]) -> None:
        super().__init__()
        self._lateness_ns = lateness_ns

    def wait_until(self, deadline_ns: int, phase: Phase) -> None:
        super().wait_until(deadline_ns + (self._lateness_ns.pop() if self._lateness_ns else 0), phase)


@given(times=TIMES, lateness_ns=st.lists(st.integers(0, 500_000), max_size=30))
@settings(max_examples=150, deadline=None)
def test_a_late_clock_makes_no_step_much_sooner_and_no_pulse_shorter(times: list[int], lateness_ns: list[int]) -> None:
    """Field failure: after a hiccup of 1 ms the missed steps came back to back, and the motor stalled."""
    bench = Bench(_LateClock(list(lateness_ns)))
    played = bench.engine.play([[train(0, 1, times)]], never)
    assert played.steps == (len(times),)
    real, planned = bench.rises(STEP[0]), times
    gaps, planned_gaps = np.diff(real), np.diff(planned)
    assert np.all(gaps >= 0.75 * planned_gaps)
    falls = [time_ns for time_ns, level in bench.board.history(STEP[0]) if not level]
    lows = np.array(real[1:]) - np.array(falls[:-1])
    assert np.all(lows >= np.minimum(planned_gaps - PULSE_NS, PULSE_NS)), "STEP is low for as long as it is high"
    assert all(length >= PULSE_NS for length in bench.pulse_lengths(STEP[0]))
    assert played.end_ns[0] >= real[-1]


@pytest.mark.parametrize(
    ("late_ns", "rises", "end_ns"),
    [
        (0, [45_000, 85_000, 125_000, 165_000], 169_000),
        (10_000, [45_000, 95_000, 125_000, 165_000], 169_000),
        (17_000, [45_000, 102_000, 132_000, 172_000], 176_000),
    ],
    ids=["in time", "by a quarter of a step", "by more"],
)
def test_a_late_step_delays_the_rest_by_what_exceeds_a_quarter_of_a_step(
    late_ns: int, rises: list[int], end_ns: int
) -> None:
    """Field failure: each edge was some microseconds late, as they are, and moves took a fifth longer than planned."""
    bench = Bench(_LateClock([late_ns, 0, 0, 0]))  # taken from the end: DIR, rise, fall, rise
    played = bench.engine.play([[train(0, 1, [40_000, 80_000, 120_000, 160_000])]], never)
    assert bench.rises(STEP[0]) == rises
    assert bench.pulse_lengths(STEP[0]) == [PULSE_NS] * 4
    assert played.end_ns == (end_ns,)


def test_a_late_first_step_and_a_late_dir_delay_all_of_the_rest() -> None:
    bench = Bench(_LateClock([3000, 2000]))  # DIR, rise
    bench.engine.play([[train(0, 1, [40_000, 80_000])]], never)
    assert bench.rises(STEP[0]) == [50_000, 90_000]
