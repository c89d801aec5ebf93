"""Faults of the computer that the host runs on: its clock, its memory, and the network it asks."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from firmware_host.clock import Clock
from firmware_host.errors import HardwareError
from firmware_host.health.memory import Memory
from firmware_host.health.sensors import Readings, Sensors
from firmware_host.inference.port import PatchModel
from firmware_host.twin.emulation import Emulation
from firmware_host.twin.faults.fault import Chronicle, Onset, in_force, strike_at
from firmware_host.twin.faults.kinds import (
    ClockJump,
    InferenceError,
    InferenceFault,
    InferenceNan,
    InferenceStall,
    MemoryLow,
)

_NONSENSE_DOF = 12.0  # as far as a network answers at all

Answer = tuple[NDArray[np.float32], NDArray[np.float32]]


def strike(emulation: Emulation, faults: Sequence[ClockJump], chronicle: Chronicle) -> None:
    """The leaps, each in the wait that reaches its time."""

    def leap(fault: ClockJump) -> None:
        chronicle.note(fault)
        emulation.clock.leap(round(fault.by_s * 1e9))

    for fault in faults:
        strike_at(emulation.clock, chronicle.time_ns(fault.at_s), functools.partial(leap, fault))


class FaultySensors:
    """The machine's readings, with less memory than there is. A fault is booked whenever it is read."""

    def __init__(self, sensors: Sensors, faults: Sequence[MemoryLow], chronicle: Chronicle, clock: Clock) -> None:
        self._sensors, self._faults, self._chronicle, self._clock = sensors, faults, chronicle, clock

    def read(self) -> Readings:
        readings = self._sensors.read()
        for fault in self._faults:
            if in_force(fault, self._chronicle, self._clock.now_ns()):
                self._chronicle.note(fault)
                left_mb = fault.available_mb
                if readings.memory is None or readings.memory.available_mb > left_mb:
                    readings = dataclasses.replace(readings, memory=Memory(left_mb))
        return readings


class Inferences:
    """What strikes the networks of one scanner. They share one count."""

    def __init__(self, faults: Sequence[InferenceFault], chronicle: Chronicle, clock: Clock) -> None:
        self._onsets = [(fault, Onset(fault, chronicle, clock)) for fault in faults]
        self._clock = clock
        self._rng = np.random.default_rng([chronicle.seed, 41])

    def through(self, model: PatchModel) -> PatchModel:
        """The same network, as it answers here."""
        return _FaultyModel(self, model)

    def struck(self) -> list[InferenceFault]:
        """What strikes this inference."""
        return [fault for fault, onset in self._onsets if onset.strikes()]

    def answer(self, struck: Sequence[InferenceFault], given: Answer) -> Answer:
        """What becomes of an answer.

        :raises HardwareError: what the backends of this software raise.
        """
        for fault in struck:
            match fault:
                case InferenceStall(by_s=by_s):
                    self._clock.wait_until(self._clock.now_ns() + round(by_s * 1e9), "infer")
                case InferenceError():
                    raise HardwareError("inference failed: out of memory")
                case InferenceNan(answer="refused"):
                    raise HardwareError("inference: the network's answer is not a number; verify the bundle")
                case InferenceNan():
                    moves = self._rng.uniform(-_NONSENSE_DOF, _NONSENSE_DOF, len(given[0])).astype(np.float32)
                    given = moves, given[1]
        return given


class _FaultyModel:
    def __init__(self, inferences: Inferences, model: PatchModel) -> None:
        self._inferences, self._model = inferences, model

    def predict(self, first: NDArray[np.uint8], second: NDArray[np.uint8], code: NDArray[np.float32]) -> Answer:
        struck = self._inferences.struck()
        return self._inferences.answer(struck, self._model.predict(first, second, code))
