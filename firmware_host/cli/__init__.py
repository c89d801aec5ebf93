"""The command `wsi-host`. Each command is one function; the work is elsewhere."""

from __future__ import annotations

import typer

from firmware_host.cli.calibrate import calibrate
from firmware_host.cli.collect import collect
from firmware_host.cli.control import pause, resume, status, stop
from firmware_host.cli.doctor import doctor
from firmware_host.cli.errors import run_app
from firmware_host.cli.keys import keys
from firmware_host.cli.manual import capture, focus, home, jog, lamp, off
from firmware_host.cli.profiles import profiles
from firmware_host.cli.replay import focus_replay
from firmware_host.cli.scan import assemble, scan
from firmware_host.cli.wiring import wiring

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Scan slides with a motorised microscope.")
app.command()(scan)
app.command()(assemble)
app.command()(collect)
for asking in (status, pause, resume, stop):
    app.command()(asking)
for command in (home, jog, lamp, capture, focus, off, calibrate):
    app.command()(command)
app.command("focus-replay")(focus_replay)
app.command()(profiles)
app.command()(doctor)
app.command()(wiring)
app.add_typer(keys, name="keys")


def main() -> None:
    """Entry point of `wsi-host`."""
    run_app(app)
