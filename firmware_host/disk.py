"""Where a scan is kept: the few calls that its folder makes on a disk, which may be full, slow or gone."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Protocol

from firmware_host.health.disk import free_bytes
from firmware_host.whole_file import sync_folder, write_whole


class Disk(Protocol):
    """What a scan's folder asks of the disk. Every call may raise OSError."""

    def write_whole(self, path: Path, content: bytes) -> None:
        """Write a file so that after a power cut it is there whole, or not at all."""

    def append(self, path: Path, content: bytes) -> None:
        """Append to a file, which may be new, and sync it.

        After a power cut all of it is there, or a part. After an error nothing of it is, if the disk still takes that.
        """

    def truncate(self, path: Path, size: int) -> None:
        """Cut a file to its first `size` bytes, and sync it."""

    def free_bytes(self, folder: Path) -> int:
        """Room for files of this user on the disk that holds the folder."""


class LocalDisk:
    """A disk of this machine."""

    def write_whole(self, path: Path, content: bytes) -> None:
        write_whole(path, content)

    def append(self, path: Path, content: bytes) -> None:
        is_new = not path.exists()
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            before = os.fstat(handle).st_size
            try:
                left = memoryview(content)
                while left:
                    left = left[os.write(handle, left) :]
                os.fsync(handle)
            except OSError:
                with contextlib.suppress(OSError):
                    os.ftruncate(handle, before)
                raise
        finally:
            os.close(handle)
        if is_new:
            sync_folder(path.parent)

    def truncate(self, path: Path, size: int) -> None:
        handle = os.open(path, os.O_WRONLY)
        try:
            os.ftruncate(handle, size)
            os.fsync(handle)
        finally:
            os.close(handle)

    def free_bytes(self, folder: Path) -> int:
        return free_bytes(folder)
