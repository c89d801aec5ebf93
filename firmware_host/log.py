"""A log file of a service, in lines of UTC: what happened, and how far a scan got. Its size is bounded.

Off unless a file is named. A disk that does not take it never ends a scan.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path

from firmware_host.errors import UsageError
from firmware_host.incidents import Incident

_FILE_BYTES = 1_000_000
_OLDER_FILES = 4  # FILE.1 is the last of them, FILE.4 the oldest
_TENTHS = 10  # a step is noted when it begins, and at each tenth of it


class Log:
    """Writes lines such as `2026-01-02T03:04:05.678Z WARNING disk nearly full: 2 GB free`. Safe from any thread."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._step, self._tenth = "", 0

    def note(self, incident: Incident) -> None:
        """A `firmware_host.incidents.Note`."""
        self._logger.warning("%s: %s", incident.cause, incident.text)

    def tell(self, step: str, share: float, seconds_left: float | None) -> None:
        """A `firmware_host.heartbeat.Tell`; from one thread."""
        tenth = int(share * _TENTHS)
        if (step, tenth) == (self._step, self._tenth):
            return
        self._step, self._tenth = step, tenth
        left = "" if seconds_left is None else f", {seconds_left:.0f} s left"
        self._logger.info("%s %.0f%%%s", step, share * 100, left)

    def say(self, text: str) -> None:
        """How a scan began or ended."""
        self._logger.info("%s", text)


@contextmanager
def log_to(
    path: Path | None,
    warn: Callable[[str], None],
    file_bytes: int = _FILE_BYTES,
    older_files: int = _OLDER_FILES,
) -> Iterator[Log]:
    """A log into this file, which is appended to; None: into nothing.

    :param warn: told once when the file takes no more.
    :param file_bytes: a file that would become larger is put away as FILE.1; :param older_files: so many are kept.
    :raises UsageError: the file cannot be opened.
    """
    logger = logging.Logger("wsi-host", logging.INFO)  # not one of the process's own: nobody else writes into it
    handler = _handler(path, warn, file_bytes, older_files)
    handler.setFormatter(_Lines())
    logger.addHandler(handler)
    try:
        yield Log(logger)
    finally:
        with contextlib.suppress(OSError):  # what it could not write was said when it could not
            handler.close()


def _handler(path: Path | None, warn: Callable[[str], None], file_bytes: int, older_files: int) -> logging.Handler:
    if path is None:
        return logging.NullHandler()
    try:
        return _File(path, warn, file_bytes, older_files)
    except OSError as error:
        raise UsageError(f"log {path}: cannot be written: {error.strerror or error}; choose another file") from error


class _File(RotatingFileHandler):
    """Whose errors are said once."""

    def __init__(self, path: Path, warn: Callable[[str], None], file_bytes: int, older_files: int) -> None:
        super().__init__(
            path, maxBytes=file_bytes, backupCount=older_files, encoding="utf-8", errors="backslashreplace"
        )
        self._warn: Callable[[str], None] | None = warn

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802, ARG002 - the library's name
        if self._warn is not None:
            self._warn(f"log {self.baseFilename}: takes no more, the scan goes on without it; check its disk")
            self._warn = None


class _Lines(logging.Formatter):
    """One line a record, whatever it says."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        return "".join(char if char.isprintable() else " " for char in super().format(record))

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802, ARG002
        return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
