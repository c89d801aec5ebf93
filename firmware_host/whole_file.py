"""Files and folders that are whole or not there: written beside their place, synced, then renamed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; when the body succeeds it is synced and renamed, else removed."""
    part = path.with_name(f".{path.name}.part")
    try:
        yield part
        with part.open("rb") as handle:
            os.fsync(handle.fileno())
        part.replace(path)
        sync_folder(path.parent)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path, part: Path) -> Iterator[Path]:
    """Give the new folder `part` to put files into; when the body succeeds it becomes `path`, else it is removed.

    :param part: a name on the same disk that nobody takes for a finished folder, should the power fail.
    :raises OSError: `part` is there already, `path` holds something, or they cannot be written.
    """
    part.mkdir(parents=True)
    try:
        yield part
        for file in part.iterdir():
            with file.open("rb") as handle:
                os.fsync(handle.fileno())
        sync_folder(part)
        path.parent.mkdir(parents=True, exist_ok=True)
        part.replace(path)
        sync_folder(path.parent)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that after a power cut it is there whole, or not at all."""
    with whole_file(path) as part:
        part.write_bytes(content)


def sync_folder(folder: Path) -> None:
    """Make what was created, renamed and removed in a folder outlast a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
