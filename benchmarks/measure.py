"""Timing a function fairly: warm-up, many runs, percentiles; and one row of a table of results."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

_RESAMPLES = 500
_MOST_RESAMPLED = 2000  # of more values, so many are taken, evenly
_CONFIDENCE = 95


@dataclass(frozen=True)
class Row:
    """One measured figure.

    :param value: what the row is about: the median, or the mean, of what was measured; or a figure made of others.
    :param ci_low, ci_high: its confidence interval of 95 %, by bootstrap; `value` itself where there is none to give.
    :param n: values measured.
    :param budget: what it may not exceed (or fall below), None: anything; :param passed: whether it kept to that.
    """

    suite: str
    name: str
    unit: str
    value: float
    p50: float
    p90: float
    p99: float
    ci_low: float
    ci_high: float
    n: int
    budget: float | None = None
    passed: bool | None = None


def timed(suite: str, name: str, run: Callable[[], object], runs: int, warm_up: int = 3) -> Row:
    """Milliseconds of one call, over `runs` calls."""
    (only,) = timed_in_turn(suite, {name: run}, runs, warm_up)
    return only


def timed_in_turn(suite: str, ways: Mapping[str, Callable[[], object]], runs: int, warm_up: int = 3) -> list[Row]:
    """The same for several ways of doing one thing, one after the other, so that all meet the same disturbances."""
    return [row(suite, name, "ms", values) for name, values in times_in_turn(ways, runs, warm_up).items()]


def times_in_turn(ways: Mapping[str, Callable[[], object]], runs: int, warm_up: int = 3) -> dict[str, list[float]]:
    """Milliseconds of each call of each way; the n-th ones of all ways were taken next to each other."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(warm_up + runs):
        for name, way in ways.items():
            began = time.perf_counter_ns()
            way()
            if turn >= warm_up:
                taken[name].append((time.perf_counter_ns() - began) * 1e-6)
    return taken


def row(suite: str, name: str, unit: str, values: Sequence[float], of: Literal["median", "mean"] = "median") -> Row:
    """A figure of what was measured, one value or more."""
    measured = np.asarray(values, np.float64)
    average = np.median if of == "median" else np.mean
    low, high = _interval(measured, average)
    p50, p90, p99 = (float(value) for value in np.percentile(measured, [50, 90, 99]))
    return Row(suite, name, unit, float(average(measured)), p50, p90, p99, low, high, len(measured))


def ratio(suite: str, name: str, above: Sequence[float], below: Sequence[float]) -> Row:
    """How many times `below` goes into `above`: the median of the ratios of values that were taken together."""
    pairs = np.asarray(above, np.float64) / np.asarray(below, np.float64)
    return row(suite, name, "times", pairs.tolist())


def figure(suite: str, name: str, unit: str, value: float, n: int = 1) -> Row:
    """A figure made of others, without percentiles of its own."""
    return Row(suite, name, unit, value, value, value, value, value, value, n)


def _interval(values: NDArray[np.float64], average: Callable[..., NDArray[np.float64]]) -> tuple[float, float]:
    if len(values) == 1:
        return float(values[0]), float(values[0])
    rng = np.random.default_rng(0)
    values = values[:: -(-len(values) // _MOST_RESAMPLED)]
    drawn = rng.choice(values, (_RESAMPLES, len(values)))
    tail = (100 - _CONFIDENCE) / 2
    low, high = np.percentile(average(drawn, axis=1), [tail, 100 - tail])
    return float(low), float(high)
