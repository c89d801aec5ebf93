"""Figures say what was measured, and how sure it is."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import measure


@given(st.lists(st.floats(0.01, 1e6), min_size=1, max_size=60))
def test_the_interval_holds_the_value_and_percentiles_are_in_order(values: list[float]) -> None:
    for of in ("median", "mean"):
        made = measure.row("s", "n", "ms", values, of)  # type: ignore[arg-type]
        assert made.n == len(values)
        assert made.p50 <= made.p90 <= made.p99 <= max(values)
        assert min(values) * (1 - 1e-12) <= made.ci_low <= made.ci_high <= max(values) * (1 + 1e-12)


@pytest.mark.parametrize("of", ["median", "mean"])
def test_the_interval_covers_the_truth_about_as_often_as_it_says(of: str) -> None:
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(200):
        made = measure.row("s", "n", "ms", rng.normal(10, 1, 40).tolist(), of)  # type: ignore[arg-type]
        held += made.ci_low <= 10 <= made.ci_high
    assert 0.88 <= held / 200 <= 1


def test_the_same_values_give_the_same_figures() -> None:
    values = np.random.default_rng(2).exponential(1, 30).tolist()
    assert measure.row("s", "n", "ms", values) == measure.row("s", "n", "ms", values)


def test_a_ratio_is_that_of_values_taken_together() -> None:
    """The machine became three times slower half-way; the ratio of neighbours did not change."""
    below = [10.0] * 10 + [30.0] * 10
    made = measure.ratio("s", "n", [2 * value for value in below], below)
    assert (made.value, made.ci_low, made.ci_high) == (2, 2, 2)


def test_ways_are_timed_in_turn_and_the_warm_up_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    ticks = itertools.count(0, 1_000_000)
    monkeypatch.setattr(measure.time, "perf_counter_ns", lambda: next(ticks))
    ways = {name: (lambda name=name: order.append(name)) for name in "ab"}  # type: ignore[misc]
    assert measure.times_in_turn(ways, runs=2, warm_up=1) == {"a": [1, 1], "b": [1, 1]}
    assert order == list("ababab")
