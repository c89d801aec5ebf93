"""The command `wsi-train`: one file a subcommand."""

from __future__ import annotations

import os
import sys

import typer

from firmware_host.cli.errors import run_app
from training.cli import compare, evaluate, fit, label, predict, synthesize

# Without these, malloc gives every large tensor back to the system and faults it in again: 1.6 times slower.
_TUNABLES = "glibc.malloc.mmap_threshold=4294967296:glibc.malloc.trim_threshold=8589934592"

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Train the focus network on z-stacks.")
app.command()(label.label)
app.command()(synthesize.synthesize)
app.command()(fit.fit)
app.command()(evaluate.evaluate)
app.command()(compare.compare)
app.command()(predict.predict)


def main() -> None:
    """Entry point of `wsi-train`."""
    if sys.argv[1:2] == ["fit"]:
        _with_tunables()
    run_app(app)


def _with_tunables() -> None:
    """Start this command again with the allocator's settings, which are read only at a process's start."""
    if sys.platform == "linux" and "GLIBC_TUNABLES" not in os.environ:
        os.environ["GLIBC_TUNABLES"] = _TUNABLES
        os.execv(sys.executable, [sys.executable, "-m", "training", *sys.argv[1:]])
