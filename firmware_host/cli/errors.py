"""How commands fail: one clear line on standard error, and the exit code that goes with it."""

from __future__ import annotations

import sys

import typer

from firmware_host.errors import ScannerError


def run_app(app: typer.Typer) -> None:
    """Run a command; an error meant for the user becomes one line, anything else stays a traceback."""
    try:
        app()
    except ScannerError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
