"""A whole scan session: from a profile and a bundle to a folder with the slide, the table and the report."""

from __future__ import annotations

import functools
import platform
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from firmware_host.bundle import Bundle
from firmware_host.cancel import CancelToken
from firmware_host.errors import Cancelled, ScannerError, UsageError
from firmware_host.focus.calibration import Calibration
from firmware_host.focus.estimator import TwoShotEstimator
from firmware_host.focus.eye import Eye
from firmware_host.focus.loop import TwoShotFocus
from firmware_host.focus.result import FocusMethod
from firmware_host.focus.sweep import ContrastSweep
from firmware_host.hardware import Scanner, open_scanner
from firmware_host.health.watch import Watch
from firmware_host.heartbeat import Tell
from firmware_host.inference.choice import Choice, choose
from firmware_host.inference.ort import OrtCalibrator
from firmware_host.profile import Profile
from firmware_host.scan.calibration import calibrate_on_slide
from firmware_host.scan.folder import ScanFolder
from firmware_host.scan.light import FlatField
from firmware_host.scan.plan import Region, Site, corners_px
from firmware_host.scan.scan import Scan
from firmware_host.scan.survey import Survey, region_to_survey, survey
from firmware_host.slide.mosaic import Mosaic, PlacedTile
from firmware_host.slide.pyramid import write_slide
from firmware_host.slide.record import FieldRecord, write_tiles_csv
from firmware_host.slide.report import ReportData, write_report
from firmware_host.slide.summary import Summary, summarise

Method = Literal["two-shot", "sweep"]
HOMING, NETWORK, ASSEMBLY = "homing", "choosing the network", "writing the slide"
"""What is told of steps that take long in one piece."""

_BACKGROUND = (238, 238, 238)
_COMPARED_FIELDS = 24


@dataclass(frozen=True)
class ScanRequest:
    """What the user asked for.

    :param region: None scans all the tissue that the coarse pass finds.
    :param calibration: calibrate the network on the slide first (`firmware_host.focus.calibration`).
    :param real_time: an emulated scanner on this machine's clock.
    :param compare_sweep: on the twin: focus some of the same fields by contrast sweep too, for the report.
    """

    profile: Profile
    bundle: Bundle
    out: Path
    seed: int
    slide: Path | None
    region: Region | None
    method: Method
    calibration: bool
    compare_sweep: bool
    real_time: bool = False


@dataclass(frozen=True)
class ScanResult:
    """Where things are, and how it went. `stopped` is why the scan ended early, None when it did not."""

    slide: Path | None
    report: Path
    summary: Summary
    stopped: ScannerError | None


def run_scan(
    request: ScanRequest, cancel: CancelToken, tell: Tell, opener: Callable[..., Scanner] = open_scanner
) -> ScanResult:
    """Scan; whatever ends the scan, the hardware is shut down and what was scanned becomes a slide.

    :param opener: what opens the scanner, with the arguments of `open_scanner`.
    :raises UsageError: bad input; nothing has been written over. :raises HardwareError: it could not even begin.
    """
    region = region_to_survey(request.profile, request.region)
    if request.compare_sweep and request.profile.hardware.gpio != "emulated":
        raise UsageError("--compare-sweep needs the same slide twice, which only an emulated scanner has; leave it out")
    request.bundle.check_optics(
        request.profile.optics, request.profile.camera.pixel_um, request.profile.focus.delta_dof
    )
    folder = ScanFolder(request.out)
    try:
        scanner = opener(request.profile, request.seed, request.slide, cancel, request.real_time)
    except BaseException:
        folder.discard()
        raise
    folder.log("begin", profile=request.profile.model_dump(), bundle=request.bundle.sha256, seed=request.seed)
    watch = Watch(request.profile.health, scanner.sensors, scanner.clock, cancel, functools.partial(_note, folder))
    at_each_step = _holding(watch, tell)
    stopped: ScannerError | None = None
    try:
        prepared = _prepare(scanner, request, region, at_each_step)
        found = prepared.found
        folder.log(
            "prepared",
            fields=len(found.sites),
            network=prepared.network and prepared.network.line(),
            calibration=prepared.calibration and prepared.calibration.line(),
        )
        scan = Scan(scanner, prepared.method, found.flat_field, folder)
        try:
            scan.run(
                found.sites, found.start_z_um, lambda p: at_each_step("scanning", p.done / p.total, p.seconds_left)
            )
        except ScannerError as error:
            if not scan.records:
                raise
            stopped = error
    except BaseException:
        folder.discard()
        raise
    finally:
        scanner.close()
    folder.log("end" if stopped is None else "stopped", reason="" if stopped is None else str(stopped))
    compared = _compare(request, scan.records, tell) if request.compare_sweep and stopped is None else []
    return _assemble(request, folder, prepared, scan.records, compared, stopped, watch, tell)


@dataclass(frozen=True)
class _Prepared:
    """What a scan starts with. `network` is None where none is asked, `calibration` where none was made."""

    found: Survey
    method: FocusMethod
    network: Choice | None = None
    calibration: Calibration | None = None


def _prepare(scanner: Scanner, request: ScanRequest, region: Region, tell: Tell) -> _Prepared:
    """Home, light, survey; and the way of focusing that was asked for, set up for this slide."""
    tell(HOMING, 0.0, None)
    scanner.stage.home()
    scanner.lamp.on()
    eye, sweep = _sweep_of(scanner)
    profile, rule = scanner.profile, request.bundle.patch_rule
    network = None
    if request.method == "two-shot":
        tell(NETWORK, 0.0, None)
        network = choose(request.bundle, profile.focus.arithmetic, profile.focus.patches, _warn)
    found = survey(scanner, eye, sweep, region, lambda share: tell("looking for tissue", share, None))
    if network is None:
        return _Prepared(found, sweep)
    shape = (profile.camera.height_px, profile.camera.width_px)
    estimator = TwoShotEstimator(network.model, rule, profile.optics, profile.camera.pixel_um, shape, profile.focus)
    calibration = None
    if request.calibration:
        graph = request.bundle.graphs.calibration
        calibrator = OrtCalibrator(graph) if graph else None
        calibration = calibrate_on_slide(
            scanner, eye, sweep, estimator, calibrator, found, lambda share: tell("calibrating", share, None)
        )
        estimator = estimator.calibrated(calibration.code, calibration.correction)
    loop = TwoShotFocus(scanner.stage, eye, scanner.clock, estimator, sweep, profile.optics, profile.focus)
    return _Prepared(found, loop, network, calibration)


def _warn(text: str) -> None:
    print(f"warning: {text}", file=sys.stderr)


def _note(folder: ScanFolder, text: str) -> None:
    """What the watch found."""
    _warn(text)
    folder.log("health", found=text)


def _holding(watch: Watch, tell: Tell) -> Tell:
    """`tell`, and then the watch is asked: at a step of progress nothing moves, and a pause costs nothing but time."""

    def step(what: str, share: float, seconds_left: float | None) -> None:
        tell(what, share, seconds_left)
        if share < 1:  # or the work is done anyway
            watch.hold(lambda: tell(what, share, seconds_left))

    return step


def _sweep_of(scanner: Scanner) -> tuple[Eye, ContrastSweep]:
    profile = scanner.profile
    eye = Eye(scanner.camera, scanner.clock, scanner.cancel, profile.camera.timeout_s)
    return eye, ContrastSweep(scanner.stage, eye, profile.optics, profile.focus)


def _compare(request: ScanRequest, records: Sequence[FieldRecord], tell: Tell) -> list[FieldRecord]:
    """Some of the same fields on a fresh twin of the same seed, focused by contrast sweep."""
    seen = [record for record in records if record.status != "blank"]
    chosen = seen[:: max(1, len(seen) // _COMPARED_FIELDS)][:_COMPARED_FIELDS]
    if not chosen:
        return []
    scanner = open_scanner(request.profile, request.seed, request.slide, CancelToken(), request.real_time)
    try:
        scanner.stage.home()
        scanner.lamp.on()
        _, sweep = _sweep_of(scanner)
        shape = (request.profile.camera.height_px, request.profile.camera.width_px)
        scan = Scan(scanner, sweep, FlatField.neutral(shape), None)
        sites = [Site(record.row, record.col, record.x_um, record.y_um) for record in chosen]
        scan.run(sites, chosen[0].z_um, lambda p: tell("contrast sweep, for comparison", p.done / p.total, None))
    finally:
        scanner.close()
    return scan.records


def _assemble(
    request: ScanRequest,
    folder: ScanFolder,
    prepared: _Prepared,
    records: list[FieldRecord],
    compared: list[FieldRecord],
    stopped: ScannerError | None,
    watch: Watch,
    tell: Tell,
) -> ScanResult:
    """Table, slide and report from what is on disk."""
    profile = request.profile
    write_tiles_csv(folder.path / "tiles.csv", records)
    pitch = profile.camera.pixel_um
    saved = [record for record in records if record.tile]
    corners = corners_px([(r.x_um, r.y_um) for r in saved], profile.camera)
    tiles = [PlacedTile(folder.path / r.tile, *corner) for r, corner in zip(saved, corners, strict=True)]
    mosaic = Mosaic(tiles, (profile.camera.height_px, profile.camera.width_px), _BACKGROUND)
    slide = folder.path / "slide.tiff"
    thumbnail = write_slide(
        slide,
        mosaic,
        pitch,
        profile.objective.magnification,
        profile.scan.jpeg_quality,
        lambda share: tell(ASSEMBLY, share, None),
    )
    dof_um = profile.optics.depth_of_field_um
    report = folder.path / "report.html"
    write_report(
        report,
        ReportData(
            title=f"Scan with {profile.name}" + (f", seed {request.seed}" if profile.twin is not None else ""),
            method="two shots" if request.method == "two-shot" else "contrast sweep",
            records=records,
            compared=compared,
            compared_method="contrast sweep",
            depth_of_field_um=dof_um,
            thumbnail=thumbnail,
            settings=_settings(request, prepared, mosaic, stopped, watch),
        ),
    )
    return ScanResult(slide, report, summarise(records, dof_um), stopped)


def _settings(
    request: ScanRequest, prepared: _Prepared, mosaic: Mosaic, stopped: ScannerError | None, watch: Watch
) -> dict[str, str]:
    profile, manifest, found = request.profile, request.bundle.manifest, prepared.found
    views = f"from {found.empty_views} views of empty glass" if found.empty_views else "none: no empty glass was seen"
    settings = {
        "profile": f"{profile.name}: {profile.description}",
        "objective": f"{profile.objective.magnification:g}x/{profile.objective.na:g}, "
        f"depth of field {profile.optics.depth_of_field_um:.2f} um",
        "bundle": f"{manifest.name}, sha256 {request.bundle.sha256[:16]}",
        "method": request.method,
        "network": "none" if prepared.network is None else prepared.network.line(),
        "calibration": "none" if prepared.calibration is None else prepared.calibration.line(),
        "slide": f"{mosaic.width} x {mosaic.height} px of {profile.camera.pixel_um:g} um",
        "flat field": views,
        "board": watch.line(),
        "software": f"wsi-scanner {version('wsi-scanner')}, Python {platform.python_version()}",
    }
    if profile.twin is not None:
        source = str(request.slide.name) if request.slide is not None else "procedural section"
        settings["emulated"] = f"seed {request.seed}, {source}; times are those of the scanner's own virtual clock"
    if stopped is not None:
        reason = "on request" if isinstance(stopped, Cancelled) else str(stopped)
        settings["ended early"] = reason
    return settings
