"""Stacks to train on, taken by the scanner itself: fields spread over the tissue, a z-stack around focus at each.

Focus is found by a contrast peak within the stack, never from the truth of an emulated scanner; that is read only
to say in the end how good the labels are. Frames are kept raw, as the focus loop sees them.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from firmware_host.camera.port import Frame
from firmware_host.cancel import CancelToken
from firmware_host.errors import ScannerError, UsageError
from firmware_host.focus.eye import Eye
from firmware_host.focus.stack_focus import StackFocus, fault_of, region_sharpness, stack_focus
from firmware_host.focus.surface import FocusSurface
from firmware_host.focus.sweep import ContrastSweep
from firmware_host.hardware import Scanner, open_scanner
from firmware_host.profile import Profile
from firmware_host.scan.collect_table import TABLE, CollectRow, write_table
from firmware_host.scan.plan import Region, Site, sites_apart, spread_order
from firmware_host.scan.survey import region_to_survey, survey
from firmware_host.stack_folder import PlaneFormat, Split, write_stack
from firmware_host.whole_file import whole_folder

Tell = Callable[[str, float, float | None], None]
"""Progress: what is being done, the share done (0 to 1), seconds left on the scanner's clock (None: not known)."""

_PART = ".part"  # the stack being written; outside X, so that nobody reads a half of one
_MAX_SPREAD_DOF = 0.5
_CENTRED_DOF = 1.0  # a stack whose focus lies farther off its middle is taken once more
_LEAST_PLANES = 5
_DELTA_TOLERANCE = 0.05  # of delta: how far off it the nearest whole number of steps may be
_REACH_PITCHES = 2.5  # how far the focus surface looks, in distances between fields


@dataclass(frozen=True)
class CollectRequest:
    """What the user asked for.

    :param region: None: all the tissue that the coarse pass finds.
    :param below_dof, above_dof: how far the stacks reach from focus; :param step_dof: between two planes.
    :param seed, slide: of the emulated slide; not used on hardware.
    """

    profile: Profile
    out: Path
    positions: int = 40
    test_share: float = 0.15
    region: Region | None = None
    below_dof: float = 9.0
    above_dof: float = 7.0
    step_dof: float = 0.4
    plane_format: PlaneFormat = "png"
    seed: int = 1
    slide: Path | None = None


@dataclass(frozen=True)
class CollectResult:
    """How it went.

    :param errors_um: on the twin: found minus true z of focus of each stack that was written.
    :param stopped: why it ended before all positions were taken; None: it did not.
    """

    rows: list[CollectRow]
    errors_um: list[float]
    stopped: ScannerError | None

    def count(self, split: Split | None) -> int:
        """Positions of a split; None: those left out."""
        return sum(row.split == split for row in self.rows)


@dataclass(frozen=True)
class _Taken:
    """A stack just taken: stage z of its planes in um, upwards, and their frames."""

    z_um: NDArray[np.float64]
    frames: list[Frame]
    focus: StackFocus | None


def run_collect(request: CollectRequest, cancel: CancelToken, tell: Tell) -> CollectResult:
    """Collect; whatever ends it, the hardware is shut down, and every stack that is there is whole.

    :raises UsageError: bad input; nothing has been written. :raises ScannerError: it could not even begin.
    """
    profile = request.profile
    region = region_to_survey(profile, request.region)
    _check_planes(request)
    _check_out(request.out)
    scanner = open_scanner(profile, request.seed, request.slide, cancel)
    try:
        with _disk(request.out):
            request.out.mkdir(parents=True, exist_ok=True)
        tell("homing", 0.0, None)
        scanner.stage.home()
        scanner.lamp.on()
        eye = Eye(scanner.camera, scanner.clock, cancel, profile.camera.timeout_s)
        sweep = ContrastSweep(scanner.stage, eye, profile.optics, profile.focus)
        found = survey(scanner, eye, sweep, region, lambda share: tell("looking for tissue", share, None))
        collector = Collector(scanner, eye, request)
        stopped: ScannerError | None = None
        try:
            collector.run(sites_apart(region, found.sites, profile.field_um), found.start_z_um, tell)
        except ScannerError as error:
            if not collector.rows:
                raise
            stopped = error
    finally:
        scanner.close()
        _discard_empty(request.out)
    return CollectResult(collector.rows, collector.errors_um, stopped)


def numbers_for_testing(positions: int, share: float) -> frozenset[int]:
    """Which of the positions 0, 1, 2, ... are for testing: evenly spread, at least one of each kind when both fit."""
    count = round(positions * share)
    if share > 0 and positions > 1:
        count = min(max(count, 1), positions - 1)
    return frozenset(math.floor((number + 0.5) * positions / count) for number in range(count))


def planes_around(middle_um: float, request: CollectRequest) -> NDArray[np.float64]:
    """z of the planes of a stack around `middle_um`, um, evenly spaced, upwards."""
    dof_um = request.profile.optics.depth_of_field_um
    count = math.floor((request.below_dof + request.above_dof) / request.step_dof + 1e-9) + 1
    steps = np.arange(count, dtype=np.float64)
    return np.asarray(middle_um + dof_um * (request.step_dof * steps - request.below_dof))


class Collector:
    """Visits fields until enough stacks are written. After a Ctrl-C or a fault `rows` holds those done until then."""

    def __init__(self, scanner: Scanner, eye: Eye, request: CollectRequest) -> None:
        self.rows: list[CollectRow] = []
        self.errors_um: list[float] = []
        self._scanner = scanner
        self._eye = eye
        self._request = request
        self._dof_um = request.profile.optics.depth_of_field_um
        self._least_regions = request.profile.focus.min_patches
        self._tests = numbers_for_testing(request.positions, request.test_share)
        self._written = 0
        self._slide = ""  # a name for it, made of the first frame

    def run(self, sites: Sequence[Site], start_z_um: float, tell: Tell) -> None:
        """Take as many stacks as were asked for; a field that is no good is replaced by another.

        :param sites: fields with tissue, which do not overlap; :param start_z_um: z of focus, roughly.
        :raises ScannerError: fewer fields than asked for are any good, the disk is full, or the scanner failed.
        """
        wanted, table = self._request.positions, self._request.out / TABLE
        order = spread_order(sites)
        first = sorted(order[:wanted], key=lambda site: (site.row, site.col if site.row % 2 == 0 else -site.col))
        pitch_um = max(self._scanner.profile.field_um) * math.sqrt(max(1.0, len(sites) / wanted))
        surface = FocusSurface(_REACH_PITCHES * pitch_um)
        began_ns = self._scanner.clock.now_ns()
        for site in [*first, *order[wanted:]]:
            predicted = surface.predict(site.x_um, site.y_um)
            row = self._field(site, start_z_um if predicted is None else predicted)
            self.rows.append(row)
            if row.split is not None and row.focus_z_um is not None:
                surface.add(site.x_um, site.y_um, row.focus_z_um)
                self._written += 1
            with _disk(self._request.out):
                write_table(table, self.rows)
            pace_s = (self._scanner.clock.now_ns() - began_ns) * 1e-9 / len(self.rows)
            tell("taking stacks", self._written / wanted, pace_s * (wanted - self._written))
            if self._written == wanted:
                return
        raise ScannerError(
            f"collect: only {self._written} of {wanted} positions could be taken, of {len(sites)} fields with tissue; "
            f"{table} says why; give a larger --region, another slide, or fewer --positions"
        )

    def _field(self, site: Site, pivot_um: float) -> CollectRow:
        """Take one field's stack, once more when focus lies far off its middle, and write it when it is good."""
        self._scanner.stage.move_to(x_um=site.x_um, y_um=site.y_um)
        taken = self._stack(pivot_um)
        if taken is not None and taken.focus is not None and taken.focus.regions >= self._least_regions:
            off_um = abs(taken.focus.z_um - pivot_um)
            if taken.focus.at_edge or off_um > _CENTRED_DOF * self._dof_um:
                taken = self._stack(taken.focus.z_um) or taken
        if taken is None:
            heights = planes_around(pivot_um, self._request)
            return self._row(
                site, None, f"its planes, z from {heights[0]:.2f} to {heights[-1]:.2f} um, leave the soft limits"
            )
        fault = fault_of(taken.focus, self._least_regions, _MAX_SPREAD_DOF * self._dof_um)
        if taken.focus is not None and not fault:
            self._write(site, taken, taken.focus)
        return self._row(site, taken, fault)

    def _stack(self, middle_um: float) -> _Taken | None:
        """Look at all planes around `middle_um`, each approached upwards; None when the soft limits forbid it."""
        stage = self._scanner.stage
        heights = planes_around(middle_um, self._request).tolist()
        if not all(stage.z_allowed(z_um) for z_um in heights):
            return None
        taken = [(z_um, frame) for z_um, frame in self._eye.rise(stage, heights) if frame is not None]
        z, frames = np.array([z_um for z_um, _ in taken]), [frame for _, frame in taken]
        return _Taken(z, frames, stack_focus(z, np.array([region_sharpness(frame.image) for frame in frames])))

    def _write(self, site: Site, taken: _Taken, focus: StackFocus) -> None:
        profile, out = self._request.profile, self._request.out
        images, heights = [frame.image for frame in taken.frames], taken.z_um - focus.z_um
        if not self._slide:  # noise makes the first frame another one on every slide
            self._slide = f"{zlib.crc32(images[0].tobytes()):08x}"
        place = out / "X" / self._split() / _name(site)
        with self._scanner.clock.work("write"), _disk(out), whole_folder(place, out / _PART) as part:
            pixel_um, plane_format = profile.camera.pixel_um, self._request.plane_format
            write_stack(part, images, heights, profile.optics, pixel_um, plane_format, self._slide)
        if self._scanner.truth is not None:
            nearest = int(np.argmin(np.abs(heights)))
            true_um = self._scanner.truth(taken.frames[nearest])
            if true_um is not None:
                self.errors_um.append(true_um - float(heights[nearest]))

    def _split(self) -> Split:
        """Of the next position that is written."""
        return "test" if self._written in self._tests else "train"

    def _row(self, site: Site, taken: _Taken | None, fault: str) -> CollectRow:
        focus = None if taken is None else taken.focus
        return CollectRow(
            position=_name(site),
            x_um=site.x_um,
            y_um=site.y_um,
            focus_z_um=None if focus is None else focus.z_um,
            spread_um=None if focus is None else focus.spread_um,
            planes=0 if taken is None else len(taken.frames),
            split=None if fault else self._split(),
            status="left out" if fault else "written",
            reason=fault,
        )


def _name(site: Site) -> str:
    return f"r{site.row:03d}_c{site.col:03d}"


def _check_planes(request: CollectRequest) -> None:
    """:raises UsageError: the planes asked for cannot be taken, or hold no pair that the network learns from."""
    z, dof_um, step_dof = request.profile.axes.z, request.profile.optics.depth_of_field_um, request.step_dof
    delta_dof = request.profile.focus.delta_dof
    if not 1 / z.steps_per_um < step_dof * dof_um:
        finest = 1 / z.steps_per_um / dof_um
        raise UsageError(f"--step-dof {step_dof:g}: must be above one microstep of z, {finest:.3f} DoF")
    steps = max(1, round(delta_dof / step_dof))
    if abs(steps * step_dof - delta_dof) > _DELTA_TOLERANCE * delta_dof:
        raise UsageError(
            f"--step-dof {step_dof:g}: no two planes are the profile's focus.delta_dof = {delta_dof:g} apart; "
            f"give {delta_dof / (steps + 1):.3g} or {delta_dof / steps:.3g}"
        )
    planes = len(planes_around(0.0, request))
    if planes < max(_LEAST_PLANES, steps + 1):
        raise UsageError(
            f"--below-dof {request.below_dof:g}, --above-dof {request.above_dof:g}: {planes} planes only, "
            f"{max(_LEAST_PLANES, steps + 1)} at least are needed; widen the range or lower --step-dof"
        )


def _check_out(out: Path) -> None:
    """:raises UsageError: the folder holds something already."""
    with _disk(out):
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise UsageError(f"output {out}: holds something already; choose another --out, or remove it first")


def _discard_empty(out: Path) -> None:
    """Remove a folder into which nothing was written."""
    with suppress(OSError):
        if not any(out.iterdir()):
            out.rmdir()


@contextmanager
def _disk(out: Path) -> Iterator[None]:
    """What the disk refuses, as one line."""
    try:
        yield
    except OSError as error:
        raise ScannerError(
            f"output {out}: cannot be written: {error.strerror or error}; free some space or choose another --out"
        ) from error
