"""A budget that is not kept is named; one that cannot fail is refused."""

from __future__ import annotations

import math

import pytest

from benchmarks.budgets import Budget, judged, read_budgets, shipped_budgets
from benchmarks.measure import figure
from benchmarks.suites import GATED
from firmware_host.errors import UsageError

MOST, LEAST = Budget("scan", "time", "because", most=0.9), Budget("scan", "share", "because", least=95)


@pytest.mark.parametrize(
    ("budget", "value", "kept"),
    [
        (MOST, 0.9, True),
        (MOST, 0.9000001, False),
        (LEAST, 95, True),
        (LEAST, 94.9, False),
        (MOST, math.nan, False),
        (LEAST, math.nan, False),
    ],
)
def test_what_keeps_to_a_budget(budget: Budget, value: float, kept: bool) -> None:
    (row,) = judged([figure(budget.suite, budget.name, "s", value)], [budget])
    assert (row.passed, row.budget) == (kept, budget.limit)


def test_a_row_without_a_budget_is_neither_kept_nor_broken() -> None:
    assert judged([figure("scan", "other", "s", 1), figure("scan", "time", "s", 0.1)], [MOST])[0].passed is None


def test_a_budget_whose_row_is_gone_is_told() -> None:
    """A row that was renamed would otherwise never fail again."""
    with pytest.raises(UsageError, match="suite scan has no figure 'time'"):
        judged([figure("scan", "other", "s", 1)], [MOST])


def test_a_budget_of_a_row_that_needs_a_package_waits_for_it() -> None:
    """No torch on the device."""
    budgets = [Budget("scan", "time", "because", most=0.9, needs="not_installed"), LEAST]
    assert [row.passed for row in judged([figure("scan", "share", "%", 96)], budgets)] == [True]


def test_a_budget_of_a_suite_that_was_not_run_is_passed_over() -> None:
    assert judged([figure("gpio", "other", "s", 1)], [MOST])[0].budget is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('suite = "a"\nname = "b"\nmost = 1', "reason"),
        ('suite = "a"\nname = "b"\nmost = 1\nreason = ""', "give the reason"),
        ('suite = "a"\nname = "b"\nreason = "c"', "either most or least"),
        ('suite = "a"\nname = "b"\nreason = "c"\nmost = 1\nleast = 1', "either most or least"),
        ('suite = "a"\nname = "b"\nreason = "c"\nat_most = 1', "at_most"),
    ],
)
def test_a_budget_that_says_too_little_or_too_much_is_refused(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        read_budgets(f"[[budget]]\n{text}")


def test_the_shipped_ones_are_of_suites_that_run_by_default() -> None:
    budgets = shipped_budgets()
    assert {budget.suite for budget in budgets} <= GATED.keys()
    assert len({(budget.suite, budget.name) for budget in budgets}) == len(budgets)
