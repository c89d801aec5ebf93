"""What a scan does when the disk does not take a tile: waits for room, tries again, or stops."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

from firmware_host.cancel import CancelToken
from firmware_host.clock import Clock
from firmware_host.errors import HardwareError
from firmware_host.health.resting import rest_until
from firmware_host.incidents import Incident, Note

_FULL = {errno.ENOSPC, errno.EDQUOT}
_FOR_GOOD = {errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENOTDIR, errno.ENODEV, errno.ENXIO}
_TRIES = 6  # at an error that may pass
_FIRST_NS = 500_000_000  # pause before the second try; each is twice as long as the one before
_ROOM_NS = 1_000_000_000  # between two looks at a full disk


class DiskTrouble:
    """The `Mend` of a scan's writer.

    :param folder: of the scan; :param pause_s: how long a full disk may stay full.
    :param wait_for_room: a hold, which pauses while the disk is below its floor.
    """

    def __init__(
        self,
        folder: Path,
        clock: Clock,
        cancel: CancelToken,
        pause_s: float,
        note: Note,
        wait_for_room: Callable[[], None],
    ) -> None:
        self._folder = folder
        self._clock = clock
        self._cancel = cancel
        self._pause_ns = round(pause_s * 1e9)
        self._note = note
        self._wait_for_room = wait_for_room
        self._since_ns = 0

    def mend(self, error: OSError, tried: int) -> None:
        """Return when it is worth trying again.

        :param tried: how often this tile has been tried, 1 or more.
        :raises HardwareError: it is not, or not in time; what was scanned is kept. :raises Cancelled: asked to stop.
        """
        reason = error.strerror or str(error)
        if tried == 1:
            self._since_ns = self._clock.now_ns()
        if error.errno in _FOR_GOOD:
            self._stop("disk refuses", f"a tile cannot be written: {reason}; check the disk")
        if error.errno in _FULL:
            if tried == 1:
                self._note(Incident("disk full", f"the scan pauses: {reason}; make room and it goes on by itself"))
            if self._clock.now_ns() - self._since_ns >= self._pause_ns:
                self._stop("disk full", f"still full after {self._pause_ns * 1e-9:g} s; make room")
            self._wait_for_room()
            rest_until(self._clock, self._cancel, self._clock.now_ns() + _ROOM_NS)
            return
        if tried >= _TRIES:
            self._stop("disk error", f"a tile could not be written in {tried} tries: {reason}; check the disk")
        self._note(Incident("disk error", f"a tile was not written: {reason}; it is written again"))
        rest_until(self._clock, self._cancel, self._clock.now_ns() + (_FIRST_NS << (tried - 1)))

    def _stop(self, cause: str, text: str) -> None:
        text = f"disk: {text}, then wsi-host scan --out {self._folder} --resume"
        self._note(Incident(cause, text))
        raise HardwareError(text)
