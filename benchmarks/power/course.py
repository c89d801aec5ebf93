"""One slide that is scanned over and over: once without interruption, to compare with, then with.

For processes that have one thread: each run is a forked one.
"""

from __future__ import annotations

import mmap
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.power.forked import Forked
from benchmarks.power.scanner import Memory, MortalDisk, When, open_small, small_profile
from benchmarks.power.verdict import compared, has_begun
from firmware_host.bundle import find_bundle, read_bundle
from firmware_host.cancel import CancelToken
from firmware_host.disk import LocalDisk
from firmware_host.errors import UsageError
from firmware_host.hardware import Scanner
from firmware_host.inference.ort import OrtPatchModel
from firmware_host.scan.plan import Region
from firmware_host.scan.request import ScanRequest
from firmware_host.scan.session import resume_scan, run_scan
from firmware_host.trust import trusted_keys
from firmware_host.twin.emulation import Emulation
from firmware_host.twin.faults.fault import Chronicle, FaultPlan
from firmware_host.twin.faults.kinds import Fold
from firmware_host.twin.faults.slide import strike

TIMEOUT_S = 120.0
"""Of one run, that takes a second or two: a run that lasts longer hangs."""
_REGION = Region(170, 130, 400, 380)
_FOLD = Fold(x_um=285, y_um=255, angle_deg=30, width_um=40, up_um=4)
_STEP_BYTES = 64


@dataclass(frozen=True)
class Slide:
    """Which one, whether the network is calibrated on it, and whether it has a fold: fields that are taken again."""

    seed: int
    calibration: bool = False
    fold: bool = False


@dataclass(frozen=True)
class End:
    """How a run of a scan is to end. :param call: at this call of the disk, from 1, None: not there."""

    call: int | None = None
    when: When = "after"


class Course:
    """A slide, ready to be scanned by forked processes.

    `seconds` is what an uninterrupted run took when it was last measured, `calls` how often it called the disk; both
    are 0 before.

    :raises RuntimeError: it cannot be scanned even without interruption; what was said.
    """

    def __init__(self, slide: Slide) -> None:
        self._slide = slide
        self._scratch = tempfile.TemporaryDirectory(prefix="wsi-course-")
        self._folder = Path(self._scratch.name)
        self._profile = small_profile()
        self._bundle = read_bundle(find_bundle(self._profile.bundle), trusted_keys())
        OrtPatchModel(self._bundle.graphs.int8, self._bundle.patch_rule.size_px)  # its library is loaded once for all
        self._emulation = Emulation(self._profile, slide.seed, None)
        if slide.fold:
            plan = FaultPlan((_FOLD,), slide.seed)
            strike(self._emulation, self._profile, plan.faults, Chronicle(plan, self._emulation.clock))
        self._step = mmap.mmap(-1, _STEP_BYTES)
        self._memory = Memory()
        seen = self._folder / "seen.npz"
        with Forked(lambda: self._scan_and_remember(seen), self._log) as run:
            self._expect_success(run)
        self._memory = Memory.load(seen)
        self.seconds, self.calls = 0.0, 0

    @property
    def reference(self) -> Path:
        """Where the uninterrupted scan is."""
        return self._folder / "reference"

    @property
    def _log(self) -> Path:
        return self._folder / "log"

    @property
    def step(self) -> str:
        """What the last run was doing when it ended."""
        return self._step[:].rstrip(b"\0").decode() or "starting"

    def measure(self, out: Path) -> None:
        """Scan without interruption, into a folder that is not there yet, for `seconds` and `calls`.

        :raises RuntimeError: it fails, or differs from the one before: nothing could be compared with it.
        """
        began = time.monotonic()
        with self.run(out) as run:
            self._expect_success(run)
        self.seconds = time.monotonic() - began
        if not (verdict := compared(self.reference, out)).good:
            raise RuntimeError(f"{self._slide}: two uninterrupted scans differ: {verdict}")
        self.calls = len((out / "journal").read_bytes().splitlines()) + len(list((out / "tiles").iterdir()))

    def run(self, out: Path, end: End = End()) -> Forked:
        """Begin or go on with the scan in a folder, in a process of its own."""
        self._step[:] = bytes(_STEP_BYTES)
        return Forked(lambda: self._go_on(out, end), self._log)

    def last_words(self) -> str:
        """The last line that any run has printed."""
        return (self._log.read_text().strip().splitlines() or ["nothing"])[-1]

    def _expect_success(self, run: Forked) -> None:
        if not run.wait(TIMEOUT_S) or not run.succeeded:
            raise RuntimeError(f"{self._slide}: an uninterrupted scan fails: {self.last_words()}")

    def _scan_and_remember(self, seen: Path) -> None:
        self._new_scan(self.reference, open_small(self._profile, self._emulation, self._memory))
        self._memory.save(seen)

    def _go_on(self, out: Path, end: End) -> None:
        disk = MortalDisk(end.call, end.when, LocalDisk())
        scanner = open_small(self._profile, self._emulation, self._memory, disk)
        if has_begun(out):
            resume_scan(out, CancelToken(), self._tell, lambda *_: scanner)
            return
        if out.exists():
            _expect_refusal(out, scanner)
        self._new_scan(out, scanner)

    def _new_scan(self, out: Path, scanner: Scanner) -> None:
        request = ScanRequest(
            profile=self._profile,
            bundle=self._bundle,
            out=out,
            seed=self._slide.seed,
            slide=None,
            region=_REGION,
            method="two-shot",
            calibration=self._slide.calibration,
            compare_sweep=False,
            bundle_from=self._profile.bundle,
        )
        run_scan(request, CancelToken(), self._tell, lambda *_: scanner)

    def _tell(self, step: str, share: float, seconds_left: float | None) -> None:  # noqa: ARG002
        self._step[:] = step.encode().ljust(_STEP_BYTES, b"\0")


def _expect_refusal(out: Path, scanner: Scanner) -> None:
    """A scan that was interrupted before it had begun is not one to go on with."""
    try:
        resume_scan(out, CancelToken(), lambda *_: None, lambda *_: scanner)
    except UsageError:
        return
    raise AssertionError("a scan that had never begun was continued")
