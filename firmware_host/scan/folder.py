"""A scan's folder on disk: tiles whole before the journal names them, the journal appended and synced."""

from __future__ import annotations

import io
import json
import os
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from firmware_host.errors import UsageError
from firmware_host.whole_file import write_whole

JOURNAL_SCHEMA = 1


def tile_name(row: int, col: int) -> str:
    """Where a field's tile lies within the folder."""
    return f"tiles/r{row:03d}_c{col:03d}.jpg"


class ScanFolder:
    """A new folder for one scan.

    :raises UsageError: it holds something already, or cannot be made; nothing is written then.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            if path.exists() and (not path.is_dir() or any(path.iterdir())):
                what = "another scan" if (path / "journal").exists() else "something already"
                raise UsageError(f"output {path}: holds {what}; choose another --out, or remove it first")
            (path / "tiles").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"output {path}: cannot be made: {error.strerror}; choose another --out") from error

    def discard(self) -> None:
        """Remove the folder again when nothing was scanned into it; a folder that holds a tile is left as it is."""
        if not any((self.path / "tiles").iterdir()):
            (self.path / "journal").unlink(missing_ok=True)
            (self.path / "tiles").rmdir()
            self.path.rmdir()

    def save_tile(self, name: str, image: NDArray[np.uint8], quality: int) -> None:
        """Write a tile whole and synced; `name` is that of `tile_name`."""
        stream = io.BytesIO()
        Image.fromarray(image).save(stream, "JPEG", quality=quality, subsampling=0)
        write_whole(self.path / name, stream.getvalue())

    def log(self, event: str, **values: Any) -> None:
        """Append one line to the journal and sync it: the CRC-32 of the entry, then the entry as JSON."""
        entry = json.dumps({"schema": JOURNAL_SCHEMA, "event": event, **values}, sort_keys=True)
        with (self.path / "journal").open("a", encoding="ascii") as journal:
            journal.write(f"{zlib.crc32(entry.encode('ascii')):08x} {entry}\n")
            journal.flush()
            os.fsync(journal.fileno())
