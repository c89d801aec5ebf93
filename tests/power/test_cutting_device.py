"""The rig itself: on a real ext4 a careful writer keeps its word through any power cut, careless ones are caught."""

from __future__ import annotations

import mmap
import os
import select
import signal
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.power.forked import Forked
from benchmarks.power.mounted import CuttingDevice, abandoned, missing, sweep
from firmware_host.disk import LocalDisk

pytestmark = pytest.mark.skipif(missing() is not None, reason=f"power cuts: {missing()}")

FIELDS, WRITES = 40, 120
TILE = bytes(range(256)) * 80
Writer = Callable[[Path, int], None]
"""Does field number N in a folder."""


def line(number: int) -> bytes:
    return b"%08x %d\n" % (zlib.crc32(b"%d" % number), number)


def careful(folder: Path, number: int) -> None:
    LocalDisk().write_whole(folder / f"{number}.jpg", TILE)
    LocalDisk().append(folder / "journal", line(number))


def journal_first(folder: Path, number: int) -> None:
    LocalDisk().append(folder / "journal", line(number))
    LocalDisk().write_whole(folder / f"{number}.jpg", TILE)


def tile_not_synced(folder: Path, number: int) -> None:
    part = folder / f".{number}.part"
    part.write_bytes(TILE)
    part.replace(folder / f"{number}.jpg")
    LocalDisk().append(folder / "journal", line(number))


def journal_not_synced(folder: Path, number: int) -> None:
    LocalDisk().write_whole(folder / f"{number}.jpg", TILE)
    with (folder / "journal").open("ab") as journal:
        journal.write(line(number))


def named(folder: Path) -> list[int]:
    """The fields that the journal names; a torn end is none."""
    journal = folder / "journal"
    lines = journal.read_bytes().splitlines(keepends=True) if journal.exists() else []
    return [number for number, each in enumerate(lines) if each == line(number)]


def broken_by_a_cut(write: Writer, seed: int) -> str:
    """Write fields until the power goes; what the disk then holds against the writer's word, else empty."""
    done = mmap.mmap(-1, 1)

    def work(folder: Path) -> None:
        for number in range(FIELDS):
            write(folder, number)
            if select.select([device.off], [], [], 0)[0]:  # nobody knows any more what was done before
                signal.pause()
            done[0] = number + 1

    with CuttingDevice(16, seed) as device:
        device.cut_after_writes(5 + seed * 37 % WRITES)
        with device.mounted() as folder, Forked(lambda: work(folder), Path(os.devnull)) as writer:
            assert not writer.wait(20, device.off), "the power never went"
            told = done[0]
        device.power_up()
        with device.mounted() as folder:
            fields = named(folder)
            torn = [each for each in fields if not is_whole(folder / f"{each}.jpg")]
        assert device.check() == ""
    if torn:
        return f"{torn} in the journal, and no tile"
    return "" if len(fields) >= told else f"{told} done, {len(fields)} in the journal"


def is_whole(tile: Path) -> bool:
    return tile.exists() and tile.read_bytes() == TILE


@pytest.mark.parametrize("seed", range(6))
def test_a_careful_writer_keeps_its_word(seed: int) -> None:
    assert broken_by_a_cut(careful, seed) == ""


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (journal_first, "no tile"),
        (tile_not_synced, "no tile"),
        (journal_not_synced, "in the journal"),
    ],
)
def test_a_careless_writer_is_caught(write: Writer, words: str) -> None:
    assert any(words in broken_by_a_cut(write, seed) for seed in range(10))


def test_synced_files_outlast_a_cut_and_others_need_not() -> None:
    lost = 0
    for seed in range(3):
        with CuttingDevice(16, seed) as device:
            with device.mounted() as folder:
                LocalDisk().write_whole(folder / "synced", TILE)
                (folder / "written").write_bytes(TILE)
                device.cut()
            device.power_up()
            with device.mounted() as folder:
                assert is_whole(folder / "synced")
                lost += not is_whole(folder / "written")
    assert lost > 0


def test_nothing_is_left_behind() -> None:
    with CuttingDevice(16, 1) as device, device.mounted() as folder:
        place = folder.parent
        assert str(place) in mounts()
    assert str(place) not in mounts()
    assert not place.exists()


def test_what_a_killed_run_left_is_cleared_away() -> None:
    """Mounts, loop device and folder of a process that is gone."""

    def die_within() -> None:
        with CuttingDevice(16, 1) as device, device.mounted():
            os._exit(0)

    with Forked(die_within, Path(os.devnull)) as killed:
        assert killed.wait(20)
    (left,) = abandoned()
    assert mounts().count(str(left)) == 2
    sweep()
    assert abandoned() == []
    assert str(left) not in mounts()


def mounts() -> str:
    return Path("/proc/mounts").read_text()
