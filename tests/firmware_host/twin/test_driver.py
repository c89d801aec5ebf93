"""The emulated STEP/DIR driver: it sees what a real chip sees, and counts what it missed."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from firmware_host.clock import VirtualClock
from firmware_host.profile import load_profile
from firmware_host.profile_tables import AxisTable
from firmware_host.twin.board import EmulatedBoard
from firmware_host.twin.driver import DriverCounts, StepDirDriver

X = load_profile("emulated").axes.x
Z = load_profile("emulated").axes.z
PULSE_NS, DIR_SETUP_NS = 1900, 650


@dataclass
class Bench:
    """A driver on a bench: pins to pull by hand, and the microsteps that came out."""

    clock: VirtualClock
    board: EmulatedBoard
    driver: StepDirDriver
    steps: list[tuple[int, int]]

    def at(self, time_ns: int, pin: int, level: int) -> None:
        self.clock.wait_until(time_ns, "wait")
        self.board.output(pin, level)

    def pulse(self, rise_ns: int, length_ns: int = PULSE_NS) -> None:
        self.at(rise_ns, X.step_pin, 1)
        self.at(rise_ns + length_ns, X.step_pin, 0)


@pytest.fixture
def bench() -> Bench:
    clock = VirtualClock()
    board = EmulatedBoard(clock)
    board.setmode(board.BCM)
    board.setup([X.step_pin, X.dir_pin, X.enable_pin], board.OUT, initial=board.LOW)
    steps: list[tuple[int, int]] = []
    driver = StepDirDriver(board, X, PULSE_NS, DIR_SETUP_NS, lambda time_ns, way: steps.append((time_ns, way)))
    return Bench(clock, board, driver, steps)


@pytest.mark.parametrize(("length_ns", "seen"), [(1, 0), (1899, 0), (1900, 1), (50_000, 1)])
def test_a_pulse_below_the_chips_minimum_is_not_seen(bench: Bench, length_ns: int, seen: int) -> None:
    bench.pulse(10_000, length_ns)
    assert bench.steps == [(10_000, -1)] * seen
    assert bench.driver.counts == DriverCounts(too_short=1 - seen)


@pytest.mark.parametrize(("wait_ns", "way", "late"), [(0, -1, 1), (649, -1, 1), (650, 1, 0), (9999, 1, 0)])
def test_a_step_within_the_set_up_time_goes_the_old_way(bench: Bench, wait_ns: int, way: int, late: int) -> None:
    bench.at(10_000, X.dir_pin, 1)
    bench.pulse(10_000 + wait_ns)
    assert bench.steps == [(10_000 + wait_ns, way)]
    assert bench.driver.counts == DriverCounts(late_direction=late)


def test_the_old_way_is_the_one_before_the_last_change(bench: Bench) -> None:
    bench.at(10_000, X.dir_pin, 1)
    bench.pulse(20_000)
    bench.at(30_000, X.dir_pin, 0)
    bench.pulse(30_100)
    bench.pulse(40_000)
    assert [way for _, way in bench.steps] == [1, 1, -1]


def test_a_disabled_driver_does_not_turn(bench: Bench) -> None:
    bench.at(0, X.enable_pin, 1)
    bench.pulse(10_000)
    bench.at(20_000, X.enable_pin, 0)
    bench.pulse(30_000)
    assert bench.steps == [(30_000, -1)]
    assert bench.driver.counts == DriverCounts(disabled=1)


@pytest.mark.parametrize(("table", "level", "way"), [(X, 1, 1), (X, 0, -1), (Z, 1, -1), (Z, 0, 1)])
def test_dir_positive_says_which_level_is_up(table: AxisTable, level: int, way: int) -> None:
    clock = VirtualClock()
    board = EmulatedBoard(clock)
    board.setmode(board.BCM)
    board.setup([table.step_pin, table.dir_pin, table.enable_pin], board.OUT, initial=board.LOW)
    ways: list[int] = []
    StepDirDriver(board, table, PULSE_NS, DIR_SETUP_NS, lambda _, way: ways.append(way))
    board.output(table.dir_pin, level)
    clock.wait_until(10_000, "wait")
    board.output(table.step_pin, 1)
    clock.wait_until(20_000, "wait")
    board.output(table.step_pin, 0)
    assert ways == [way]


def test_the_fault_pin_is_high_until_a_fault(bench: Bench) -> None:
    assert X.fault_pin is not None
    assert bench.board.level(X.fault_pin)
    bench.driver.raise_fault()
    assert not bench.board.level(X.fault_pin)
