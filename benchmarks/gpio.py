"""The pulse engine in real time over emulated GPIO: how late each edge is, and what that does to a move."""

from __future__ import annotations

import numpy as np

from benchmarks.measure import Row, row
from firmware_host.clock import MonotonicClock
from firmware_host.gpio.rpi_gpio import RpiGpio
from firmware_host.motion.axis import Axis
from firmware_host.motion.pulse import PulseEngine, PulseTrain
from firmware_host.profile import AXES, AxisName, load_profile
from firmware_host.twin.board import EmulatedBoard

_SUITE = "gpio"
_MOVES: dict[str, dict[AxisName, float]] = {  # um
    "x to the next field": {"x": 230.4},
    "x, y and z together": {"x": 230.4, "y": 172.8, "z": 5.0},
    "z by delta": {"z": 2.0},
}
_TIMES = 10


def gpio() -> list[Row]:
    """Moves of the emulated profile, played on this machine's clock; nothing is wired to the pins."""
    profile, clock = load_profile("emulated"), MonotonicClock()
    board = EmulatedBoard(clock)
    port = RpiGpio(board)
    for name in AXES:
        table = profile.axes.of(name)
        port.setup_output(table.step_pin, False)
        port.setup_output(table.dir_pin, False)
    engine = PulseEngine(port, clock)
    axes = {name: Axis(name, profile.axes.of(name)) for name in AXES}
    rows = []
    for what, by_um in _MOVES.items():
        trains = [axes[name].train(round(um * axes[name].table.steps_per_um)) for name, um in by_um.items()]
        late_us, stretched, rates = _played(engine, board, clock, trains)
        rows += [
            row(_SUITE, f"{what}: lateness of an edge", "us", late_us),
            row(_SUITE, f"{what}: times as long as planned", "times", stretched),
            row(_SUITE, f"{what}: edges a second", "1/s", rates),
        ]
    return rows


def _played(
    engine: PulseEngine, board: EmulatedBoard, clock: MonotonicClock, trains: list[PulseTrain]
) -> tuple[list[float], list[float], list[float]]:
    """Lateness of all steps' edges, us; and of each move, how much longer it took than planned, and its edge rate.

    The engine puts the rest of a move off by what an edge is late, so an edge is late by what the time since the edge
    before exceeds the plan.
    """
    late_us: list[float] = []
    stretched, rates = [], []
    for _ in range(_TIMES):
        counts = [len(board.history(train.step_pin)) for train in trains]
        began_ns = clock.now_ns()
        played = engine.play([[train] for train in trains], lambda: False)
        taken_ns = clock.now_ns() - began_ns
        edges = 0
        for train, count in zip(trains, counts, strict=True):
            times_ns = np.array([time_ns for time_ns, _ in board.history(train.step_pin)[count:]], np.int64)
            planned_ns = np.stack([train.times_ns, train.times_ns + train.pulse_ns], 1).ravel()
            late_us += (np.maximum(np.diff(times_ns) - np.diff(planned_ns), 0) / 1000).tolist()
            edges += len(times_ns)
        assert played.whole
        planned_ns = max(int(train.times_ns[-1]) for train in trains)
        stretched.append(taken_ns / planned_ns)
        rates.append(edges / taken_ns * 1e9)
    return late_us, stretched, rates
