"""A slide of 15 x 15 mm: whether memory stays bounded, in its scan and when it is put together, and what is written.

Thousands of fields on the emulated scanner, an hour or so of this machine. Each part is a process of its own, whose
peak is the kernel's (VmHWM), the interpreter and all libraries included.
"""

from __future__ import annotations

import re
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from benchmarks.machine import Machine
from benchmarks.measure import Row, figure
from firmware_host.bundle import find_bundle, read_bundle
from firmware_host.cancel import CancelToken
from firmware_host.hardware import over_emulation
from firmware_host.profile import Profile, load_profile
from firmware_host.scan.assembly import ASSEMBLY
from firmware_host.scan.plan import Region
from firmware_host.scan.request import ScanRequest
from firmware_host.scan.session import assemble_folder, run_scan
from firmware_host.trust import trusted_keys
from firmware_host.twin.emulation import Emulation

_SUITE = "large"
_SIDE_MM = 15.0
_TISSUE_MM = 20.0  # a section that covers nearly all of it
_MARGIN_UM = 500.0
_TIMEOUT_S = 6 * 3600.0
_LOOKS = 30  # after so many places the emulation has made all that it keeps


@dataclass(frozen=True)
class Large:
    """What it took.

    :param emulation_mb: peak memory of the emulated scanner, moved and looked through, and no more.
    :param scan_mb: of all of a scan, the emulated scanner included.
    :param assembly_mb: of `wsi-host assemble`; :param tile_bytes: of all tiles; :param journal_bytes: of the journal.
    :param slide_bytes: of slide.tiff; :param report_bytes: of report.html and tiles.csv.
    :param scan_written: what the kernel says that the scan wrote to disks; 0 where the folder is in memory.
    :param scan_s, assembly_s: of this machine.
    """

    fields: int
    emulation_mb: float
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
    """The emulated scanner with a larger stage."""
    with tempfile.TemporaryDirectory() as scratch:
        found = measured(_SIDE_MM, Path(scratch) / "scan")
    return [
        figure(_SUITE, name, unit, value, found.fields)
        for name, unit, value in (
            ("fields", "", found.fields),
            ("emulation alone: peak memory", "MB", found.emulation_mb),
            ("scan, emulation included: peak memory", "MB", found.scan_mb),
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


def measured(side_mm: float, out: Path) -> Large:
    """Scan a square of so many mm into `out`, put its slide together, and tell what it took."""
    emulation_mb = _alone(_emulated, side_mm)[0]
    scan_mb, scan_written, scan_s = _alone(_scanned, side_mm, out)
    assembly_mb, _, assembly_s = _alone(_assembled, side_mm, out)
    tiles = [path.stat().st_size for path in (out / "tiles").iterdir()]
    return Large(
        fields=len(tiles),
        emulation_mb=emulation_mb,
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


def profile_of(side_mm: float) -> Profile:
    """The emulated scanner with room for a square of this side, and a section that covers it."""
    profile = load_profile("emulated")
    assert profile.twin is not None
    reach_um = side_mm * 1e3 + 2 * _MARGIN_UM
    axes, twin = {}, {}
    for name in ("x", "y"):
        table, machine = profile.axes.of(name), getattr(profile.twin, name)
        axes[name] = table.model_copy(update={"soft_min_um": 0.0, "soft_max_um": reach_um})
        twin[name] = machine.model_copy(update={"travel_max_um": reach_um + 1000, "start_um": 0.0})
    return profile.model_copy(
        update={
            "axes": profile.axes.model_copy(update=axes),
            "twin": profile.twin.model_copy(update={**twin, "tissue_mm": max(side_mm * _TISSUE_MM / _SIDE_MM, 1.0)}),
        }
    )


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


def _emulated(side_mm: float) -> None:
    profile = profile_of(side_mm)
    scanner = over_emulation(profile, Emulation(profile, 1, None), CancelToken())
    middle_um = _MARGIN_UM + side_mm * 500
    scanner.stage.home()
    scanner.lamp.on()
    for look in range(_LOOKS):
        settled_ns = scanner.stage.move_to(x_um=middle_um + look % 6 * 60, y_um=middle_um + look // 6 * 60, z_um=300)
        scanner.camera.expose(settled_ns, profile.camera.timeout_s).read_out()


class _ScannedAll(Exception):
    """What is left to do is the other part's."""


def _scanned(side_mm: float, out: Path) -> None:
    profile = profile_of(side_mm)
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

    def tell(step: str, share: float, seconds_left: float | None) -> None:  # noqa: ARG001
        if step == ASSEMBLY:
            raise _ScannedAll

    try:
        run_scan(request, CancelToken(), tell)
    except _ScannedAll:
        return
    raise AssertionError("the scan never came to its slide")


def _assembled(side_mm: float, out: Path) -> None:  # noqa: ARG001
    assemble_folder(out, lambda *_: None)
