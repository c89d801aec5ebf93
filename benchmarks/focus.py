"""One field on the scanner's own clock: by phase, against the physical floor, and against the contrast sweep."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Sequence

import numpy as np

from benchmarks.floor import floor_ms, floor_parts_ms
from benchmarks.machine import Machine
from benchmarks.measure import Row, figure, row
from benchmarks.scans import Field, Scanned, scan_part, scanned
from firmware_host.camera.port import Frame
from firmware_host.cancel import CancelToken
from firmware_host.clock import PHASES, MonotonicClock
from firmware_host.focus.estimator import Estimate
from firmware_host.focus.eye import Eye
from firmware_host.focus.loop import TwoShotFocus
from firmware_host.focus.sweep import ContrastSweep
from firmware_host.profile import load_profile

_SUITE = "focus"
_LOOPS = 200


def focus(machine: Machine) -> list[Row]:
    """Fields of one slide, by two shots and by sweep; emulated also with a camera that has no trigger."""
    if not machine.is_emulated:
        region = machine.region_on(_SUITE)
        two_shot = scan_part(machine.profile, "two-shot", region, calibration=True)
        return _compared(two_shot, scan_part(machine.profile, "sweep", region, calibration=False))
    two_shot, sweep = scanned("emulated", "two-shot"), scanned("emulated", "sweep")
    free = scanned("free-running camera", "two-shot")
    return [
        *_compared(two_shot, sweep),
        *_of_fields("two-shot, free-running camera", free),
        figure(_SUITE, "two-shot, free-running camera: times the physical floor", "times", _times_floor(free)),
        figure(_SUITE, "two-shot: error less that of the sweep", "um", _error_um(two_shot) - _error_um(sweep)),
    ]


def _compared(two_shot: Scanned, sweep: Scanned) -> list[Row]:
    return [
        *rows_of(two_shot),
        *_floor_by_phase(two_shot),
        *_of_fields("sweep", sweep),
        figure(_SUITE, "sweep: times as long as two-shot", "times", _mean_s(sweep.fields) / _mean_s(two_shot.fields)),
        host_overhead(_LOOPS),
    ]


def rows_of(two_shot: Scanned) -> list[Row]:
    """What the budgets of the loop look at."""
    return [
        *_of_fields("two-shot", two_shot),
        figure(_SUITE, "two-shot: times the physical floor", "times", _times_floor(two_shot)),
        row(_SUITE, "two-shot: beyond the floor, fields of two frames", "ms", _beyond_floor_ms(two_shot, 2)),
    ]


def _of_fields(method: str, scan: Scanned) -> list[Row]:
    fields = scan.fields
    errors = [abs(field.error_um) for field in fields if field.error_um is not None]
    return [
        row(_SUITE, f"{method}: time of a field", "ms", [field.seconds * 1000 for field in fields], "mean"),
        *(
            row(_SUITE, f"{method}: {phase}", "ms", [field.ms[phase] for field in fields], "mean")
            for phase in PHASES
            if any(field.ms[phase] for field in fields)
        ),
        row(_SUITE, f"{method}: captures", "frames", [field.captures for field in fields], "mean"),
        *([row(_SUITE, f"{method}: error", "um", errors, "mean")] if errors else []),
    ]


def _floor_by_phase(scan: Scanned) -> list[Row]:
    parts = [floor_parts_ms(scan.profile, field.ms["move"], field.captures) for field in scan.fields]
    return [row(_SUITE, f"floor: {phase}", "ms", [each[phase] for each in parts], "mean") for phase in parts[0]]


def _times_floor(scan: Scanned) -> float:
    floors = [floor_ms(scan.profile, field.ms["move"], field.captures) for field in scan.fields]
    return sum(field.seconds for field in scan.fields) * 1000 / sum(floors)


def _beyond_floor_ms(scan: Scanned, captures: int) -> list[float]:
    """Of each field of so many frames; not a number where there is none."""
    return [
        field.seconds * 1000 - floor_ms(scan.profile, field.ms["move"], captures)
        for field in scan.fields
        if field.captures == captures
    ] or [math.nan]


def _mean_s(fields: Sequence[Field]) -> float:
    return statistics.fmean(field.seconds for field in fields)


def _error_um(scan: Scanned) -> float:
    return statistics.fmean(abs(field.error_um) for field in scan.fields if field.error_um is not None)


class _Instant:
    """Stage, camera and estimator of a scanner on which everything takes no time and every field is in focus."""

    shape = (64, 64)
    z_um = 300.0

    def __init__(self, clock: MonotonicClock) -> None:
        self._clock = clock
        self._image = np.zeros((*self.shape, 3), np.uint8)

    def move_to(self, *, x_um: float | None = None, y_um: float | None = None, z_um: float | None = None) -> int:  # noqa: ARG002
        return self._clock.now_ns()

    def z_allowed(self, z_um: float) -> bool:  # noqa: ARG002
        return True

    def expose(self, not_before_ns: int, timeout_s: float) -> _Instant:  # noqa: ARG002
        return self

    def read_out(self) -> Frame:
        return Frame(self._image, self._clock.now_ns(), 0, 0)

    def estimate(self, first: object, second: object) -> Estimate:  # noqa: ARG002
        return Estimate(0.0, 0.1, 16, "ok")

    def close(self) -> None: ...


def host_overhead(fields: int) -> Row:
    """What the loop itself adds to a field on this machine, as a share of the time between two frames."""
    profile, clock = load_profile("emulated"), MonotonicClock()
    instant = _Instant(clock)
    eye = Eye(instant, clock, CancelToken(), 1.0)
    sweep = ContrastSweep(instant, eye, profile.optics, profile.focus)
    loop = TwoShotFocus(instant, eye, clock, instant, sweep, profile.optics, profile.focus)  # type: ignore[arg-type]
    shares = []
    for _ in range(fields):
        began_ns = time.perf_counter_ns()
        loop.focus(0.0, 0.0, 300.0)
        shares.append((time.perf_counter_ns() - began_ns) * 1e-6 / profile.camera.frame_period_ms)
    return row(_SUITE, "two-shot: host's own time, share of a frame's", "times", shares)
