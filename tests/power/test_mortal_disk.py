"""A process that ends at one of its calls of the disk leaves what it had written by then, and not a byte more."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmarks.power.forked import Forked
from benchmarks.power.scanner import MortalDisk, When
from firmware_host.disk import LocalDisk


def left_by(folder: Path, call: int, when: When) -> dict[str, bytes]:
    """The files after a process wrote a tile and two lines, unless it ended before."""

    def work() -> None:
        disk = MortalDisk(call, when, LocalDisk())
        disk.write_whole(folder / "tile", b"tile")
        disk.append(folder / "journal", b"1234")
        disk.append(folder / "journal", b"5678")

    with Forked(work, Path(os.devnull)) as process:
        assert process.wait(20)
        assert process.killed is (call <= 3)
        assert process.succeeded is (call > 3)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize(
    ("call", "when", "left"),
    [
        (1, "before", {}),
        (1, "amid", {".tile.part": b"ti"}),
        (1, "after", {"tile": b"tile"}),
        (2, "before", {"tile": b"tile"}),
        (2, "amid", {"tile": b"tile", "journal": b"12"}),
        (3, "before", {"tile": b"tile", "journal": b"1234"}),
        (3, "amid", {"tile": b"tile", "journal": b"123456"}),
        (3, "after", {"tile": b"tile", "journal": b"12345678"}),
        (4, "before", {"tile": b"tile", "journal": b"12345678"}),
    ],
)
def test_what_is_left(call: int, when: When, left: dict[str, bytes], tmp_path: Path) -> None:
    assert left_by(tmp_path, call, when) == left


def test_a_process_that_fails_says_why(tmp_path: Path) -> None:
    def work() -> None:
        raise ValueError("no such thing")

    with Forked(work, tmp_path / "log") as process:
        assert process.wait(20)
        assert not process.succeeded
        assert not process.killed
    assert "ValueError: no such thing" in (tmp_path / "log").read_text()


def test_a_process_that_goes_on_is_killed(tmp_path: Path) -> None:
    with Forked(lambda: os.read(os.pipe()[0], 1), tmp_path / "log") as process:
        assert not process.wait(0.05)
        process.kill()
        assert process.killed
