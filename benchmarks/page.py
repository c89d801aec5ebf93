"""`docs/benchmarks.md`, written from results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from benchmarks.budgets import shipped_budgets
from benchmarks.faults import COUNTED, NOTICED
from benchmarks.faults import SUITE as FAULTS
from benchmarks.measure import Row
from benchmarks.results import Results
from benchmarks.safety import OFF_AFTER
from firmware_host.clock import PHASES
from firmware_host.errors import UsageError
from firmware_host.slide import charts

_HEAD = """# Benchmarks

Written by `wsi-bench report`; not by hand. To measure your own board, and to lay it beside these:

    wsi-bench run --json mine.json [--profile mine.toml --region 10,5,12,7]
    wsi-bench report mine.json other-board.json
    wsi-bench compare main HEAD            # two versions on this machine, call by call; fails where HEAD is slower

With `--profile`, `gpio` plays its moves over that scanner's own pins, the drivers switched off, and `inference` and
`preprocess` take its bundle and its frames. With `--region X0,Y0,X1,Y1`, in mm, `focus` and `scan` scan there.

`inference` has rows of energy where the machine tells: a Jetson, a Raspberry Pi 5, Intel and AMD processors to root.

The results are a list of rows beside the environment: `suite`, `name`, `unit`, `value`, `p50`, `p90`, `p99`, `ci_low`,
`ci_high`, `n`, `budget`, `passed`.

Times of `focus`, `scan` and `accuracy` are those of the emulated scanner's own clock, to the nanosecond the same on
every machine that decides alike. The others are this machine's. Value: the median, or the mean where a row is about a
mean; then its 95 % confidence interval by bootstrap, percentiles, how many were measured, and the budget.
"""


Figures = Literal["summary", "safety", "faults"]
_CLOSE = "<!-- end of figures -->"
PICTURE = "benchmarks.svg"
_BARS = {
    "physical floor": "floor",
    "two-shot": "two-shot",
    "no trigger": "two-shot, free-running camera",
    "sweep": "sweep",
}


def picture(results: Results) -> str:
    """SVG: where the time of a field goes, by phase; empty where the suite focus was not run."""
    ms = {row.name: row.value for row in results.rows if row.suite == "focus"}
    bars: list[tuple[str, dict[str, float]]] = [
        (name, {phase: ms.get(f"{way}: {phase}", 0.0) for phase in PHASES}) for name, way in _BARS.items()
    ]
    if not all(sum(parts.values()) for _, parts in bars):
        return ""
    return charts.standalone(charts.bars(bars, "ms", "mean time of a field by phase"))


def page(results: Sequence[Results]) -> str:
    """Markdown: where it was measured, a table of each suite, the budgets with their reasons."""
    parts = [_HEAD, _where(results)]
    if picture(results[0]):
        parts.append(f"![Mean time of a field by phase, of the suite focus]({PICTURE})\n")
    suites = list(dict.fromkeys(row.suite for each in results for row in each.rows))
    parts += [_suite(suite, results) for suite in suites]
    parts.append(_budgets(set(suites)))
    return "\n".join(parts)


def with_figures(text: str, results: Results, what: Figures) -> str:
    """A page with the figures between its two marks, in place of what was there.

    :raises UsageError: the marks are not there, once and in order.
    """
    opening = f"<!-- figures: wsi-bench report --{what}-in -->\n"
    before, opened, rest = text.partition(opening)
    old, closed, after = rest.partition(_CLOSE)
    if not opened or not closed or opening in old + after:
        raise UsageError(f"page: put {opening.strip()} and {_CLOSE} where the figures are to be")
    rows = {"summary": _summary, "safety": _safety, "faults": _faults}[what](results)
    told = f"On {results.where}, commit {results.environment.get('commit')}:\n\n"
    return f"{before}{opening}{told}" + "\n".join(rows) + f"\n{_CLOSE}{after}"


def _summary(results: Results) -> list[str]:
    rows = [_line(["", "", "limit"]), _line(["---"] * 3)]
    budgeted = (row for row in results.rows if row.budget is not None)
    return rows + [_line([f"{row.suite}: {row.name}", _value(row), _limit(row)]) for row in budgeted]


def _safety(results: Results) -> list[str]:
    """A line for each moment of a scan, a column for each cause: until the motors are off, ms."""
    off_ms: dict[str, dict[str, float]] = {}
    for row in results.rows:
        if row.suite == "safety" and row.name.endswith(OFF_AFTER):
            cause, _, moment = row.name.removesuffix(OFF_AFTER).partition("; ")
            off_ms.setdefault(moment, {})[cause] = row.value
    causes = list(dict.fromkeys(cause for each in off_ms.values() for cause in each))
    rows = [_line(["", *causes]), _line(["---"] * (1 + len(causes)))]
    return rows + [_line([moment, *(f"{each[cause]:.0f}" for cause in causes)]) for moment, each in off_ms.items()]


def _faults(results: Results) -> list[str]:
    """A line for each kind of fault, and one for all of them."""
    values: dict[str, dict[str, float]] = {}
    scans: dict[str, int] = {}
    for row in results.rows:
        kind, _, name = row.name.partition(": ")
        if row.suite == FAULTS:
            values.setdefault(kind, {})[name] = row.value
            scans.setdefault(kind, row.n)
    columns = list(COUNTED)
    rows = [_line(["fault", *columns, "noticed as"]), _line(["---"] * (2 + len(columns)))]
    for kind, each in values.items():
        causes = [f"{name.removeprefix(NOTICED)} ({value:.0f})" for name, value in each.items() if NOTICED in name]
        counts = [f"{each['struck']:.0f} of {scans[kind]}", *(f"{each[name]:.0f}" for name in columns[1:])]
        rows.append(_line([kind, *counts, ", ".join(causes)]))
    totals = [f"{sum(each[name] for each in values.values()):.0f}" for name in columns]
    return [*rows, _line(["all", *totals, ""])]


def _limit(row: Row) -> str:
    return next(each.words for each in shipped_budgets() if (each.suite, each.name) == (row.suite, row.name))


def _where(results: Sequence[Results]) -> str:
    names = list(dict.fromkeys(name for each in results for name in each.environment))
    lines = [_line(["", *(each.where for each in results)]), _line(["---"] * (len(results) + 1))]
    lines += [_line([name, *(str(each.environment.get(name, "")) for each in results)]) for name in names]
    return "## Where\n\n" + "\n".join(lines) + "\n"


def _suite(suite: str, results: Sequence[Results]) -> str:
    of = [{row.name: row for row in each.rows if row.suite == suite} for each in results]
    names = list(dict.fromkeys(name for rows in of for name in rows))
    if len(results) == 1:
        head = ["", "value", "95 %", "P50", "P90", "P99", "n", "budget"]
        body = [[name, *_whole(of[0][name])] for name in names]
    else:
        head = ["", *(each.where for each in results)]
        body = [[name, *(_value(rows[name]) if name in rows else "" for rows in of)] for name in names]
    lines = [_line(head), _line(["---"] * len(head)), *(_line(cells) for cells in body)]
    return f"## {suite}\n\n`wsi-bench run --suite {suite}`\n\n" + "\n".join(lines) + "\n"


def _budgets(suites: set[str]) -> str:
    lines = [_line(["figure", "limit", "why"]), _line(["---"] * 3)]
    for budget in shipped_budgets():
        if budget.suite in suites:
            lines.append(_line([f"{budget.suite}: {budget.name}", budget.words, budget.reason]))
    return (
        "## Budgets\n\nFrom `benchmarks/budgets.toml`; `wsi-bench run` fails beyond them.\n\n" + "\n".join(lines) + "\n"
    )


def _whole(row: Row) -> list[str]:
    if row.n == 1 or row.ci_low == row.ci_high == row.p99:
        return [_value(row), "", "", "", "", str(row.n), _budget(row)]
    spread = (f"{value:.4g}" for value in (row.p50, row.p90, row.p99))
    return [_value(row), f"{row.ci_low:.4g} to {row.ci_high:.4g}", *spread, str(row.n), _budget(row)]


def _value(row: Row) -> str:
    return f"{row.value:.4g} {row.unit}"


def _budget(row: Row) -> str:
    return "" if row.budget is None else f"{row.budget:g}, {'kept' if row.passed else 'not kept'}"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
