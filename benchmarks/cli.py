"""The command `wsi-bench`."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.suites import SUITES
from firmware_host.cli.errors import run_app
from firmware_host.errors import UsageError
from firmware_host.whole_file import write_whole

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Measure latency.")


@app.callback()
def _commands() -> None:
    """Measure latency."""


@app.command()
def run(
    suite: Annotated[list[str] | None, typer.Option(help=f"One of {', '.join(SUITES)}; default: all.")] = None,
    json_path: Annotated[
        Path | None, typer.Option("--json", help="Write the figures and the environment here.")
    ] = None,
) -> None:
    """Run the suites and print their figures."""
    for name in suite or ():
        if name not in SUITES:
            raise UsageError(f"suite {name}: not known; choose among {', '.join(SUITES)}")
    rows = [row for name in suite or SUITES for row in SUITES[name]()]
    table = Table("suite", "what", "P50", "P90", "P99", "n")
    for row in rows:
        figures = (f"{value:.2f} {row.unit}" for value in (row.p50, row.p90, row.p99))
        table.add_row(row.suite, row.name, *figures, str(row.n))
    Console().print(table)
    if json_path is not None:
        environment = {
            "machine": platform.machine(),
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            **{name: version(name) for name in ("numpy", "onnxruntime", "wsi-scanner")},
        }
        content = {"environment": environment, "results": [asdict(row) for row in rows]}
        write_whole(json_path, json.dumps(content, indent=1).encode())


def main() -> None:
    """Entry point of `wsi-bench`."""
    run_app(app)
