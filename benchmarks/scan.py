"""A whole scan on the scanner's own clock; emulated it is that of a Raspberry Pi 5 with a 20x objective."""

from __future__ import annotations

import math

from benchmarks.machine import Machine
from benchmarks.measure import Row, figure, row
from benchmarks.scans import scan_part, scanned
from firmware_host.slide.summary import Summary

_SUITE = "scan"
_SQUARE_UM = 15_000


def scan(machine: Machine) -> list[Row]:
    """Time and captures of a field, what that makes of 15 x 15 mm, how sharp, and what it costs this machine."""
    if machine.is_emulated:
        done = scanned("rpi5-imx477-20x", "two-shot")
    else:
        done = scan_part(machine.profile, "two-shot", machine.region_on(_SUITE), calibration=True)
    profile, summary = done.profile, done.summary
    seconds = [field.seconds for field in done.fields]
    mean_s = sum(seconds) / len(seconds)
    pitch = [side * (1 - profile.scan.overlap) for side in profile.field_um]
    square = math.prod(math.ceil(_SQUARE_UM / each) for each in pitch)
    errors = [abs(field.error_um) for field in done.fields if field.error_um is not None]
    return [
        row(_SUITE, "time of a saved field", "s", seconds, "mean"),
        figure(_SUITE, "fields a minute", "1/min", 60 / mean_s),
        figure(_SUITE, f"15 x 15 mm all tissue, {square} fields, without survey", "min", square * mean_s / 60),
        row(_SUITE, "captures of a field", "frames", [field.captures for field in done.fields], "mean"),
        *_errors(errors, summary),
        figure(_SUITE, "written for a field", "MB", done.nbytes / done.saved / 1e6, done.saved),
        figure(
            _SUITE,
            "processor time for a field, with any emulation",
            "s",
            done.cpu_s / done.saved,
            done.saved,
        ),
        figure(_SUITE, "most memory, with any emulation", "MB", done.peak_mb),
    ]


def _errors(errors: list[float], summary: Summary) -> list[Row]:
    """Where the truth is known."""
    if not errors:
        return []
    return [
        row(_SUITE, "focus error", "um", errors, "mean"),
        figure(_SUITE, "within DoF/2", "%", 100 * (summary.within_half_dof or 0.0), len(errors)),
    ]
