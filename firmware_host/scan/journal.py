"""The journal of a scan: what happened, line by line, each synced before the scan goes on.

A line is the CRC-32 of an entry, a space, the entry as JSON. Entries are numbered. A power cut may leave the last line
torn: it is as if it had never been written. Damage anywhere else is refused.
"""

from __future__ import annotations

import json
import threading
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firmware_host.disk import Disk
from firmware_host.errors import UsageError

SCHEMA = 3
_MOST_BYTES = 1 << 30


@dataclass(frozen=True)
class Entry:
    """One line. :param number: from 0, without gaps; :param values: what goes with the event."""

    number: int
    event: str
    values: dict[str, Any]


@dataclass(frozen=True)
class Past:
    """A journal as it was found.

    :param whole_bytes: length of the lines that are whole; what follows is torn.
    """

    entries: Sequence[Entry]
    whole_bytes: int

    def of(self, event: str) -> list[dict[str, Any]]:
        """What goes with the entries of one event, in order."""
        return [entry.values for entry in self.entries if entry.event == event]


def read_journal(path: Path) -> Past:
    """Read and check a journal.

    :raises UsageError: it is not there, cannot be read, is of another schema, or is damaged before its last line.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise UsageError(f"journal {path}: larger than any scan's; is it one?")
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"journal {path}: cannot be read: {error.strerror}; is this the folder of a scan?") from error
    entries: list[Entry] = []
    at = 0
    while at < len(content):
        end = content.find(b"\n", at)
        entry = None if end < 0 else _parsed(content[at:end])
        if entry is None or entry.number != len(entries):
            _refuse_damage(path, content[at:], len(entries))
            break
        if not entries and (found := entry.values.get("schema")) != SCHEMA:
            raise UsageError(
                f"journal {path}: of schema {found}, this software reads {SCHEMA}; use the version that began the scan"
            )
        entries.append(entry)
        at = end + 1
    return Past(entries, at)


class Journal:
    """Appends to a journal, new or continued. Any thread may.

    :param past: what it holds already; what follows of a torn line is cut off before the next one is written.
    """

    def __init__(self, path: Path, disk: Disk, past: Past | None = None) -> None:
        self._path = path
        self.disk = disk
        self._lock = threading.Lock()
        self._next = len(past.entries) if past is not None else 0
        self._whole_bytes = past.whole_bytes if past is not None else 0
        self._is_torn = past is not None

    def append(self, event: str, **values: Any) -> None:
        """Write one entry and sync it.

        :raises OSError: the disk does not take it; it may be tried again, whatever has been left of it.
        """
        with self._lock:
            entry = {"number": self._next, "event": event, **values}
            if self._next == 0:
                entry["schema"] = SCHEMA
            text = json.dumps(entry, sort_keys=True, allow_nan=False).encode("ascii")
            line = b"%08x %b\n" % (zlib.crc32(text), text)
            if self._is_torn and self._path.exists():
                self.disk.truncate(self._path, self._whole_bytes)
            self._is_torn = True
            self.disk.append(self._path, line)
            self._is_torn = False
            self._whole_bytes += len(line)
            self._next += 1


def _parsed(line: bytes) -> Entry | None:
    """None: it is not what was written."""
    checksum, _, text = line.partition(b" ")
    try:
        if int(checksum, 16) != zlib.crc32(text):
            return None
        values = json.loads(text)
        return Entry(values.pop("number"), values.pop("event"), values)
    except (ValueError, KeyError, AttributeError):
        return None


def _refuse_damage(path: Path, rest: bytes, good: int) -> None:
    """:raises UsageError: whole lines follow the bad one, so it was no power cut that tore it."""
    lines = rest.split(b"\n")
    if len(lines) > 1 and any(_parsed(line) is not None for line in lines):
        raise UsageError(
            f"journal {path}: line {good + 1} is damaged, and whole ones follow; the disk may be failing: "
            "copy the folder elsewhere, and scan the slide again"
        )
