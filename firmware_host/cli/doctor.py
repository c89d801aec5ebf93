"""`wsi-host doctor`: the preflight. What is checked, and how: `firmware_host/doctor`."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from firmware_host.cancel import CancelToken
from firmware_host.cli.bundle import open_bundle
from firmware_host.cli.running import stop_on_signals
from firmware_host.doctor.examination import Examination, examine, verdict
from firmware_host.doctor.finding import Finding
from firmware_host.errors import HardwareError
from firmware_host.health.machine import Machine
from firmware_host.profile import load_profile

_SHIPPED = "focus-20x.wsimodel"
_PATCHES = 16


def doctor(
    profile: Annotated[
        str | None, typer.Option(help="A shipped profile's name, or a TOML file; without it: computer and model only.")
    ] = None,
    bundle: Annotated[str | None, typer.Option(help="Focus model; default: the one the profile names.")] = None,
    tensorrt: Annotated[
        bool, typer.Option("--tensorrt", help="Build the TensorRT engine too, minutes at first, and compare it.")
    ] = False,
    patches: Annotated[
        int | None, typer.Option(min=1, max=200, help="Patches a field is judged by; default: the profile's.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder that scans go to, for its free room.")] = Path(),
    press: Annotated[
        bool, typer.Option("--press", help="Ask to press the switches, even where this is no terminal.")
    ] = False,
    yes: Annotated[
        bool | None, typer.Option("--yes/--no-input", help="Ask to press them without a question first; or not at all.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a list of {check, state, detail, remedy}.")] = False,
) -> None:
    """Check this machine and the scanner before the first scan: what is wrong, and what to do. Nothing moves."""
    described = None if profile is None else load_profile(profile)
    named = bundle or (_SHIPPED if described is None else described.bundle)
    somebody = described is not None and not described.hardware.is_emulated and _somebody_presses(press, yes)
    cancel = CancelToken()
    stop_on_signals(cancel)
    asked = Examination(
        profile=described,
        open_bundle=lambda: open_bundle(named, allow_unsigned=False),
        patches=patches or (_PATCHES if described is None else described.focus.patches),
        tensorrt=tensorrt,
        out=out.absolute(),
        press=somebody,
        say=lambda text: print(text, file=sys.stderr, flush=True),
    )
    findings: list[Finding] = []
    console = Console(highlight=False, soft_wrap=True)
    for finding in examine(asked, Machine(), cancel):
        findings.append(finding)
        if not as_json:
            _print(console, finding)
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings], indent=1))
    else:
        console.print(verdict(findings))
    for finding in findings:
        if finding.state == "red":
            raise HardwareError(
                f"doctor: {verdict(findings)}; first {finding.check}: {finding.detail}; {finding.remedy}"
            )


def _somebody_presses(press: bool, yes: bool | None) -> bool:
    if press or yes is False or not sys.stdin.isatty():
        return press and yes is not False
    return yes is True or typer.confirm("press each switch when asked?", default=True, err=True)


def _print(console: Console, finding: Finding) -> None:
    console.print(f"[{finding.state}]{finding.state:6}[/] ", end="")
    console.print(f"{finding.check}: {finding.detail}", markup=False)
    if finding.remedy:
        console.print(f"       -> {finding.remedy}", markup=False)
