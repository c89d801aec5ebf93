"""Faults of the computer: a clock that leaps, memory that others take, a network that fails, lies or stalls."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from small_twin import MIDDLE, small_twin

from firmware_host.cancel import CancelToken
from firmware_host.clock import VirtualClock
from firmware_host.errors import HardwareError
from firmware_host.health.memory import Memory
from firmware_host.health.sensors import Readings
from firmware_host.health.temperature import Temperature
from firmware_host.twin.faults.fault import Chronicle, FaultPlan
from firmware_host.twin.faults.kinds import (
    ClockJump,
    InferenceError,
    InferenceFault,
    InferenceNan,
    InferenceStall,
    MemoryLow,
)
from firmware_host.twin.faults.machine import FaultySensors, Inferences
from firmware_host.twin.faults.opening import open_with_faults

SECOND_NS = 10**9
PATCHES = np.zeros((5, 8, 8, 3), np.uint8)
CODE = np.zeros(0, np.float32)


def test_the_clock_leaps_in_a_wait_and_what_was_due_meanwhile_comes_late() -> None:
    clock = VirtualClock()
    rang_ns: list[int] = []
    clock.at(1 * SECOND_NS, lambda: clock.leap(30 * SECOND_NS))
    clock.at(5 * SECOND_NS, lambda: rang_ns.append(clock.now_ns()))
    clock.wait_until(2 * SECOND_NS, "settle")
    assert clock.now_ns() == 31 * SECOND_NS
    assert not rang_ns
    clock.wait_until(32 * SECOND_NS, "settle")
    assert rang_ns == [31 * SECOND_NS]
    booked = clock.booked_ns()
    assert (booked["settle"], booked["wait"]) == (2 * SECOND_NS, 30 * SECOND_NS)
    assert sum(booked.values()) == clock.now_ns()


def test_several_things_may_happen_amid_one_wait() -> None:
    clock = VirtualClock()
    happened: list[tuple[str, int]] = []
    for name in ("one", "other"):
        clock.amid("move", lambda name=name: happened.append((name, clock.now_ns())))
    clock.wait_until(1000, "settle")
    clock.wait_until(2000, "move")
    clock.wait_until(3000, "move")
    assert happened == [("one", 1500), ("other", 1500)]


def test_a_leap_in_a_move_is_a_stall_and_the_move_ends_where_it_should() -> None:
    plan = FaultPlan((ClockJump(at_s=2.0, by_s=40.0),))
    scanner = open_with_faults(small_twin(target="grid"), 1, None, CancelToken(), False, plan)
    scanner.stage.home()
    assert scanner.clock.now_ns() < 1.99 * SECOND_NS
    scanner.clock.wait_until(round(1.99 * SECOND_NS), "wait")
    scanner.stage.move_to(**MIDDLE)
    assert [entry.at_s for entry in plan.struck] == [2.0]
    assert scanner.clock.now_ns() > 42 * SECOND_NS
    assert (scanner.stage.x_um, scanner.stage.y_um) == (200.0, 200.0)


class Told:
    """Sensors that tell of a temperature, and of so much memory."""

    def __init__(self, available_mb: float | None) -> None:
        self._readings = Readings(Temperature(50.0, "cpu"))
        if available_mb is not None:
            self._readings = dataclasses.replace(self._readings, memory=Memory(available_mb))

    def read(self) -> Readings:
        return self._readings


@pytest.mark.parametrize(("told_mb", "seen_mb"), [(None, 60.0), (500.0, 60.0), (20.0, 20.0)])
def test_memory_is_low_while_it_lasts(told_mb: float | None, seen_mb: float) -> None:
    clock, plan = VirtualClock(), FaultPlan((MemoryLow(at_s=2, for_s=2, available_mb=60),))
    sensors = FaultySensors(
        Told(told_mb), [each for each in plan.faults if isinstance(each, MemoryLow)], Chronicle(plan, clock), clock
    )
    seen = []
    for time_s in (1, 3, 5):
        clock.wait_until(time_s * SECOND_NS, "wait")
        seen.append(sensors.read())
    assert [each.memory and each.memory.available_mb for each in seen] == [told_mb, seen_mb, told_mb]
    assert {each.temperature for each in seen} == {Temperature(50.0, "cpu")}
    assert len(plan.struck) == 1


class Network:
    """Its n-th answer is n."""

    def __init__(self) -> None:
        self.asked = 0

    def predict(self, first: np.ndarray, second: np.ndarray, code: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self.asked += 1
        return np.full(len(first), self.asked, np.float32), np.ones(len(first), np.float32)


def answers(clock: VirtualClock, plan: FaultPlan, count: int) -> list[np.ndarray | str]:
    """Of a network that is asked so many times; the line of its error where it fails."""
    faults = [fault for fault in plan.faults if isinstance(fault, InferenceFault)]
    network = Inferences(faults, Chronicle(plan, clock), clock).through(Network())
    found: list[np.ndarray | str] = []
    for _ in range(count):
        try:
            found.append(network.predict(PATCHES, PATCHES, CODE)[0])
        except HardwareError as error:
            found.append(str(error))
    return found


@pytest.mark.parametrize(
    ("fault", "line"),
    [
        (InferenceError(at_count=2), "inference failed: out of memory"),
        (InferenceNan(at_count=2), "inference: the network's answer is not a number; verify the bundle"),
    ],
)
def test_an_inference_that_fails_speaks_as_the_backends_do(fault: InferenceFault, line: str) -> None:
    plan = FaultPlan((fault,))
    found = answers(VirtualClock(), plan, 3)
    assert found[1] == line
    assert [float(np.mean(found[at])) for at in (0, 2)] == [1.0, 3.0]  # type: ignore[arg-type]
    assert len(plan.struck) == 1


def test_nonsense_is_finite_drawn_by_the_seed_and_as_far_as_a_network_answers() -> None:
    def nonsense(seed: int) -> np.ndarray:
        found = answers(VirtualClock(), FaultPlan((InferenceNan(at_count=1, answer="nonsense"),), seed), 1)[0]
        assert isinstance(found, np.ndarray)
        return found

    assert nonsense(1).shape == (5,)
    assert nonsense(1).dtype == np.float32
    assert np.abs(nonsense(1)).max() <= 12
    assert np.ptp(nonsense(1)) > 1
    np.testing.assert_array_equal(nonsense(1), nonsense(1))
    assert (nonsense(1) != nonsense(2)).any()


def test_a_stall_takes_the_scanners_time_and_answers_all_the_same() -> None:
    clock = VirtualClock()
    found = answers(clock, FaultPlan((InferenceStall(at_count=2, by_s=5.0),)), 3)
    assert [float(np.mean(answer)) for answer in found] == [1.0, 2.0, 3.0]  # type: ignore[arg-type]
    assert clock.booked_ns()["infer"] == clock.now_ns() == 5 * SECOND_NS


def test_two_networks_share_their_count() -> None:
    clock, plan = VirtualClock(), FaultPlan((InferenceError(at_count=2),))
    inferences = Inferences([InferenceError(at_count=2)], Chronicle(plan, clock), clock)
    inferences.through(Network()).predict(PATCHES, PATCHES, CODE)
    with pytest.raises(HardwareError):
        inferences.through(Network()).predict(PATCHES, PATCHES, CODE)
