"""Scans of emulated slides that several suites look at; each is made once a run."""

from __future__ import annotations

import csv
import functools
import resource
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Literal

from firmware_host.bundle import find_bundle, read_bundle
from firmware_host.cancel import CancelToken
from firmware_host.clock import PHASES
from firmware_host.profile import Profile, load_profile
from firmware_host.scan.entries import Method
from firmware_host.scan.plan import Region
from firmware_host.scan.request import ScanRequest
from firmware_host.scan.session import run_scan
from firmware_host.slide.summary import Summary
from firmware_host.trust import trusted_keys

Scanner = Literal["emulated", "free-running camera", "rpi5-imx477-20x", "10x/0.40", "20x/0.65"]

_SEED = 1
_TIMEOUT_S = 1800
_REGIONS: dict[Scanner, Region] = {
    "emulated": Region(3300, 2600, 4700, 3300),
    "free-running camera": Region(3300, 2600, 4700, 2900),
    "rpi5-imx477-20x": Region(3600, 2700, 4500, 3300),
    "10x/0.40": Region(3400, 2600, 4600, 3300),
    "20x/0.65": Region(3600, 2800, 4400, 3200),
}


@dataclass(frozen=True)
class Field:
    """A field of a scan, as `tiles.csv` has it; `error_um` is None where there is nothing to focus on."""

    status: str
    captures: int
    ms: dict[str, float]
    error_um: float | None

    @property
    def seconds(self) -> float:
        return sum(self.ms.values()) / 1000


@dataclass(frozen=True)
class Scanned:
    """A finished scan.

    :param fields: those with detail; :param saved: all that have a tile; :param nbytes: of the whole folder.
    :param cpu_s: this machine's processor time for all of it, the emulation included.
    :param peak_mb: the most memory that the process ever held.
    """

    profile: Profile
    fields: list[Field]
    saved: int
    summary: Summary
    nbytes: int
    cpu_s: float
    peak_mb: float


def profile_of(scanner: Scanner) -> Profile:
    """The shipped profile, emulated; or the emulated one with something else in its place."""
    emulated = load_profile("emulated")
    if scanner == "emulated":
        return emulated
    if scanner == "free-running camera":
        return emulated.model_copy(update={"camera": emulated.camera.model_copy(update={"trigger": False})})
    if scanner == "rpi5-imx477-20x":
        profile = load_profile(scanner)
        focus = profile.focus.model_copy(update={"arithmetic": "int8"})  # not what is quickest on this machine
        # The same motors on the emulated machine, which is smaller: only the soft limits differ.
        on_twin = {each: getattr(emulated, each) for each in ("hardware", "twin", "axes", "lamp")}
        return profile.model_copy(update={**on_twin, "focus": focus})
    power, na = scanner.split("x/")
    objective = emulated.objective.model_copy(update={"magnification": float(power), "na": float(na)})
    pitch_um = round(emulated.camera.pixel_um * emulated.objective.na / objective.na, 3)
    camera = emulated.camera.model_copy(update={"pixel_um": pitch_um})
    return emulated.model_copy(update={"objective": objective, "camera": camera})


@functools.cache
def scanned(scanner: Scanner, method: Method) -> Scanned:
    """The scanner's part of the slide, scanned as the shipped command does it, in a process of its own."""
    part = profile_of(scanner), method, _REGIONS[scanner], method == "two-shot"
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(scan_part, *part).result(_TIMEOUT_S)


def scan_part(profile: Profile, method: Method, region: Region, calibration: bool) -> Scanned:
    """Scan a part of the slide of seed 1, anew."""
    began_cpu_s = time.process_time()
    with tempfile.TemporaryDirectory() as scratch:
        request = ScanRequest(
            profile=profile,
            bundle=read_bundle(find_bundle(profile.bundle), trusted_keys()),
            out=Path(scratch) / "scan",
            seed=_SEED,
            slide=None,
            region=region,
            method=method,
            calibration=calibration,
            compare_sweep=False,
        )
        result = run_scan(request, CancelToken(), lambda what, share, left: None)  # noqa: ARG005
        fields = [_field(line) for line in csv.DictReader((request.out / "tiles.csv").read_text().splitlines())]
        nbytes = sum(path.stat().st_size for path in request.out.rglob("*") if path.is_file())
    return Scanned(
        profile=profile,
        fields=[field for field in fields if field.status != "blank"],
        saved=len(fields),
        summary=result.summary,
        nbytes=nbytes,
        cpu_s=time.process_time() - began_cpu_s,
        peak_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    )


def _field(line: dict[str, str]) -> Field:
    return Field(
        status=line["status"],
        captures=int(line["captures"]),
        ms={phase: float(line[f"{phase}_ms"]) for phase in PHASES},
        error_um=float(line["true_error_um"]) if line["true_error_um"] else None,
    )
