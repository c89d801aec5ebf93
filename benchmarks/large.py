"""A slide of 15 x 15 mm: whether memory stays bounded, in its scan and when it is put together, and what is written.

Thousands of fields, half an hour or so of this machine. Stage and pins are emulated, the camera shows one recorded
field again and again (`benchmarks/endless.py`): what is measured is the host, and not an emulation of optics. Scan and
assembly are processes of their own, whose peak is the kernel's (VmHWM): interpreter and libraries included, and in the
scan 80 MB of this camera's planes and noise.
"""

from __future__ import annotations

import re
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.endless import EndlessCamera
from benchmarks.machine import Machine
from benchmarks.measure import Row, figure
from firmware_host.bundle import find_bundle, read_bundle
from firmware_host.camera.port import Frame
from firmware_host.cancel import CancelToken
from firmware_host.hardware import Scanner, open_scanner, over_emulation
from firmware_host.profile import Profile, load_profile
from firmware_host.profile_tables import AxisTable, TwinAxisTable
from firmware_host.scan.assembly import ASSEMBLY
from firmware_host.scan.plan import Region
from firmware_host.scan.request import ScanRequest
from firmware_host.scan.session import assemble_folder, run_scan
from firmware_host.stack_folder import write_stack
from firmware_host.trust import trusted_keys
from firmware_host.twin.emulation import Emulation

_SUITE = "large"
_SIDE_MM = 15.0
_MARGIN_UM = 500.0
_TIMEOUT_S = 3 * 3600.0
_RANGE_UM = 40.0  # of z to each side of focus
_NEAR_UM, _FINE_UM, _COARSE_UM = 8.0, 0.25, 2.0  # planes lie finely within the first of these


@dataclass(frozen=True)
class Large:
    """What it took.

    :param scan_mb, assembly_mb: peak memory of the scan, and of `wsi-host assemble`.
    :param tile_bytes: of all tiles; :param journal_bytes: of the journal; :param slide_bytes: of slide.tiff.
    :param report_bytes: of report.html and tiles.csv.
    :param scan_written: what the kernel says that the scan wrote to disks; 0 where the folder is in memory.
    :param scan_s, assembly_s: of this machine.
    """

    fields: int
    scan_mb: float
    assembly_mb: float
    tile_bytes: int
    journal_bytes: int
    slide_bytes: int
    report_bytes: int
    scan_written: int
    scan_s: float
    assembly_s: float


def large(machine: Machine) -> list[Row]:  # noqa: ARG001
    """A scanner of its own, with a stage that is large enough."""
    with tempfile.TemporaryDirectory() as scratch:
        found = measured(_SIDE_MM, Path(scratch))
    return [
        figure(_SUITE, name, unit, value, found.fields)
        for name, unit, value in (
            ("fields", "", found.fields),
            ("scan: peak memory", "MB", found.scan_mb),
            ("assembly: peak memory", "MB", found.assembly_mb),
            ("tiles: bytes a field", "kB", found.tile_bytes / found.fields / 1e3),
            ("journal: bytes a field", "kB", found.journal_bytes / found.fields / 1e3),
            ("scan: bytes written to disk a field, by the kernel", "kB", found.scan_written / found.fields / 1e3),
            ("slide: bytes a field", "kB", found.slide_bytes / found.fields / 1e3),
            ("report and table", "kB", found.report_bytes / 1e3),
            ("scan: time of this machine", "s", found.scan_s),
            ("assembly: time of this machine", "s", found.assembly_s),
        )
    ]


def measured(side_mm: float, folder: Path) -> Large:
    """Scan a square of so many mm into a new folder in this one, put its slide together, and tell what it took."""
    out = folder / "scan"
    profile = _profile(side_mm, folder / "recorded")
    _record(Path(profile.camera.source))
    scan_mb, scan_written, scan_s = _alone(_scanned, profile, side_mm, out)
    assembly_mb, _, assembly_s = _alone(_assembled, out)
    tiles = [path.stat().st_size for path in (out / "tiles").iterdir()]
    return Large(
        fields=len(tiles),
        scan_mb=scan_mb,
        assembly_mb=assembly_mb,
        tile_bytes=sum(tiles),
        journal_bytes=(out / "journal").stat().st_size,
        slide_bytes=(out / "slide.tiff").stat().st_size,
        report_bytes=sum((out / name).stat().st_size for name in ("report.html", "tiles.csv")),
        scan_written=scan_written,
        scan_s=scan_s,
        assembly_s=assembly_s,
    )


def _profile(side_mm: float, source: Path) -> Profile:
    """The emulated stage, with room for a square of this side, and recordings for a camera."""
    profile = load_profile("emulated")
    assert profile.twin is not None
    axes: dict[str, AxisTable] = {}
    twin: dict[str, TwinAxisTable] = {}
    reach_um = side_mm * 1e3 + 2 * _MARGIN_UM
    for name, table, machine in (("x", profile.axes.x, profile.twin.x), ("y", profile.axes.y, profile.twin.y)):
        axes[name] = table.model_copy(update={"soft_min_um": 0.0, "soft_max_um": reach_um})
        twin[name] = machine.model_copy(update={"travel_max_um": reach_um + 1000, "start_um": 0.0})
    twin["z"] = profile.twin.z.model_copy(update={"start_um": 0.0})  # as far as homing in so small a range looks
    middle_um = (profile.axes.z.soft_min_um + profile.axes.z.soft_max_um) / 2
    axes["z"] = profile.axes.z.model_copy(
        update={"soft_min_um": middle_um - _RANGE_UM, "soft_max_um": middle_um + _RANGE_UM}
    )
    return profile.model_copy(
        update={
            "hardware": profile.hardware.model_copy(update={"camera": "replay"}),
            "camera": profile.camera.model_copy(update={"source": str(source)}),
            "axes": profile.axes.model_copy(update=axes),
            "twin": profile.twin.model_copy(update=twin),
        }
    )


def _record(folder: Path) -> None:
    """A z-stack of the field in the middle of the emulated slide."""
    profile = load_profile("emulated")
    scanner = over_emulation(profile, Emulation(profile, 1, None), CancelToken())
    assert scanner.truth is not None
    axes, stage = profile.axes, scanner.stage
    x_um, y_um, z_um = ((axis.soft_min_um + axis.soft_max_um) / 2 for axis in (axes.x, axes.y, axes.z))

    def look(height_um: float) -> Frame:
        settled_ns = stage.move_to(x_um=x_um, y_um=y_um, z_um=height_um)
        return scanner.camera.expose(settled_ns, profile.camera.timeout_s).read_out()

    stage.home()
    scanner.lamp.on()
    error_um = scanner.truth(look(z_um))
    assert error_um is not None, "nothing to focus on in the middle of the emulated slide"
    far_um = np.arange(_NEAR_UM, _RANGE_UM + 2 * _COARSE_UM, _COARSE_UM)
    heights_um = np.concatenate([-far_um[::-1], np.arange(-_NEAR_UM + _FINE_UM, _NEAR_UM, _FINE_UM), far_um])
    images = [look(z_um - error_um + height_um).image for height_um in heights_um]
    write_stack(folder, images, heights_um, profile.optics, profile.camera.pixel_um)


def _alone(part: object, *arguments: object) -> tuple[float, int, float]:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_peak, part, *arguments).result(_TIMEOUT_S)


def _peak(part: object, *arguments: object) -> tuple[float, int, float]:
    """MB at most, bytes written to disks, and seconds; in the process that did nothing else."""
    assert callable(part)
    began_s = time.monotonic()
    part(*arguments)
    return _of_kernel("status", "VmHWM") * 1024 / 1e6, _of_kernel("io", "write_bytes"), time.monotonic() - began_s


def _of_kernel(file: str, name: str) -> int:
    found = re.search(rf"^{name}:\s*(\d+)", Path(f"/proc/self/{file}").read_text(), re.MULTILINE)
    assert found is not None, f"/proc/self/{file} does not tell {name}"
    return int(found[1])


class _ScannedAll(Exception):
    """What is left to do is the other part's."""


def _scanned(profile: Profile, side_mm: float, out: Path) -> None:
    far_um = _MARGIN_UM + side_mm * 1e3
    request = ScanRequest(
        profile=profile,
        bundle=read_bundle(find_bundle(profile.bundle), trusted_keys()),
        out=out,
        seed=1,
        slide=None,
        region=Region(_MARGIN_UM, _MARGIN_UM, far_um, far_um),
        method="two-shot",
        calibration=True,
        compare_sweep=False,
    )

    def opened(*arguments: Any) -> Scanner:
        scanner = open_scanner(*arguments)
        stage = scanner.stage
        camera = EndlessCamera(
            scanner.camera, lambda: (stage.x_um, stage.y_um), profile.camera.pixel_um, _MARGIN_UM, far_um
        )
        return replace(scanner, camera=camera)

    def tell(step: str, share: float, seconds_left: float | None) -> None:  # noqa: ARG001
        if step == ASSEMBLY:
            raise _ScannedAll

    try:
        run_scan(request, CancelToken(), tell, opened)
    except _ScannedAll:
        return
    raise AssertionError("the scan never came to its slide")


def _assembled(out: Path) -> None:
    assemble_folder(out, lambda *_: None)
