"""The command `wsi-export`. Each command is one function; the work is elsewhere."""

from __future__ import annotations

import typer

from export.cli.bundle import bundle, inspect
from export.cli.graphs import onnx, quantize
from export.cli.key import key
from export.cli.model import model
from export.cli.tensorrt import tensorrt
from export.cli.verify import verify
from firmware_host.cli.errors import run_app

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Export a trained network to a signed bundle.")
for command in (onnx, quantize, tensorrt, verify, bundle, inspect, key, model):
    app.command()(command)


def main() -> None:
    """Entry point of `wsi-export`."""
    run_app(app)
