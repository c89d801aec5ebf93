"""The watch over the disk of a scan, asked between fields: go on, say so, pause until there is room, or stop.

It only looks. What happens when a write fails all the same is `firmware_host.scan.writer`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from firmware_host.cancel import CancelToken
from firmware_host.clock import Clock
from firmware_host.disk import Disk
from firmware_host.errors import HardwareError, UsageError
from firmware_host.health.disk import gigabytes, least_need_of_fields, need_of_fields, slide_pixels_of
from firmware_host.health.resting import rest_until
from firmware_host.incidents import Incident, Note
from firmware_host.profile import Profile

_AGAIN = 1.25  # a pause ends this far above the floor
_LOOK_NS = 1_000_000_000  # within a pause
_JUDGED_TILES = 20  # so many tell how large the others will be


class Room:
    """Free room on the disk of one scan's folder.

    :param note: told once when the rest of the scan will not fit, and at each pause.
    """

    def __init__(
        self, profile: Profile, disk: Disk, folder: Path, clock: Clock, cancel: CancelToken, note: Note
    ) -> None:
        self._profile = profile
        self._disk = disk
        self._folder = folder
        self._clock = clock
        self._cancel = cancel
        self._note = note
        self._floor = profile.health.disk_floor_mb * 1e6
        self._fields, self._before, self._slide_pixels = 0, 0, 0.0
        self._sizes: tuple[int, int] = (0, 0)
        self._told = False
        self.free: int | None = None
        """Bytes, when last looked; safe to read in any thread."""

    def expect(self, places_um: Sequence[tuple[float, float]], done: int = 0) -> None:
        """Hold the disk against a scan of these fields, before the first of them.

        :param places_um: (x, y) of the stage at each, those of an earlier part of the scan too; :param done: how many
            of them have their tile already.
        :raises UsageError: it cannot fit, whatever the slide looks like. :raises HardwareError: the disk is gone.
        """
        if not places_um:
            return
        self._fields, self._before = len(places_um), done
        self._slide_pixels = slide_pixels_of(self._profile, places_um)
        free = self._look()
        least = least_need_of_fields(self._profile, self._fields, self._slide_pixels, done)
        if free < least.total:
            raise UsageError(
                f"disk: {gigabytes(free)} free at {self._folder}, but {len(places_um)} fields need at least {least}; "
                f"make room, choose a smaller --region, or another disk with --out"
            )
        self._tell_when_short(free)

    def wrote(self, tile_bytes: int) -> None:
        """A tile of this size is on the disk. From the thread that writes them, and no other."""
        count, total = self._sizes
        self._sizes = (count + 1, total + tile_bytes)

    def hold(self, beat: Callable[[], None]) -> None:
        """Return at once while there is room; below the floor pause, booked as `wait`, until there is again.

        :param beat: called when a pause begins, and after each look within it.
        :raises HardwareError: no room in time, or the disk is gone. :raises Cancelled: asked to stop.
        """
        free = self._look()
        if free >= self._floor:
            self._tell_when_short(free)
            return
        what = f"{gigabytes(free)} free at {self._folder}, floor {gigabytes(self._floor)}"
        self._note(Incident("disk nearly full", f"the scan pauses: {what}; make room and it goes on by itself"))
        most_s = self._profile.health.pause_s
        end_ns = self._clock.now_ns() + round(most_s * 1e9)
        beat()
        while free < self._floor * _AGAIN:
            if self._clock.now_ns() >= end_ns:
                raise HardwareError(
                    f"disk: {what}, for {most_s:g} s; what was scanned is kept: make room, then "
                    f"wsi-host scan --out {self._folder} --resume"
                )
            rest_until(self._clock, self._cancel, min(self._clock.now_ns() + _LOOK_NS, end_ns))
            free = self._look()
            beat()

    def _look(self) -> int:
        try:
            self.free = free = self._disk.free_bytes(self._folder)
        except OSError as error:
            raise HardwareError(
                f"disk: {self._folder} does not answer: {error.strerror or error}; check the disk, then "
                f"wsi-host scan --out {self._folder} --resume"
            ) from error
        return free

    def _tell_when_short(self, free: int) -> None:
        """Once, while there is time to make room."""
        if self._told or not self._fields:
            return
        count, total = self._sizes
        tile_bytes = total / count if count >= _JUDGED_TILES else None
        done = min(self._before + count, self._fields)
        need = need_of_fields(self._profile, self._fields, self._slide_pixels, done, tile_bytes)
        if free - self._floor < need.total:
            self._told = True
            text = (
                f"{gigabytes(free)} free at {self._folder}; the rest of the scan may need {need}; make room meanwhile"
            )
            self._note(Incident("disk nearly full", text))
