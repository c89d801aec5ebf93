"""What a scan and whoever watches it share: how it goes, and what it is asked to do. Safe from any thread.

The scan tells, and calls `Hold`s between two fields; others read `status` and ask. Knows no socket and no command line.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from firmware_host.cancel import CancelToken
from firmware_host.clock import Clock
from firmware_host.control.status import Happened, State, Status
from firmware_host.errors import Cancelled, UsageError
from firmware_host.health.resting import SLICE_NS
from firmware_host.incidents import Incident, Note

Hold = Callable[[Callable[[], None]], None]
"""Called between two fields with a beat: returns when the scan may go on. Calls the beat while it pauses it."""

_LATEST = 20  # incidents that are told
_TEXT = 400  # characters of each
_LONGEST_PAUSE_S = 24 * 3600.0


def _nothing() -> None:
    pass


class Desk:
    """Of one scan.

    :param assembly: the step in which the scan is over and the slide is made; there is nothing to ask for then.
    :param free: room on the scan's disk, bytes; returns at once, in any thread.
    :param wait: of real time, seconds, at most, until something is asked; for tests.
    """

    def __init__(
        self,
        folder: Path,
        profile: str,
        cancel: CancelToken,
        assembly: str,
        free: Callable[[], int | None] = lambda: None,
        wait: Callable[[float], None] | None = None,
    ) -> None:
        self._folder = str(folder.resolve())
        self._profile = profile
        self._cancel = cancel
        self._assembly = assembly
        self._wait = wait or self._wait_for_request
        self._changed = threading.Condition()
        self._began = _now()
        self._step, self._share = "", 0.0
        self._seconds_left: float | None = None
        self._fields: tuple[int, int] | None = None
        self._wanted = False
        self._paused_by: Literal["user", "watch"] | None = None
        self._reason = ""
        self._incidents = 0
        self._latest: deque[Happened] = deque(maxlen=_LATEST)
        self.free = free

    # --- the scan's side ----------------------------------------------------------------------------------------

    def told(self, step: str, share: float, seconds_left: float | None) -> None:
        """A `firmware_host.heartbeat.Tell`."""
        with self._changed:
            self._step, self._share, self._seconds_left = step, share, seconds_left

    def counted(self, done: int, total: int) -> None:
        """So many of the fields have been scanned, in earlier parts of the scan too."""
        with self._changed:
            self._fields = (done, total)

    def noted(self, incident: Incident) -> None:
        """A `firmware_host.incidents.Note`."""
        text = " ".join(incident.text.split())[:_TEXT]
        with self._changed:
            self._incidents += 1
            self._latest.append(Happened(at=_now(), cause=incident.cause, text=text))

    def seen(self, hold: Hold) -> Hold:
        """The same hold, of which the status tells when it pauses the scan, with what was noted last as the reason."""

        def held(beat: Callable[[], None]) -> None:
            def beaten() -> None:
                with self._changed:
                    self._paused_by, self._reason = "watch", self._latest[-1].text if self._latest else ""
                beat()

            try:
                hold(beaten)
            finally:
                self._goes_on()

        return held

    def user_hold(
        self,
        clock: Clock,
        note: Note,
        rest: Callable[[], None] = _nothing,
        wake: Callable[[], None] = _nothing,
        longest_s: float = _LONGEST_PAUSE_S,
    ) -> Hold:
        """The hold that pauses as long as somebody has asked for it.

        The pause takes real time on any clock, and is booked as `wait`.

        :param note: told of the pause; :param rest, wake: called at its beginning and before it goes on.
        :param longest_s: a pause that nobody ends stops the scan after this.
        """

        def hold(beat: Callable[[], None]) -> None:
            if not self._pauses():
                return
            note(Incident("paused by user", "the scan pauses on request; wsi-host resume lets it go on"))
            end_ns = clock.now_ns() + round(longest_s * 1e9)
            try:
                rest()
                beat()
                while self._pauses():
                    self._cancel.check()
                    if clock.now_ns() >= end_ns:
                        raise Cancelled(f"stopped: paused on request for {longest_s / 3600:g} h, and nobody resumed it")
                    slice_ends_ns = clock.now_ns() + SLICE_NS
                    with clock.work("wait"):
                        self._wait(SLICE_NS * 1e-9)
                    clock.wait_until(slice_ends_ns, "wait")  # where time passes by waiting only
                    beat()
                wake()
            finally:
                self._goes_on()

        return hold

    # --- the other side -----------------------------------------------------------------------------------------

    def status(self) -> Status:
        """How the scan goes at this moment."""
        free = self.free()
        with self._changed:
            done, total = self._fields or (None, None)
            return Status(
                pid=os.getpid(),
                folder=self._folder,
                profile=self._profile,
                began=self._began,
                state=self._state(),
                paused_by=self._paused_by,
                reason=self._reason,
                step=self._step,
                share=self._share,
                seconds_left=self._seconds_left,
                fields_done=done,
                fields_total=total,
                free_mb=None if free is None else free / 1e6,
                incidents=self._incidents,
                latest=list(self._latest),
            )

    def pause(self) -> None:
        """Rest after the field that is being scanned. Asking twice is as good as once.

        :raises UsageError: the scan is over, or is being stopped.
        """
        with self._changed:
            self._ask_only_while_scanning("paused")
            self._wanted = True

    def resume(self) -> None:
        """End the user's pause. :raises UsageError: there is none; the message says what there is."""
        with self._changed:
            self._ask_only_while_scanning("resumed")
            if not self._wanted:
                why = f"it pauses by itself: {self._reason}" if self._paused_by else "it is not paused"
                raise UsageError(f"{self._folder}: nothing to resume: {why}")
            self._wanted = False
            self._changed.notify_all()

    def stop(self, reason: str = "wsi-host stop") -> None:
        """No further step; what was scanned is kept. :raises UsageError: the scan is over."""
        with self._changed:
            if self._state() == "assembling":
                self._ask_only_while_scanning("stopped")
        self._cancel.request(reason)
        with self._changed:
            self._changed.notify_all()

    # --- inside: called with the lock -----------------------------------------------------------------------------

    def _state(self) -> State:
        if self._step == self._assembly:
            return "assembling"
        if self._cancel.requested:
            return "stopping"
        if self._paused_by is not None:
            return "paused"
        return "pausing" if self._wanted else "running"

    def _ask_only_while_scanning(self, what: str) -> None:
        state = self._state()
        if state in ("assembling", "stopping"):
            why = "the scan is over, its slide is being written" if state == "assembling" else "it is being stopped"
            raise UsageError(f"{self._folder}: cannot be {what}: {why}")

    def _pauses(self) -> bool:
        with self._changed:
            if self._wanted:
                self._paused_by, self._reason = "user", "on request"
            return self._wanted

    def _goes_on(self) -> None:
        with self._changed:
            self._paused_by, self._reason = None, ""

    def _wait_for_request(self, seconds: float) -> None:
        end_s = time.monotonic() + seconds
        with self._changed:
            while self._wanted and not self._cancel.requested and (left_s := end_s - time.monotonic()) > 0:
                self._changed.wait(left_s)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
