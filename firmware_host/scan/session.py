"""A whole scan session, the first of a slide or a later one: from a profile and a bundle to a folder with the slide."""

from __future__ import annotations

import functools
import itertools
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Any

from firmware_host.cancel import CancelToken
from firmware_host.control.desk import Desk, Hold
from firmware_host.errors import Cancelled, ScannerError, UsageError, warn
from firmware_host.hardware import Scanner, open_scanner
from firmware_host.health.room import Room
from firmware_host.health.watch import Watch
from firmware_host.heartbeat import Tell
from firmware_host.incidents import Incident, Note
from firmware_host.scan.assembly import assemble
from firmware_host.scan.comparison import focused_by_sweep
from firmware_host.scan.disk_trouble import DiskTrouble
from firmware_host.scan.entries import Moved, Story, story_of
from firmware_host.scan.folder import JOURNAL, ScanFolder
from firmware_host.scan.keeping import Keeper, judge_of, recall_tiles
from firmware_host.scan.past import checked_tiles, file_sha256, request_of
from firmware_host.scan.position import Offset, PositionCheck
from firmware_host.scan.preparation import Preparation, Setup
from firmware_host.scan.request import ScanRequest, ScanResult
from firmware_host.scan.scan import Progress, Scan, Ways
from firmware_host.scan.survey import region_to_survey
from firmware_host.slide.record import FieldRecord

POSITION = "finding the position again"
"""What is told of this step."""

Opener = Callable[..., Scanner]


def _nobody(incident: Incident) -> None: ...


def run_scan(
    request: ScanRequest,
    cancel: CancelToken,
    tell: Tell,
    opener: Opener = open_scanner,
    desk: Desk | None = None,
    note: Note = _nobody,
) -> ScanResult:
    """Scan; whatever ends the scan, the hardware is shut down and what was scanned becomes a slide.

    :param opener: what opens the scanner, with the arguments of `open_scanner`.
    :param desk: through which it may be watched, paused and stopped; :param note: told what happens.
    :raises UsageError: bad input; nothing has been written over. :raises HardwareError: it could not even begin.
    """
    _check(request)
    folder = ScanFolder.new(request.out)
    try:
        return _Session(request, folder, None, cancel, tell, opener, desk, note).run()
    finally:
        folder.release()


def resume_scan(
    out: Path,
    cancel: CancelToken,
    tell: Tell,
    opener: Opener = open_scanner,
    asked: Mapping[str, Any] = MappingProxyType({}),
    desk: Desk | None = None,
    note: Note = _nobody,
) -> ScanResult:
    """Go on with the scan of a folder, with the settings that it was begun with.

    A scan that is complete only gets its slide written again.

    :param asked: settings that the user gives once more, by the names of `firmware_host.scan.entries.Begin`.
    :param desk, note: as for `run_scan`.

    :raises UsageError: it is no scan's folder, or profile, focus model or slide have changed; the message says what.
    :raises HardwareError: the scanner cannot be used, or the slide does not look as it did; nothing is lost then.
    """
    folder = ScanFolder.continued(out)
    try:
        story = story_of(folder.past, out / JOURNAL)
        request = request_of(story, out, asked)
        if story.ended:
            return assemble(out, tell)
        _check(request)
        story = checked_tiles(story, out, tell)
        folder.sweep({record.tile for record in story.records})
        return _Session(request, folder, story, cancel, tell, opener, desk, note).run()
    finally:
        folder.release()


def assemble_folder(out: Path, tell: Tell) -> ScanResult:
    """Write the slide of a scan's folder once more, or that of a scan which is not finished.

    :raises UsageError: it is no scan's folder, a scan writes it, or nothing was scanned. :raises HardwareError: as
        `assemble`.
    """
    folder = ScanFolder.continued(out)
    try:
        return assemble(out, tell)
    finally:
        folder.release()


def _check(request: ScanRequest) -> None:
    """:raises UsageError: what is asked cannot be done, whatever the scanner does."""
    region_to_survey(request.profile, request.region)
    if request.compare_sweep and request.profile.hardware.gpio != "emulated":
        raise UsageError("--compare-sweep needs the same slide twice, which only an emulated scanner has; leave it out")
    request.bundle.check_optics(
        request.profile.optics, request.profile.camera.pixel_um, request.profile.focus.delta_dof
    )


class _Session:
    """One run of a scan. :param story: what earlier ones did; None: this is the first."""

    def __init__(
        self,
        request: ScanRequest,
        folder: ScanFolder,
        story: Story | None,
        cancel: CancelToken,
        tell: Tell,
        opener: Opener,
        desk: Desk | None,
        note: Note,
    ) -> None:
        self._desk = desk
        self._heard = note
        self._request = request
        self._folder = folder
        self._story = story
        self._cancel = cancel
        self._tell = tell
        self._opener = opener
        self._known = Offset()

    def run(self) -> ScanResult:
        request, folder = self._request, self._folder
        scanner = self._opened()
        watch = Watch(request.profile.health, scanner.sensors, scanner.clock, self._cancel, self._note)
        room = Room(request.profile, scanner.disk, folder.path, scanner.clock, self._cancel, self._note)
        self._trouble = DiskTrouble(
            folder.path,
            scanner.clock,
            self._cancel,
            request.profile.health.pause_s,
            self._note,
            lambda: room.hold(lambda: None),
        )
        stopped: ScannerError | None = None
        try:
            self._log_begin()
            step = self._holding(self._holds(scanner, watch, room))
            preparation = Preparation(scanner, request, step)
            setup = self._prepared(preparation)
            scan = self._scan(scanner, preparation, setup, room)
            places = [(site.x_um, site.y_um) for site in setup.found.sites]
            room.expect(places, len(scan.records))
            try:
                scan.run(setup.found.sites, setup.found.start_z_um, functools.partial(self._progress, step))
            except ScannerError as error:
                if not scan.records:
                    raise
                stopped = error
        except BaseException:
            if self._story is None:
                folder.discard()
            raise
        finally:
            scanner.close()
        self._log_end(stopped, watch)
        if request.compare_sweep and stopped is None:
            for record in focused_by_sweep(request, scan.records, self._told):
                self._log("compared", **asdict(record))
        return replace(assemble(folder.path, self._told), stopped=stopped)

    def _opened(self) -> Scanner:
        request = self._request
        try:
            scanner = self._opener(request.profile, request.seed, request.slide, self._cancel, request.real_time)
        except BaseException:
            if self._story is None:
                self._folder.discard()
            raise
        self._folder.keep_on(scanner.disk)
        return scanner

    def _prepared(self, preparation: Preparation) -> Setup:
        if self._story is not None and self._story.prepared is not None:
            return preparation.as_before(self._story.prepared)
        setup = preparation.of_a_new_slide(region_to_survey(self._request.profile, self._request.region))
        self._log("prepared", **setup.entry.model_dump())
        return setup

    def _scan(self, scanner: Scanner, preparation: Preparation, setup: Setup, room: Room) -> Scan:
        """What visits the fields; if it is a later session, with all that is known of them."""
        profile, story = self._request.profile, self._story
        flat_field = setup.found.flat_field
        judge = judge_of(profile)
        keeper = Keeper(
            self._folder, flat_field, judge, room, profile.scan.jpeg_quality, profile.scan.tissue_absorbance
        )
        check = PositionCheck(scanner, setup.method, setup.eye, flat_field, self._folder.path)

        def find_again(records: Sequence[FieldRecord]) -> Offset:
            preparation.home()
            return self._moved(check, records)

        scan = Scan(scanner, Ways(setup.method, setup.sweep, find_again), keeper, self._note, self._trouble.mend)
        if story is not None:
            self._known = Offset(story.moved.x_um, story.moved.y_um, story.moved.z_um)
            self._folder.checksums.update(story.checksums)
            scan.recall(story, self._moved(check, story.records))
            if judge is not None:
                recall_tiles(judge, story.records, self._folder.path)
        return scan

    def _moved(self, check: PositionCheck, records: Sequence[FieldRecord]) -> Offset:
        """By how much the stage's zero has moved since it was homed last, as saved tiles tell it."""
        found = check.find(records, self._known, lambda: self._told(POSITION, 0.0, None))
        if found is None and records:
            warn("position: no saved tile has anything to tell it by; the scan goes on where the switches say")
        since = found or Offset()
        if since != Offset():
            how = f"the stage's zero had moved by {since.x_um:.1f}, {since.y_um:.1f}, {since.z_um:.1f} um"
            self._note(Incident("slide moved", f"position: {how}; the scan makes up for it"))
            self._log("moved", **Moved(x_um=since.x_um, y_um=since.y_um, z_um=since.z_um, how=how).model_dump())
        self._known = self._known.plus(since)
        return since

    def _log(self, event: str, **values: Any) -> None:
        """As the folder does, as long as it may succeed. :raises HardwareError: the disk does not take it."""
        for tried in itertools.count(1):
            try:
                return self._folder.log(event, **values)
            except OSError as error:
                self._trouble.mend(error, tried)

    def _log_begin(self) -> None:
        if self._story is not None:
            self._log("resumed", time=_now(), software=_software())
            return
        request, region = self._request, self._request.region
        slide = request.slide
        self._log(
            "begin",
            time=_now(),
            software=_software(),
            profile=request.profile.model_dump(mode="json"),
            profile_from=_whole(request.profile_from),
            bundle=request.bundle.sha256,
            bundle_name=request.bundle.manifest.name,
            bundle_from=_whole(request.bundle_from),
            allow_unsigned=request.allow_unsigned,
            seed=request.seed,
            slide=None if slide is None else str(slide.resolve()),
            slide_sha256=None if slide is None else file_sha256(slide),
            region=None if region is None else (region.x0_um, region.y0_um, region.x1_um, region.y1_um),
            method=request.method,
            calibration=request.calibration,
            compare_sweep=request.compare_sweep,
            real_time=request.real_time,
        )

    def _log_end(self, stopped: ScannerError | None, watch: Watch) -> None:
        if stopped is None:
            self._log("end", board=watch.line())
            return
        reason = "on request" if isinstance(stopped, Cancelled) else str(stopped)
        self._folder.mention("stopped", reason=reason, board=watch.line())

    def _note(self, incident: Incident) -> None:
        warn(incident.text)
        self._folder.mention("incident", **asdict(incident))
        self._heard(incident)
        if self._desk is not None:
            self._desk.noted(incident)

    def _told(self, what: str, share: float, seconds_left: float | None) -> None:
        if self._desk is not None:
            self._desk.told(what, share, seconds_left)
        self._tell(what, share, seconds_left)

    def _progress(self, step: Tell, progress: Progress) -> None:
        if self._desk is not None:
            self._desk.counted(progress.done, progress.total)
        step("scanning", progress.done / progress.total, progress.seconds_left)

    def _holds(self, scanner: Scanner, watch: Watch, room: Room) -> list[Hold]:
        """What may pause the scan between two fields."""
        desk = self._desk
        if desk is None:
            return [watch.hold, room.hold]
        desk.free = lambda: room.free
        by_user = desk.user_hold(scanner.clock, self._note, scanner.lamp.off, scanner.lamp.on)
        return [desk.seen(watch.hold), desk.seen(room.hold), by_user]

    def _holding(self, holds: Sequence[Hold]) -> Tell:
        """`tell`, then the holds: at a step of progress nothing moves, and a pause costs only time."""

        def step(what: str, share: float, seconds_left: float | None) -> None:
            def beat() -> None:
                self._told(what, share, seconds_left)

            beat()
            if share < 1:  # or the work is done anyway
                for hold in holds:
                    hold(beat)

        return step


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _software() -> str:
    return f"wsi-scanner {version('wsi-scanner')}, Python {platform.python_version()}"


def _whole(name_or_path: str) -> str:
    """A path that does not depend on the working folder; a shipped one's name stays a name."""
    path = Path(name_or_path)
    return str(path.resolve()) if name_or_path and path.is_file() else name_or_path
