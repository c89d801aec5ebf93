from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_host.focus.vote import vote, weighted_median, weighted_spread

NUMBERS = st.floats(-100, 100, allow_subnormal=False)
BALLOTS = st.lists(st.tuples(NUMBERS, st.integers(1, 50)), min_size=1, max_size=30)


def split(ballots: list[tuple[float, int]]) -> tuple[list[float], list[int]]:
    return [value for value, _ in ballots], [weight for _, weight in ballots]


@pytest.mark.parametrize(
    ("values", "weights", "median"),
    [
        ([5.0], [0.1], 5.0),
        ([1, 2, 3], [1, 1, 1], 2.0),
        ([1, 2, 3, 4], [1, 1, 1, 1], 2.5),
        ([1, 2, 10], [1, 1, 2], 6.0),
        ([1, 2, 10], [1, 1, 3], 10.0),
        ([3, 1, 2], [0, 1, 1], 1.5),
    ],
    ids=["one", "odd", "even: halfway", "half the weight: halfway", "more than half wins", "no weight, no vote"],
)
def test_weighted_median(values: list[float], weights: list[float], median: float) -> None:
    assert weighted_median(values, weights) == pytest.approx(median)


@given(BALLOTS, st.randoms())
def test_the_order_of_the_patches_does_not_matter(ballots: list[tuple[float, int]], random: object) -> None:
    shuffled = list(ballots)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert weighted_median(*split(ballots)) == weighted_median(*split(shuffled))


@given(BALLOTS)
def test_a_weight_of_n_is_n_equal_votes(ballots: list[tuple[float, int]]) -> None:
    values, weights = split(ballots)
    assert weighted_median(values, weights) == pytest.approx(float(np.median(np.repeat(values, weights))))


@given(BALLOTS, st.floats(0.1, 10), st.floats(-50, 50))
def test_units_and_origin_do_not_matter(ballots: list[tuple[float, int]], scale: float, shift: float) -> None:
    values, weights = split(ballots)
    moved = [value * scale + shift for value in values]
    assert weighted_median(moved, weights) == pytest.approx(weighted_median(values, weights) * scale + shift, abs=1e-6)


@given(BALLOTS, NUMBERS)
def test_a_majority_overrules_any_outliers(ballots: list[tuple[float, int]], truth: float) -> None:
    values, weights = split(ballots)
    assert weighted_median([*values, truth], [*weights, sum(weights) + 1]) == truth


def test_spread_is_a_standard_deviation_that_outliers_do_not_move() -> None:
    sample = np.random.default_rng(0).normal(3, 0.5, 4001)
    assert weighted_spread(sample, np.ones(4001), 3.0) == pytest.approx(0.5, rel=0.05)
    sample[:400] = 1e6
    assert weighted_spread(sample, np.ones(4001), 3.0) < 0.65


@pytest.mark.parametrize(
    ("values", "weights"),
    [([], []), ([1.0], [1.0, 2.0]), ([1.0], [0.0]), ([1.0], [-1.0]), ([np.nan], [1.0]), ([1.0], [np.inf])],
)
def test_what_cannot_be_voted_on_is_refused(values: list[float], weights: list[float]) -> None:
    with pytest.raises(ValueError, match=r"must be|need as many"):
        weighted_median(values, weights)


def test_flat_patches_do_not_vote_and_too_few_make_a_blank_field() -> None:
    values, weights = [1.0, 1.2, 50.0], [0.1, 0.1, 0.001]
    result = vote(values, weights, min_weight=0.02, min_patches=2)
    assert result is not None
    assert (result.value, result.patches) == (pytest.approx(1.1), 2)
    assert vote(values, weights, min_weight=0.02, min_patches=3) is None
    assert vote([1.0, 2.0], [0.0, 0.0], min_weight=0.0, min_patches=1) is None
