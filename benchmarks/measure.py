"""Timing a function fairly: warm-up, many runs, percentiles; and one row of a table of results."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Row:
    """One measured figure. `value` is the median."""

    suite: str
    name: str
    unit: str
    value: float
    p50: float
    p90: float
    p99: float
    n: int


def timed(suite: str, name: str, run: Callable[[], object], runs: int, warm_up: int = 3) -> Row:
    """Milliseconds of one call, over `runs` calls."""
    for _ in range(warm_up):
        run()
    taken = []
    for _ in range(runs):
        began = time.perf_counter_ns()
        run()
        taken.append((time.perf_counter_ns() - began) * 1e-6)
    return row(suite, name, "ms", taken)


def timed_in_turn(suite: str, ways: Mapping[str, Callable[[], object]], runs: int, warm_up: int = 3) -> list[Row]:
    """The same for several ways of doing one thing, one after the other, so that all meet the same disturbances."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(warm_up + runs):
        for name, way in ways.items():
            began = time.perf_counter_ns()
            way()
            if turn >= warm_up:
                taken[name].append((time.perf_counter_ns() - began) * 1e-6)
    return [row(suite, name, "ms", values) for name, values in taken.items()]


def row(suite: str, name: str, unit: str, values: Sequence[float]) -> Row:
    """The percentiles of what was measured."""
    p50, p90, p99 = (float(value) for value in np.percentile(values, [50, 90, 99]))
    return Row(suite, name, unit, p50, p50, p90, p99, len(values))
