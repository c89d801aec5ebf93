"""The pulse engine in real time: how late each edge is, and what that does to a move. The drivers stay off."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from benchmarks.machine import Machine
from benchmarks.measure import Row, row
from firmware_host.clock import MonotonicClock
from firmware_host.gpio.choice import open_port
from firmware_host.gpio.port import GpioPort
from firmware_host.gpio.rpi_gpio import RpiGpio
from firmware_host.motion.axis import Axis
from firmware_host.motion.pulse import PulseEngine, PulseTrain
from firmware_host.profile_tables import AXES, AxisName
from firmware_host.twin.board import EmulatedBoard

_SUITE = "gpio"
_MOVES: dict[str, dict[AxisName, float]] = {  # um
    "x to the next field": {"x": 230.4},
    "x, y and z together": {"x": 230.4, "y": 172.8, "z": 5.0},
    "z by delta": {"z": 2.0},
}
_TIMES = 10


class _Recorder:
    """Passes levels on to a port, and keeps when each was set."""

    def __init__(self, port: GpioPort, clock: MonotonicClock) -> None:
        self._port, self._clock = port, clock
        self.times_ns: dict[int, list[int]] = {}

    def write(self, pin: int, level: bool) -> None:
        self._port.write(pin, level)
        self.times_ns.setdefault(pin, []).append(self._clock.now_ns())


def gpio(machine: Machine) -> list[Row]:
    """Moves as the profile allows them, played on this machine's clock, over its GPIO."""
    profile = machine.profile
    clock = MonotonicClock()
    port = RpiGpio(EmulatedBoard(clock)) if machine.is_emulated else open_port(profile.hardware)
    for name in AXES:
        table = profile.axes.of(name)
        port.setup_output(table.enable_pin, True)  # off: no motor moves
        port.setup_output(table.step_pin, False)
        port.setup_output(table.dir_pin, False)
    recorder = _Recorder(port, clock)
    engine = PulseEngine(recorder, clock)  # type: ignore[arg-type]
    axes = {name: Axis(name, profile.axes.of(name)) for name in AXES}
    rows = []
    for what, by_um in _MOVES.items():
        trains = [
            replace(axes[name].train(round(um * axes[name].table.steps_per_um)), patience_steps=math.inf)
            for name, um in by_um.items()
        ]
        late_us, stretched, rates = _played(engine, recorder, trains)
        rows += [
            row(_SUITE, f"{what}: lateness of an edge", "us", late_us),
            row(_SUITE, f"{what}: times as long as planned", "times", stretched),
            row(_SUITE, f"{what}: edges a second", "1/s", rates),
        ]
    return rows


def _played(
    engine: PulseEngine, recorder: _Recorder, trains: list[PulseTrain]
) -> tuple[list[float], list[float], list[float]]:
    """Lateness of all steps' edges, us; and of each move, how much longer it took than planned, and its edge rate.

    An edge is late by what the time since the edge before exceeds the plan. None ends a move: no motor is on.
    """
    late_us: list[float] = []
    stretched, rates = [], []
    for _ in range(_TIMES):
        recorder.times_ns.clear()
        played = engine.play([[train] for train in trains], lambda: False)
        assert played.whole
        every = [np.array(recorder.times_ns[train.step_pin], np.int64) for train in trains]
        for train, times_ns in zip(trains, every, strict=True):
            planned_ns = np.stack([train.times_ns, train.times_ns + train.pulse_ns], 1).ravel()
            late_us += (np.maximum(np.diff(times_ns) - np.diff(planned_ns), 0) / 1000).tolist()
        taken_ns = max(times[-1] for times in every) - min(times[0] for times in every)
        planned = max(int(train.times_ns[-1]) for train in trains) - min(int(train.times_ns[0]) for train in trains)
        stretched.append(taken_ns / planned)
        rates.append(sum(len(times) for times in every) / taken_ns * 1e9)
    return late_us, stretched, rates
