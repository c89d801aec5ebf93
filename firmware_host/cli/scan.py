"""`wsi-host scan`: scan a slide, real or emulated."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from firmware_host.cancel import CancelToken
from firmware_host.cli.bundle import open_bundle
from firmware_host.cli.running import Bars, stop_on_signals, warn
from firmware_host.heartbeat import Heartbeat
from firmware_host.profile import load_profile
from firmware_host.scan import longest
from firmware_host.scan.plan import parse_region
from firmware_host.scan.session import ASSEMBLY, HOMING, NETWORK, Method, ScanRequest, ScanResult, run_scan

_ENGINE_S = 1800.0  # TensorRT builds its engine at the first start
_ASSEMBLY_S = 120.0  # a tile of the slide, on a disk that is busy


def scan(
    profile: Annotated[str, typer.Option(help="A shipped profile's name, or a TOML file.")],
    out: Annotated[Path, typer.Option(help="Folder for the slide; must be new or empty.")],
    bundle: Annotated[str | None, typer.Option(help="Focus model; default: the one the profile names.")] = None,
    region: Annotated[str | None, typer.Option(help="X0,Y0,X1,Y1 in mm; default: all tissue that is found.")] = None,
    slide: Annotated[Path | None, typer.Option(help="Emulated scanner: an image to lay on the stage.")] = None,
    seed: Annotated[int, typer.Option(help="Emulated scanner: which slide, which noise.", min=0)] = 1,
    method: Annotated[Method, typer.Option(help="How to focus.")] = "two-shot",
    calibration: Annotated[bool, typer.Option(help="Calibrate the network on this slide before the scan.")] = True,
    compare_sweep: Annotated[
        bool, typer.Option("--compare-sweep", help="Emulated scanner: focus some fields by contrast sweep too.")
    ] = False,
    real_time: Annotated[
        bool, typer.Option("--real-time", help="Emulated scanner: on this machine's clock, not a virtual one.")
    ] = False,
    allow_unsigned: Annotated[
        bool, typer.Option("--allow-unsigned", help="Development: take a bundle that no trusted key signed.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Scan a slide: find the tissue, focus and save every field, write slide.tiff, tiles.csv and report.html."""
    described = load_profile(profile)
    model = open_bundle(bundle or described.bundle, allow_unsigned)
    request = ScanRequest(
        profile=described,
        bundle=model,
        out=out,
        seed=seed,
        slide=slide,
        region=None if region is None else parse_region(region),
        method=method,
        calibration=calibration,
        compare_sweep=compare_sweep,
        real_time=real_time,
    )
    cancel = CancelToken()
    stop_on_signals(cancel)
    began = time.monotonic()
    heartbeat = Heartbeat(warn=warn)
    heartbeat.expect(longest.step_s(described))
    long_s = {HOMING: longest.homing_s(described), NETWORK: _ENGINE_S, ASSEMBLY: _ASSEMBLY_S}
    try:
        with Bars() as bars:
            result = run_scan(request, cancel, heartbeat.following(bars.tell, long_s))
    finally:
        heartbeat.stopping()
    _print_result(result, out, time.monotonic() - began, as_json)
    if result.stopped is not None:
        raise result.stopped


def _print_result(result: ScanResult, out: Path, seconds: float, as_json: bool) -> None:
    if as_json:
        paths = {"slide": str(result.slide), "report": str(result.report), "tiles": str(out / "tiles.csv")}
        print(json.dumps({**paths, **asdict(result.summary), "stopped": str(result.stopped or "")}))
        return
    print(f"slide   {result.slide}\nreport  {result.report}\ntable   {out / 'tiles.csv'}")
    print(f"{result.summary.line()} (took {seconds:.0f} s)")
