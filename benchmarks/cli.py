"""The command `wsi-bench`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.budgets import judged, shipped_budgets
from benchmarks.compare import PROCESSES, checkout
from benchmarks.compare import compare as compared
from benchmarks.environment import environment
from benchmarks.machine import Machine
from benchmarks.measure import Row
from benchmarks.page import PICTURE, Figures, page, picture, with_figures
from benchmarks.results import read_results, write_results
from benchmarks.suites import GATED, SUITES, WAYS
from firmware_host.cli.errors import run_app
from firmware_host.errors import ScannerError, UsageError
from firmware_host.profile import load_profile
from firmware_host.scan.plan import parse_region
from firmware_host.whole_file import write_whole

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Measure latency, and hold it to budgets.")


@app.command()
def run(
    suite: Annotated[
        list[str] | None,
        typer.Option(help=f"One of {', '.join(SUITES)}; several: name it again. Default: {', '.join(GATED)}."),
    ] = None,
    profile: Annotated[
        str, typer.Option(help="Of the scanner this runs on. Only focus and scan move its stage, within --region.")
    ] = "emulated",
    region: Annotated[
        str | None, typer.Option(help="Real scanner: X0,Y0,X1,Y1 in mm, where focus and scan may go; with tissue.")
    ] = None,
    json_path: Annotated[
        Path | None, typer.Option("--json", help="Write the figures and the environment here.")
    ] = None,
) -> None:
    """Run the suites, print their figures, and fail where one does not keep to its budget."""
    for name in suite or ():
        if name not in SUITES:
            raise UsageError(f"suite {name}: not known; choose among {', '.join(SUITES)}")
    machine = Machine(load_profile(profile), None if region is None else parse_region(region))
    measured = [row for name in suite or GATED for row in SUITES[name](machine)]
    rows = judged(measured, [each for each in shipped_budgets() if machine.is_emulated or not each.emulated])
    _print(rows)
    if json_path is not None:
        write_results(json_path, environment(), rows)
    if broken := [row for row in rows if row.passed is False]:
        told = "; ".join(f"{row.suite}: {row.name}: {row.value:.4g} {row.unit}, {row.budget:g}" for row in broken)
        raise ScannerError(f"budget: {told}; the reasons for the numbers are in benchmarks/budgets.toml")


@app.command()
def compare(
    base: Annotated[str, typer.Argument(help="A git revision, or the folder of a checkout.")],
    head: Annotated[str, typer.Argument(help="Another one.")],
    suite: Annotated[
        list[str] | None, typer.Option(help=f"One of {', '.join(WAYS)}; several: name it again. Default: all.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=10, max=1000, help="Times that everything is done by each process.")] = 20,
) -> None:
    """Measure two checkouts in turn on this machine, and fail where HEAD is slower beyond chance."""
    for name in suite or ():
        if name not in WAYS:
            raise UsageError(f"suite {name}: cannot be compared; choose among {', '.join(WAYS)}")
    with ExitStack() as stack:
        folders = [stack.enter_context(checkout(named, Path(__file__).parents[1])) for named in (base, head)]
        found = compared(
            folders[0],
            folders[1],
            suite or list(WAYS),
            rounds,
            lambda number: print(f"processes {number + 1} of {PROCESSES}"),
        )
    table = Table("what", "base", "head", "times", "by chance", "")
    for each in found:
        times = (f"{value:.3g} ms" for value in (each.base_ms, each.head_ms))
        table.add_row(each.name, *times, f"{each.times:.3f}", f"{each.chance:.1g}", each.verdict)
    Console().print(table)
    if slower := [each for each in found if each.verdict == "slower"]:
        raise ScannerError("slower: " + "; ".join(f"{each.name}: {each.times:.2f} times" for each in slower))


@app.command()
def report(
    files: Annotated[list[Path], typer.Argument(help="Written by wsi-bench run --json, one for each board.")],
    out: Annotated[
        Path | None, typer.Option(help="Write it here, as Markdown, with a picture beside it; default: print it.")
    ] = None,
    summary_in: Annotated[
        Path | None,
        typer.Option(
            exists=True, dir_okay=False, help="Renew the figures of the first board in this page (README.md)."
        ),
    ] = None,
    safety_in: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Renew the times of the suite safety here (docs/safety.md)."),
    ] = None,
    faults_in: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Renew the counts of the suite faults here (docs/faults.md)."),
    ] = None,
) -> None:
    """Lay the figures of several boards side by side."""
    results = [read_results(path) for path in files]
    text = page(results)
    wanted: dict[Figures, Path | None] = {"summary": summary_in, "safety": safety_in, "faults": faults_in}
    for what, where in wanted.items():
        if where is not None:
            write_whole(where, with_figures(where.read_text(), results[0], what).encode())
            print(f"figures {where}")
    if out is None and any(wanted.values()):
        return
    if out is None:
        print(text, end="")
        return
    if drawn := picture(results[0]):
        write_whole(out.with_name(PICTURE), drawn.encode())
    write_whole(out, text.encode())
    print(f"page    {out}")


def _print(rows: Sequence[Row]) -> None:
    """A table of each suite, for a terminal of 80 columns; the file holds the rest."""
    for suite in dict.fromkeys(row.suite for row in rows):
        table = Table("what", "value", "95 %", "P99", "n", "budget", title=suite, title_justify="left")
        for row in rows:
            if row.suite == suite:
                interval = "" if row.ci_low == row.ci_high else f"{row.ci_low:.4g} to {row.ci_high:.4g}"
                budget = "" if row.budget is None else f"{row.budget:g} {'kept' if row.passed else 'NOT KEPT'}"
                table.add_row(row.name, f"{row.value:.4g} {row.unit}", interval, f"{row.p99:.4g}", str(row.n), budget)
        Console().print(table)


def main() -> None:
    """Entry point of `wsi-bench`."""
    run_app(app)
