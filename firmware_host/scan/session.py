"""A whole scan session, the first of a slide or a later one: from a profile and a bundle to a folder with the slide."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from firmware_host.cancel import CancelToken
from firmware_host.control.desk import Desk
from firmware_host.errors import UsageError
from firmware_host.hardware import open_scanner
from firmware_host.heartbeat import Tell
from firmware_host.incidents import Incident, Note
from firmware_host.scan.assembly import assemble
from firmware_host.scan.attendance import Attendance
from firmware_host.scan.entries import story_of
from firmware_host.scan.folder import JOURNAL, ScanFolder
from firmware_host.scan.past import checked_tiles, request_of
from firmware_host.scan.request import ScanRequest, ScanResult
from firmware_host.scan.run import Opener, Run
from firmware_host.scan.survey import region_to_survey


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
        attendance = Attendance(folder, tell, note, desk)
        return Run(request, folder, None, cancel, opener, attendance).to_its_end()
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
        attendance = Attendance(folder, tell, note, desk)
        return Run(request, folder, story, cancel, opener, attendance).to_its_end()
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
