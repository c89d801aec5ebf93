"""`wsi-train compare`: ways of training side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from firmware_host.errors import UsageError
from firmware_host.whole_file import write_whole
from training.compare import plot, read_evaluations, table


def compare(
    runs: Annotated[
        list[str], typer.Argument(help="NAME=FOLDER[,FOLDER...]: evaluations of one way of training, one a seed.")
    ],
    out: Annotated[Path | None, typer.Option(help="Plot of the error against defocus, SVG.")] = None,
) -> None:
    """A table of evaluations (mean and deviation over the seeds), and a plot."""
    compared = {}
    for run in runs:
        name, _, folders = run.partition("=")
        if not name or not folders:
            raise UsageError(f"{run}: give a name and folders, as in one-phase=evaluation-1,evaluation-2")
        compared[name] = read_evaluations([Path(folder) for folder in folders.split(",")])
    print(table(compared))
    if out is not None:
        write_whole(out, plot(compared).encode())
