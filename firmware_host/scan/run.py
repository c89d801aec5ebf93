"""One run of a scan, the first of a slide or a later one: opens the scanner, prepares, scans, closes, assembles."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace

from firmware_host.camera.choice import reopener
from firmware_host.camera.port import Camera
from firmware_host.camera.steady import SteadyCamera
from firmware_host.cancel import CancelToken
from firmware_host.errors import Cancelled, HardwareError, SafetyStop, ScannerError, warn
from firmware_host.hardware import Scanner
from firmware_host.health.room import Room
from firmware_host.health.watch import Watch
from firmware_host.incidents import Incident
from firmware_host.scan.assembly import assemble
from firmware_host.scan.attendance import Attendance
from firmware_host.scan.comparison import focused_by_sweep
from firmware_host.scan.disk_trouble import DiskTrouble
from firmware_host.scan.entries import Moved, Story
from firmware_host.scan.folder import ScanFolder
from firmware_host.scan.keeping import Keeper, judge_of, recall_tiles
from firmware_host.scan.logbook import Logbook
from firmware_host.scan.position import Offset, PositionCheck
from firmware_host.scan.preparation import Preparation, Setup
from firmware_host.scan.request import ScanRequest, ScanResult
from firmware_host.scan.scan import Scan, Ways
from firmware_host.scan.survey import light_now, region_to_survey
from firmware_host.slide.record import FieldRecord

POSITION = "finding the position again"
"""What is told of this step."""

Opener = Callable[..., Scanner]
_CAUSES = ((Cancelled, "stopped by user"), (SafetyStop, "safety stop"), (ScannerError, "scanner failed"))


class Run:
    """Does it once.

    :param story: what earlier runs did; None: this is the first.
    """

    def __init__(
        self,
        request: ScanRequest,
        folder: ScanFolder,
        story: Story | None,
        cancel: CancelToken,
        opener: Opener,
        attendance: Attendance,
    ) -> None:
        self._request = request
        self._folder = folder
        self._story = story
        self._cancel = cancel
        self._attendance = attendance
        self._known = Offset()
        self._is_prepared = story is not None
        self._scanner = self._opened(opener)
        clock, note = self._scanner.clock, attendance.note
        profile, pause_s = request.profile, request.profile.health.pause_s
        self._watch = Watch(profile.health, self._scanner.sensors, clock, cancel, note)
        self._room = Room(profile, self._scanner.disk, folder.path, clock, cancel, note)
        self._trouble = DiskTrouble(folder.path, clock, cancel, pause_s, note, lambda: self._room.hold(lambda: None))
        self._logbook = Logbook(folder, self._trouble)

    def to_its_end(self) -> ScanResult:
        """Whatever ends it, the hardware is shut down and what was scanned becomes a slide."""
        request, folder, told = self._request, self._folder, self._attendance.told
        stopped: ScannerError | None = None
        try:
            scan, stopped = self._scanned()
        except HardwareError as error:  # to be continued, with whatever there is
            self._end(error)
            raise
        except BaseException:
            if not self._is_prepared:
                folder.discard()
            raise
        finally:
            self._scanner.close()
        if request.compare_sweep and stopped is None:
            for record in focused_by_sweep(request, scan.records, told):
                self._logbook.log("compared", **asdict(record))
        self._end(stopped)
        return replace(assemble(folder.path, told), stopped=stopped)

    def _end(self, stopped: ScannerError | None) -> None:
        if stopped is not None:
            cause = next(cause for kind, cause in _CAUSES if isinstance(stopped, kind))
            self._attendance.keep(Incident(cause, str(stopped)))
        self._logbook.end(stopped, self._watch.line())

    def _scanned(self) -> tuple[Scan, ScannerError | None]:
        """The scan, and why it ended early, if it did. :raises ScannerError: before anything was scanned."""
        request, attendance = self._request, self._attendance
        if self._story is None:
            self._logbook.begin(request)
        else:
            self._logbook.resume()
        step = attendance.holding(self._scanner, self._watch, self._room)
        preparation = Preparation(self._scanner, request, step, attendance.note)
        setup = self._prepared(preparation)
        scan = self._scan(preparation, setup)
        sites = setup.sites
        self._room.expect([(site.x_um, site.y_um) for site in sites], len(scan.records))
        try:
            scan.run(sites, setup.start_z_um, functools.partial(attendance.progress, step))
        except ScannerError as error:
            if not scan.records:
                raise
            return scan, error
        return scan, None

    def _opened(self, opener: Opener) -> Scanner:
        request = self._request
        try:
            scanner = opener(request.profile, request.seed, request.slide, self._cancel, request.real_time)
        except BaseException:
            if self._story is None:
                self._folder.discard()
            raise
        self._folder.keep_on(scanner.disk)
        return replace(scanner, camera=self._steady(scanner))

    def _steady(self, scanner: Scanner) -> Camera:
        """Its camera, looked after. A recording's frames are the same each time."""
        profile, clock = scanner.profile, scanner.clock
        return SteadyCamera(
            scanner.camera,
            clock,
            self._cancel,
            profile.camera,
            scanner.stage,
            scanner.lamp,
            self._attendance.note,
            reopener(profile.hardware, profile.camera, clock),
            noisy=profile.hardware.camera != "replay",
        )

    def _prepared(self, preparation: Preparation) -> Setup:
        if self._story is not None and self._story.prepared is not None:
            return preparation.as_before(self._story.prepared)
        setup = preparation.of_a_new_slide(region_to_survey(self._request.profile, self._request.region))
        self._logbook.log("prepared", **setup.entry.model_dump())
        self._is_prepared = True
        return setup

    def _scan(self, preparation: Preparation, setup: Setup) -> Scan:
        """What visits the fields; if it is a later session, with all that is known of them."""
        profile, story = self._request.profile, self._story
        flat_field = setup.flat_field
        judge = judge_of(profile)
        keeper = Keeper(
            self._folder, flat_field, judge, self._room, profile.scan.jpeg_quality, profile.scan.tissue_absorbance
        )
        check = PositionCheck(self._scanner, setup.method, setup.eye, flat_field, self._folder.path)

        def find_again(records: Sequence[FieldRecord]) -> Offset:
            preparation.home()
            return self._moved(check, records)

        ways = Ways(
            setup.method,
            setup.sweep,
            find_again,
            lambda records: check.is_elsewhere(records, self._known, self._looking),
            lambda: light_now(self._scanner, setup.eye, setup.brightest),
        )
        scan = Scan(
            self._scanner,
            ways,
            keeper,
            self._attendance.note,
            self._trouble.mend,
        )
        if story is not None:
            self._known = Offset(story.moved.x_um, story.moved.y_um, story.moved.z_um)
            self._folder.checksums.update(story.checksums)
            scan.recall(story, self._moved(check, story.records))
            if judge is not None:
                recall_tiles(judge, story, self._folder.path)
        return scan

    def _looking(self) -> None:
        self._attendance.told(POSITION, 0.0, None)

    def _moved(self, check: PositionCheck, records: Sequence[FieldRecord]) -> Offset:
        """By how much the stage's zero has moved since it was homed last, as saved tiles tell it."""
        found = check.find(records, self._known, self._looking)
        if found is None and records:
            warn("position: no saved tile has anything to tell it by; the scan goes on where the switches say")
        since = found or Offset()
        if since != Offset():
            how = f"the stage's zero had moved by {since.x_um:.1f}, {since.y_um:.1f}, {since.z_um:.1f} um"
            self._attendance.note(Incident("slide moved", f"position: {how}; the scan makes up for it"))
            self._logbook.log("moved", **Moved(x_um=since.x_um, y_um=since.y_um, z_um=since.z_um, how=how).model_dump())
        self._known = self._known.plus(since)
        return since
