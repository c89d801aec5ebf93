"""`wsi-host status`, `pause`, `resume`, `stop`: a running scan is asked, over its socket (`firmware_host/control`)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from firmware_host.control.client import ask, find, wait_for
from firmware_host.control.protocol import Command
from firmware_host.control.status import Status
from firmware_host.errors import UsageError

_Out = Annotated[Path | None, typer.Option(help="Folder of the scan; needed only where several run.")]
_Json = Annotated[bool, typer.Option("--json", help="Print the scan's status as JSON.")]
_Wait = Annotated[float, typer.Option(min=0, help="Seconds to wait until it is done.")]


def status(out: _Out = None, as_json: _Json = False) -> None:
    """Tell how the running scan goes."""
    _show(find(_absolute(out)).status, as_json)


def pause(out: _Out = None, wait: _Wait = 120, as_json: _Json = False) -> None:
    """Pause the running scan after the field that it is at, and wait until it rests."""
    _ask("pause", out, lambda now: now is not None and now.state == "paused", wait, as_json)


def resume(out: _Out = None, wait: _Wait = 30, as_json: _Json = False) -> None:
    """Let a paused scan go on."""
    _ask("resume", out, lambda now: now is None or now.paused_by != "user", wait, as_json)


def stop(out: _Out = None, wait: _Wait = 120, as_json: _Json = False) -> None:
    """Stop the running scan: no further step, motors and lamp off. What was scanned is kept, and becomes a slide."""
    _ask("stop", out, lambda now: now is None or now.state == "assembling", wait, as_json)


def _ask(
    command: Command, out: Path | None, done: Callable[[Status | None], bool], wait_s: float, as_json: bool
) -> None:
    running = find(_absolute(out))
    now = ask(running.path, command)
    if now is not None and not done(now):
        now = wait_for(running, done, wait_s)
    if now is None and command != "stop":
        raise UsageError(f"{running.status.folder}: the scan has ended meanwhile")
    _show(now or running.status.model_copy(update={"state": "ended", "reason": ""}), as_json)


def _absolute(out: Path | None) -> Path | None:
    return None if out is None else out.resolve()


def _show(now: Status, as_json: bool) -> None:
    if as_json:
        print(now.model_dump_json())
        return
    print("\n".join(lines(now)))


def lines(now: Status) -> list[str]:
    """A status for people."""
    state = now.state if not now.reason else f"{now.state}: {now.reason}"
    fields = f", field {now.fields_done} of {now.fields_total}" if now.fields_total is not None else ""
    left = f", {_duration(now.seconds_left)} left" if now.seconds_left is not None else ""
    free = f"; {now.free_mb / 1e3:.1f} GB free" if now.free_mb is not None else ""
    told = [
        f"{now.folder}: {state}",
        f"{now.step or 'starting'} {now.share:.0%}{fields}{left}",
        f"profile {now.profile}, process {now.pid}, since {now.began}{free}",
        f"incidents: {now.incidents or 'none'}",
    ]
    return told + [f"  {each.at}  {each.cause}: {each.text}" for each in now.latest]


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"
