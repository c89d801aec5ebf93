"""What is asked of a scan, and what comes of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from firmware_host.bundle import Bundle
from firmware_host.errors import ScannerError
from firmware_host.profile import Profile
from firmware_host.scan.entries import Method
from firmware_host.scan.plan import Region
from firmware_host.slide.summary import Summary


@dataclass(frozen=True)
class ScanRequest:
    """What the user asked for.

    :param region: None scans all the tissue that the coarse pass finds.
    :param calibration: calibrate the network on the slide first (`firmware_host.focus.calibration`).
    :param compare_sweep: on the twin: focus some of the same fields by contrast sweep too, for the report.
    :param real_time: an emulated scanner on this machine's clock.
    :param profile_from, bundle_from: the files that they were read from, or names of shipped ones, for a later run.
    :param allow_unsigned: the bundle may be anybody's.
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
    profile_from: str = ""
    bundle_from: str = ""
    allow_unsigned: bool = False


@dataclass(frozen=True)
class ScanResult:
    """Where things are, and how it went. `stopped` is why the scan ended early, None when it did not.

    :param slide: None when no tile was saved.
    """

    slide: Path | None
    report: Path
    summary: Summary
    stopped: ScannerError | None
