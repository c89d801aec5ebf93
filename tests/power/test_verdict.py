"""What the verdict on an interrupted scan is worth: each thing that can be wrong with a folder is seen."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.power.verdict import Verdict, broken_promises, compared, has_begun
from firmware_host.disk import LocalDisk
from firmware_host.scan.journal import Journal

GOOD = Verdict(lost=0, twice=0, changed=0, same_slide=True)
OTHER = "its fields, or their order"
HEAD = "row,col,x_um,move_ms,tile\n"


def row(number: int, ms: float = 1.0) -> str:
    return f"0,{number},{number}.000,{ms},tiles/{number}.jpg\n"


def scanned(folder: Path, move_ms: float = 1.0) -> Path:
    (folder / "tiles").mkdir(parents=True)
    for number in range(3):
        picture = np.full((8, 8, 3), 60 * number, np.uint8)
        Image.fromarray(picture).save(folder / f"tiles/{number}.jpg", "JPEG")
    (folder / "tiles.csv").write_text(HEAD + "".join(row(number, move_ms) for number in range(3)))
    (folder / "slide.tiff").write_bytes(b"slide")
    return folder


def test_a_folder_that_differs_only_in_times_is_good(tmp_path: Path) -> None:
    verdict = compared(scanned(tmp_path / "a"), scanned(tmp_path / "b", move_ms=7.0))
    assert verdict == GOOD
    assert verdict.good


def edit(name: str, change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        (folder / name).write_bytes(change((folder / name).read_bytes()))

    return apply


@pytest.mark.parametrize(
    ("harm", "seen"),
    [
        (lambda folder: (folder / "tiles/1.jpg").unlink(), {"lost": 1}),
        (edit("tiles.csv", lambda text: text.replace(row(1).encode(), b"")), {"lost": 1, "table": OTHER}),
        (edit("tiles.csv", lambda text: text + row(1).encode()), {"twice": 1, "table": OTHER}),
        (
            edit("tiles.csv", lambda text: text.replace(b"2.000", b"2.001")),
            {"table": "field 0,2: x_um was 2.000, is 2.001"},
        ),
        (edit("tiles/2.jpg", lambda tile: tile[:-20]), {"changed": 1}),
        (edit("tiles/2.jpg", lambda tile: tile + b"\0"), {"changed": 1}),
        (edit("slide.tiff", lambda slide: slide + b"\0"), {"same_slide": False}),
        (lambda folder: (folder / "slide.tiff").unlink(), {"same_slide": False}),
        (lambda folder: (folder / ".slide.tiff.part").touch(), {"leftovers": [".slide.tiff.part"]}),
        (lambda folder: (folder / "tiles.csv").unlink(), {"lost": 3, "table": OTHER}),
    ],
)
def test_what_is_wrong_is_seen(harm: Callable[[Path], None], seen: dict[str, object], tmp_path: Path) -> None:
    reference, folder = scanned(tmp_path / "a"), scanned(tmp_path / "b")
    harm(folder)
    verdict = compared(reference, folder)
    assert verdict == Verdict(**{**vars(GOOD), **seen})
    assert not verdict.good


@pytest.mark.parametrize(
    ("tail", "begun"), [("\n", True), ("", False), ("\nabc", True)], ids=["whole", "no end of line", "next one torn"]
)
def test_a_scan_has_begun_when_its_first_line_is_whole(tail: str, begun: bool, tmp_path: Path) -> None:
    text = json.dumps({"event": "begin"})
    (tmp_path / "journal").write_text(f"{zlib.crc32(text.encode()):08x} {text}{tail}")
    assert has_begun(tmp_path) is begun


@pytest.mark.parametrize("content", [b"", b"00000000 {}\n", b"\xff\n"])
def test_a_scan_whose_first_line_is_damaged_has_not_begun(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "journal").write_bytes(content)
    assert not has_begun(tmp_path)
    assert not has_begun(tmp_path / "nowhere")


def test_a_tile_that_the_journal_names_must_be_whole(tmp_path: Path) -> None:
    """The last word on each field counts: one that was taken again has another tile."""
    scanned(tmp_path)
    journal = Journal(tmp_path / "journal", LocalDisk())
    journal.append("begin")
    checksums = [f"{zlib.crc32((tmp_path / f'tiles/{number}.jpg').read_bytes()):08x}" for number in range(3)]
    journal.append("field", row=0, col=0, tile="tiles/gone.jpg", checksum=checksums[0])
    for number, checksum in enumerate(checksums):
        journal.append("field", row=0, col=number, tile=f"tiles/{number}.jpg", checksum=checksum)
    assert broken_promises(tmp_path) == 0
    (tmp_path / "tiles/1.jpg").write_bytes(b"half")
    (tmp_path / "tiles/2.jpg").unlink()
    assert broken_promises(tmp_path) == 2
    journal.append("doubted", fields=[(0, 2)])
    assert broken_promises(tmp_path) == 1


def test_nothing_was_promised_before_the_first_line(tmp_path: Path) -> None:
    assert broken_promises(tmp_path / "nowhere") == 0
