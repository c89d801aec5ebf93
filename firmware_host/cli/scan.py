"""`wsi-host scan`: scan a slide, real or emulated, or go on with a scan. `wsi-host assemble`: its slide once more."""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from firmware_host.cancel import CancelToken
from firmware_host.cli.bundle import open_bundle
from firmware_host.cli.running import Bars, stop_on_signals
from firmware_host.control.desk import Desk
from firmware_host.control.server import listening
from firmware_host.errors import UsageError, warn
from firmware_host.hardware import Scanner, open_scanner
from firmware_host.heartbeat import Heartbeat, Tell
from firmware_host.log import log_to
from firmware_host.profile import Profile, load_profile
from firmware_host.scan import longest
from firmware_host.scan.assembly import ASSEMBLY
from firmware_host.scan.entries import Method
from firmware_host.scan.past import CHECKING, file_sha256, profile_in, unfinished_in
from firmware_host.scan.plan import parse_region
from firmware_host.scan.preparation import HOMING, NETWORK
from firmware_host.scan.request import ScanRequest, ScanResult
from firmware_host.scan.session import assemble_folder, resume_scan, run_scan

_ENGINE_S = 1800.0  # TensorRT builds its engine at the first start
_ASSEMBLY_S = 120.0  # a tile of the slide, on a disk that is busy
_TILE_S = 60.0  # one that is read again


def scan(
    context: typer.Context,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the slide; must be new or empty, but for --resume.")
    ] = None,
    into: Annotated[
        Path | None,
        typer.Option(help="Instead of --out: go on with the last scan in this folder, or begin one if it is done."),
    ] = None,
    profile: Annotated[str | None, typer.Option(help="A shipped profile's name, or a TOML file.")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the scan in --out, with the settings that it was begun with.")
    ] = False,
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
    faults: Annotated[
        Path | None, typer.Option(help="Emulated scanner: a script of what is to go wrong (docs/faults.md).")
    ] = None,
    control: Annotated[bool, typer.Option(help="Listen for wsi-host status, pause, resume and stop.")] = True,
    log: Annotated[Path | None, typer.Option(help="Note what happens in this file, too; its size is bounded.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Scan a slide: find the tissue, focus and save every field, write slide.tiff, tiles.csv and report.html."""
    out, resume = _folder(out, into, resume)
    cancel = CancelToken()
    stop_on_signals(cancel)
    settings: dict[str, Any] = {
        "seed": seed,
        "method": method,
        "calibration": calibration,
        "compare_sweep": compare_sweep,
        "real_time": real_time,
    }
    opener = open_scanner if faults is None else _faulty_opener(faults)
    work: Callable[..., ScanResult]
    if resume:
        described = profile_in(out)
        asked = {name: value for name, value in settings.items() if _is_given(context, name)}
        asked |= _identities(profile, bundle, region, slide, allow_unsigned)
        work = functools.partial(resume_scan, out, cancel, opener=opener, asked=asked)
    else:
        if profile is None:
            raise UsageError("scan: --profile is missing; `wsi-host profiles` lists those that are shipped")
        described = load_profile(profile)
        model = bundle or described.bundle
        request = ScanRequest(
            profile=described,
            bundle=open_bundle(model, allow_unsigned),
            out=out,
            slide=slide,
            region=None if region is None else parse_region(region),
            profile_from=profile,
            bundle_from=model,
            allow_unsigned=allow_unsigned,
            **settings,
        )
        work = functools.partial(run_scan, request, cancel, opener=opener)
    desk = Desk(out, described.name, cancel, ASSEMBLY)
    with log_to(log, warn) as written, listening(desk, warn) if control else nullcontext():
        written.say(f"scan into {out}")
        work = functools.partial(work, desk=desk, note=written.note)
        _run(lambda tell: work(tell=_both(tell, written.tell)), described, out, as_json)


def assemble(
    folder: Annotated[Path, typer.Argument(help="Of a scan, finished or not.", metavar="DIR")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Write slide.tiff, tiles.csv and report.html of a scan once more from its tiles. The scanner is not needed."""
    _run(functools.partial(assemble_folder, folder), profile_in(folder), folder, as_json)


def _run(work: Callable[[Tell], ScanResult], described: Profile, out: Path, as_json: bool) -> None:
    """Do it, with progress for the user and for systemd, and print what came of it."""
    began = time.monotonic()
    heartbeat = Heartbeat(warn=warn)
    heartbeat.expect(longest.step_s(described))
    long_s = {
        HOMING: longest.homing_s(described),
        NETWORK: _ENGINE_S,
        CHECKING: _TILE_S,
        ASSEMBLY: _ASSEMBLY_S,
    }
    try:
        with Bars() as bars:
            result = work(heartbeat.following(bars.tell, long_s))
    finally:
        heartbeat.stopping()
    _print_result(result, out, time.monotonic() - began, as_json)
    if result.stopped is not None:
        raise result.stopped


def _folder(out: Path | None, into: Path | None, resume: bool) -> tuple[Path, bool]:
    """Where to scan, and whether to go on with what is there."""
    if into is None:
        if out is None:
            raise UsageError("scan: --out is missing: a new folder for the slide; or --into, for one of many")
        return out, resume
    if out is not None or resume:
        raise UsageError("scan: --into finds its folder itself; leave --out and --resume away")
    unfinished = unfinished_in(into)
    if unfinished is not None:
        warn(f"scan: goes on with {unfinished}, which has not ended; for another slide give a new --out")
        return unfinished, True
    return into / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}", False


def _faulty_opener(script: Path) -> Callable[..., Scanner]:
    """Opens an emulated scanner to which the faults of a script happen. :raises UsageError: the script is no good."""
    from firmware_host.twin.faults.fault import FaultPlan
    from firmware_host.twin.faults.opening import open_with_faults
    from firmware_host.twin.faults.script import read_script

    plan = FaultPlan(read_script(script))
    return functools.partial(open_with_faults, plan=plan)


def _both(first: Tell, second: Tell) -> Tell:
    def tell(step: str, share: float, seconds_left: float | None) -> None:
        first(step, share, seconds_left)
        second(step, share, seconds_left)

    return tell


def _is_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name != "DEFAULT"


def _identities(
    profile: str | None, bundle: str | None, region: str | None, slide: Path | None, allow_unsigned: bool
) -> dict[str, Any]:
    """What the journal keeps of them, for those that are given."""
    found: dict[str, Any] = {}
    if profile is not None:
        found["profile"] = load_profile(profile).model_dump(mode="json")
    if bundle is not None:
        found["bundle"] = open_bundle(bundle, allow_unsigned).sha256
    if region is not None:
        wanted = parse_region(region)
        found["region"] = [wanted.x0_um, wanted.y0_um, wanted.x1_um, wanted.y1_um]
    if slide is not None:
        found["slide_sha256"] = file_sha256(slide)
    return found


def _print_result(result: ScanResult, out: Path, seconds: float, as_json: bool) -> None:
    if as_json:
        paths = {"slide": str(result.slide), "report": str(result.report), "tiles": str(out / "tiles.csv")}
        print(json.dumps({**paths, **asdict(result.summary), "stopped": str(result.stopped or "")}))
        return
    print(f"slide   {result.slide}\nreport  {result.report}\ntable   {out / 'tiles.csv'}")
    print(f"{result.summary.line()} (took {seconds:.0f} s)")
