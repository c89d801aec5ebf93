"""Who attends a scan: the user's progress, whoever asks over the desk, the journal. And what may pause it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from firmware_host.control.desk import Desk, Hold
from firmware_host.errors import warn
from firmware_host.hardware import Scanner
from firmware_host.health.room import Room
from firmware_host.health.watch import Watch
from firmware_host.heartbeat import Tell
from firmware_host.incidents import Incident, Note
from firmware_host.scan.folder import ScanFolder
from firmware_host.scan.scan import Progress


class Attendance:
    """Of one run of a scan.

    :param heard: told what happens, too; :param desk: None where nobody may ask.
    """

    def __init__(self, folder: ScanFolder, tell: Tell, heard: Note, desk: Desk | None) -> None:
        self._folder = folder
        self._tell = tell
        self._heard = heard
        self._desk = desk

    def told(self, what: str, share: float, seconds_left: float | None) -> None:
        """A `Tell`."""
        if self._desk is not None:
            self._desk.told(what, share, seconds_left)
        self._tell(what, share, seconds_left)

    def note(self, incident: Incident) -> None:
        """A `Note`: said to the user, and kept."""
        warn(incident.text)
        self.keep(incident)

    def keep(self, incident: Incident) -> None:
        """For what is said to the user in another way."""
        self._folder.mention("incident", **asdict(incident))
        self._heard(incident)
        if self._desk is not None:
            self._desk.noted(incident)

    def progress(self, step: Tell, progress: Progress) -> None:
        """Of the fields."""
        if self._desk is not None:
            self._desk.counted(progress.done, progress.total)
        step("scanning", progress.done / progress.total, progress.seconds_left)

    def holding(self, scanner: Scanner, watch: Watch, room: Room) -> Tell:
        """`told`, then what may pause the scan: at a step of progress nothing moves, and a pause costs only time."""
        holds = self._holds(scanner, watch, room)

        def step(what: str, share: float, seconds_left: float | None) -> None:
            def beat() -> None:
                self.told(what, share, seconds_left)

            beat()
            if share < 1:  # or the work is done anyway
                for hold in holds:
                    hold(beat)

        return step

    def _holds(self, scanner: Scanner, watch: Watch, room: Room) -> Sequence[Hold]:
        desk = self._desk
        if desk is None:
            return [watch.hold, room.hold]
        desk.free = lambda: room.free
        by_user = desk.user_hold(scanner.clock, self.note, scanner.lamp.off, scanner.lamp.on)
        return [desk.seen(watch.hold), desk.seen(room.hold), by_user]
