"""Whether a scan that was interrupted holds what an uninterrupted one of the same slide holds."""

from __future__ import annotations

import csv
import json
import zlib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from firmware_host.scan.folder import JOURNAL
from firmware_host.scan.journal import read_journal


@dataclass(frozen=True)
class Verdict:
    """Counts of fields, and what is wrong in words; all 0 and empty when nothing is.

    :param lost: planned, and not in the table or without its tile; :param twice: more than once in the table.
    :param changed: the tile is not the same, byte for byte, or does not decode.
    :param same_slide: slide.tiff is the same, byte for byte.
    :param table: the first difference of the tables, times excepted; empty where there is none.
    :param leftovers: files that an uninterrupted scan does not leave.
    """

    lost: int
    twice: int
    changed: int
    same_slide: bool
    table: str = ""
    leftovers: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return self.same_slide and not (self.lost or self.twice or self.changed or self.table or self.leftovers)


def compared(reference: Path, folder: Path) -> Verdict:
    """Compare two folders. :param reference: of the uninterrupted scan."""
    planned, found = _table(reference), _table(folder)
    fields = Counter(map(_place, found))
    tiles = {_place(row): folder / row["tile"] for row in found if (folder / row["tile"]).is_file()}
    pairs = [(reference / row["tile"], tiles[_place(row)]) for row in planned if _place(row) in tiles]
    return Verdict(
        lost=len(planned) - len(pairs),
        twice=sum(count - 1 for count in fields.values()),
        changed=sum(not _same_tile(*pair) for pair in pairs),
        same_slide=_same(reference / "slide.tiff", folder / "slide.tiff"),
        table=_difference(planned, found),
        leftovers=sorted(_files(folder) - _files(reference)),
    )


def _place(row: dict[str, str]) -> tuple[str, str]:
    return row["row"], row["col"]


def has_begun(out: Path) -> bool:
    """Whether the first line of the journal is whole, found out without the code that is on trial."""
    try:
        line, newline, _ = (out / JOURNAL).read_bytes().partition(b"\n")
        checksum, _, text = line.partition(b" ")
        return bool(newline) and int(checksum, 16) == zlib.crc32(text) and json.loads(text)["event"] == "begin"
    except (OSError, ValueError):
        return False


def broken_promises(folder: Path) -> int:
    """How many tiles the journal of an interrupted scan names that are not on disk, whole."""
    if not has_begun(folder):
        return 0
    named: dict[tuple[int, int], tuple[str, str]] = {}
    for entry in read_journal(folder / JOURNAL).entries:
        if entry.event == "field":
            named[entry.values["row"], entry.values["col"]] = entry.values["tile"], entry.values["checksum"]
        elif entry.event == "doubted":
            for row, col in entry.values["fields"]:
                named.pop((row, col), None)
    return sum(not _is_whole(folder / tile, checksum) for tile, checksum in named.values())


def _is_whole(tile: Path, checksum: str) -> bool:
    return tile.is_file() and f"{zlib.crc32(tile.read_bytes()):08x}" == checksum


def _table(folder: Path) -> list[dict[str, str]]:
    path = folder / "tiles.csv"
    return list(csv.DictReader(path.read_text().splitlines())) if path.is_file() else []


def _difference(planned: list[dict[str, str]], found: list[dict[str, str]]) -> str:
    """Not in how long a field took: the first one after an interruption has a longer way."""
    if list(map(_place, planned)) != list(map(_place, found)):
        return "its fields, or their order"
    for before, now in zip(planned, found, strict=True):
        for key in before:
            if before[key] != now.get(key) and not key.endswith("_ms"):
                return f"field {before['row']},{before['col']}: {key} was {before[key]}, is {now.get(key)}"
    return ""


def _files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def _same(one: Path, other: Path) -> bool:
    return one.is_file() and other.is_file() and one.read_bytes() == other.read_bytes()


def _same_tile(one: Path, other: Path) -> bool:
    try:
        with Image.open(other) as image:
            image.load()
    except OSError:
        return False
    return _same(one, other)
