"""What the figures may not exceed, from `budgets.toml`, each with the reason for its number."""

from __future__ import annotations

import importlib.util
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from typing import Any

from benchmarks.measure import Row
from firmware_host.errors import UsageError

FILE = "budgets.toml"


@dataclass(frozen=True)
class Budget:
    """A limit on the figure of one row.

    :param most, least: the limit; exactly one of them.
    :param needs: a package without which there is no such row.
    :param emulated: only an emulated scanner has such a row, or a time so exact.
    """

    suite: str
    name: str
    reason: str
    most: float | None = None
    least: float | None = None
    needs: str | None = None
    emulated: bool = False

    @property
    def limit(self) -> float:
        limit = self.most if self.most is not None else self.least
        assert limit is not None
        return limit

    @property
    def words(self) -> str:
        """The limit, as a reader takes it."""
        return f"{'at most' if self.most is not None else 'at least'} {self.limit:g}"

    @property
    def applies(self) -> bool:
        """Whether there is such a row on this machine."""
        return self.needs is None or importlib.util.find_spec(self.needs) is not None

    def kept(self, value: float) -> bool:
        """Whether a figure is within the limit; one that is not a number is not."""
        return value <= self.limit if self.most is not None else value >= self.limit


def shipped_budgets() -> list[Budget]:
    """Those of the project."""
    return read_budgets((resources.files("benchmarks") / FILE).read_text())


def read_budgets(text: str) -> list[Budget]:
    """:raises UsageError: a budget without a reason, or not with exactly one limit; which one it is."""
    return [_budget(table) for table in tomllib.loads(text).get("budget", [])]


def judged(rows: Iterable[Row], budgets: Sequence[Budget]) -> list[Row]:
    """The rows with their budgets and whether they keep to them.

    :raises UsageError: a budget of a suite that was run is for a row that the suite does not have: it would never fail.
    """
    rows = list(rows)
    of = {(budget.suite, budget.name): budget for budget in budgets if budget.applies}
    for suite, name in of.keys() - {(row.suite, row.name) for row in rows}:
        if any(row.suite == suite for row in rows):
            raise UsageError(f"{FILE}: suite {suite} has no figure '{name}'; correct its name, or take it out")
    return [_judged(row, of.get((row.suite, row.name))) for row in rows]


def _judged(row: Row, budget: Budget | None) -> Row:
    return row if budget is None else replace(row, budget=budget.limit, passed=budget.kept(row.value))


def _budget(table: dict[str, Any]) -> Budget:
    name = f"{table.get('suite')}: {table.get('name')}"
    try:
        budget = Budget(**table)
    except TypeError as error:
        raise UsageError(f"{FILE}: {name}: {error}") from error
    if not budget.reason:
        raise UsageError(f"{FILE}: {name}: give the reason for its number")
    if (budget.most is None) is (budget.least is None):
        raise UsageError(f"{FILE}: {name}: give either most or least")
    return budget
