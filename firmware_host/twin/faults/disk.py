"""Faults of the disk, below the calls that a scan's folder makes on it."""

from __future__ import annotations

import errno
import functools
import os
from collections.abc import Sequence
from pathlib import Path

from firmware_host.clock import Clock
from firmware_host.disk import Disk
from firmware_host.twin.emulation import Emulation
from firmware_host.twin.faults.fault import Chronicle, Onset, strike_at
from firmware_host.twin.faults.kinds import DiskError, DiskFault, DiskFull, DiskReadOnly, DiskSlow

_CODES: dict[type[DiskFault], int] = {DiskFull: errno.ENOSPC, DiskReadOnly: errno.EROFS, DiskError: errno.EIO}


class FaultyDisk:
    """A disk that fails as its script says; a write is a call of `write_whole`, of `append`, or of `truncate`.

    Tiles are written beside the loop: which of the last few is the first one after a time is left to chance, the n-th
    write is the same each time.
    """

    def __init__(self, disk: Disk, faults: Sequence[DiskFault], chronicle: Chronicle, clock: Clock) -> None:
        self._disk = disk
        self._onsets = [(fault, Onset(fault, chronicle, clock)) for fault in faults]

    def write_whole(self, path: Path, content: bytes) -> None:
        struck = self._struck()
        if struck is not None:
            raise _error(struck, path)
        self._disk.write_whole(path, content)

    def append(self, path: Path, content: bytes) -> None:
        struck = self._struck()
        if struck is not None:
            if isinstance(struck, DiskError):
                self._disk.append(path, content[: len(content) // 2])
            raise _error(struck, path)
        self._disk.append(path, content)

    def truncate(self, path: Path, size: int) -> None:
        struck = self._struck(but=DiskFull)  # which gives back room
        if struck is not None:
            raise _error(struck, path)
        self._disk.truncate(path, size)

    def free_bytes(self, folder: Path) -> int:
        full = any(isinstance(fault, DiskFull) and onset.in_force for fault, onset in self._onsets)
        return 0 if full else self._disk.free_bytes(folder)

    def _struck(self, but: type[DiskFault] | None = None) -> DiskFault | None:
        struck = [fault for fault, onset in self._onsets if not (but and isinstance(fault, but)) and onset.strikes()]
        return struck[0] if struck else None


def slow_down(emulation: Emulation, faults: Sequence[DiskSlow], chronicle: Chronicle) -> None:
    """Writing costs more of the virtual clock while it lasts."""
    clock = emulation.clock

    def begin(fault: DiskSlow) -> None:
        chronicle.note(fault)
        clock.work_takes("write", round(fault.by_s * 1e9))

    for fault in faults:
        strike_at(clock, chronicle.time_ns(fault.at_s), functools.partial(begin, fault))
        if fault.for_s is not None:
            end = functools.partial(clock.work_takes, "write", -round(fault.by_s * 1e9))
            strike_at(clock, chronicle.time_ns(fault.at_s + fault.for_s), end)


def _error(fault: DiskFault, path: Path) -> OSError:
    code = _CODES[type(fault)]
    return OSError(code, os.strerror(code), str(path))
