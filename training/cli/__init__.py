"""The command `wsi-train`: one file a subcommand."""

from __future__ import annotations

import typer

from firmware_host.cli.errors import run_app
from training.cli import evaluate, fit, label, synthesize

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Train the focus network on z-stacks.")
app.command()(label.label)
app.command()(synthesize.synthesize)
app.command()(fit.fit)
app.command()(evaluate.evaluate)


def main() -> None:
    """Entry point of `wsi-train`."""
    run_app(app)
