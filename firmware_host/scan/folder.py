"""A scan's folder on disk: tiles whole before the journal names them, the journal appended and synced."""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from firmware_host.disk import Disk, LocalDisk
from firmware_host.errors import UsageError
from firmware_host.scan.journal import Journal, Past, read_journal

JOURNAL = "journal"


def tile_name(row: int, col: int, take: int = 1) -> str:
    """Where a field's tile lies within the folder. :param take: from 1; one that is taken again has another name."""
    again = "" if take == 1 else f"_{take}"
    return f"tiles/r{row:03d}_c{col:03d}{again}.jpg"


class ScanFolder:
    """The folder of one scan, while it is being written. Nobody else may write it meanwhile.

    :param disk: what holds it.
    """

    def __init__(self, path: Path, disk: Disk, past: Past | None, lock: int) -> None:
        """Use `new` or `continued`."""
        self.path = path
        self.past = past or Past([], 0)
        self._disk = disk
        self._lock = lock
        self.checksums: dict[str, str] = {}
        """Of the tiles' files, by name; those of an earlier session are for the caller to recall."""
        self._journal = Journal(path / JOURNAL, disk, past)

    def keep_on(self, disk: Disk) -> None:
        """Write through this one from now on."""
        self._disk = self._journal.disk = disk

    def log(self, event: str, **values: Any) -> None:
        """Append one entry to the journal, synced. :raises OSError: the disk does not take it."""
        self._journal.append(event, **values)

    def mention(self, event: str, **values: Any) -> None:
        """As `log`, for what is good to know and no more: what the disk does not take is left out."""
        with contextlib.suppress(OSError):
            self._journal.append(event, **values)

    @classmethod
    def new(cls, path: Path, disk: Disk | None = None) -> ScanFolder:
        """Make it. One that a scan left before it had found its fields is taken, too.

        :raises UsageError: it holds something already, or cannot be made; nothing is written then.
        """
        try:
            if path.exists() and not (path.is_dir() and _has_nothing_to_lose(path)):
                is_scan = (path / JOURNAL).exists()
                what = "another scan; continue it with --resume, or" if is_scan else "something already;"
                raise UsageError(f"output {path}: holds {what} choose another --out, or remove it first")
            (path / "tiles").mkdir(parents=True, exist_ok=True)
            lock = _locked(path)
            (path / JOURNAL).unlink(missing_ok=True)
        except OSError as error:
            raise UsageError(f"output {path}: cannot be made: {error.strerror}; choose another --out") from error
        return cls(path, disk or LocalDisk(), None, lock)

    @classmethod
    def continued(cls, path: Path, disk: Disk | None = None) -> ScanFolder:
        """Open that of a scan which was interrupted; `past` is what its journal says.

        :raises UsageError: it is none, its journal is damaged, or a scan writes it at the moment.
        """
        past = read_journal(path / JOURNAL)
        if not past.entries:
            raise UsageError(
                f"output {path}: its scan was interrupted before it had begun; scan again without --resume"
            )
        try:
            (path / "tiles").mkdir(exist_ok=True)
            lock = _locked(path)
            past = read_journal(path / JOURNAL)  # nobody adds to it any more
            return cls(path, disk or LocalDisk(), past, lock)
        except OSError as error:
            raise UsageError(f"output {path}: cannot be written: {error.strerror}; check the disk") from error

    def discard(self) -> None:
        """Remove the folder again when nothing was scanned into it; a folder that holds a tile is left as it is."""
        if not any((self.path / "tiles").iterdir()):
            (self.path / JOURNAL).unlink(missing_ok=True)
            (self.path / "tiles").rmdir()
            self.path.rmdir()
        self.release()

    def release(self) -> None:
        """Let others write it. Safe to call twice."""
        lock, self._lock = self._lock, -1
        if lock >= 0:
            os.close(lock)

    def save_tile(self, name: str, image: NDArray[np.uint8], quality: int) -> int:
        """Write a tile whole and synced; `name` is that of `tile_name`. :returns: the size of its file, bytes."""
        stream = io.BytesIO()
        Image.fromarray(image).save(stream, "JPEG", quality=quality, subsampling=0)
        content = stream.getvalue()
        self._disk.write_whole(self.path / name, content)
        self.checksums[name] = checksum(content)
        return len(content)

    def drop_tile(self, name: str) -> None:
        """Remove a tile that no line names any more; one that stays does no harm."""
        self.checksums.pop(name, None)
        with contextlib.suppress(OSError):
            (self.path / name).unlink()

    def sweep(self, named: set[str]) -> None:
        """Remove what interrupted writes have left, and tiles that nothing names."""
        for file in (self.path / "tiles").iterdir():
            if f"tiles/{file.name}" not in named:
                file.unlink()


def checksum(content: bytes) -> str:
    """The CRC-32 of a tile's file, as the journal has it."""
    return f"{zlib.crc32(content):08x}"


def _has_nothing_to_lose(path: Path) -> bool:
    """Whether nothing but what a scan makes before it finds its fields is in the folder."""
    names = {entry.name for entry in path.iterdir()}
    if not names <= {"tiles", JOURNAL} or ("tiles" in names and any((path / "tiles").iterdir())):
        return False
    return JOURNAL not in names or not read_journal(path / JOURNAL).of("prepared")


def _locked(path: Path) -> int:
    """A handle that keeps others out until it is closed, or its process dies."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise UsageError(f"output {path}: a scan is writing it; wait for its end, or choose another --out") from None
    return handle
