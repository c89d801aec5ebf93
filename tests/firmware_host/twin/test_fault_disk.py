"""A disk that is full, read-only, broken or slow, as the calls on it show."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from firmware_host.clock import VirtualClock
from firmware_host.disk import LocalDisk
from firmware_host.profile import load_profile
from firmware_host.scan.journal import Journal, read_journal
from firmware_host.twin.emulation import Emulation
from firmware_host.twin.faults import disk
from firmware_host.twin.faults.disk import FaultyDisk
from firmware_host.twin.faults.fault import Chronicle, FaultPlan
from firmware_host.twin.faults.kinds import DiskError, DiskFault, DiskFull, DiskReadOnly, DiskSlow

SECOND_NS = 10**9


def faulty(clock: VirtualClock, *faults: DiskFault) -> tuple[FaultyDisk, FaultPlan]:
    plan = FaultPlan(faults)
    return FaultyDisk(LocalDisk(), faults, Chronicle(plan, clock), clock), plan


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (DiskFull(at_count=2, for_s=10), errno.ENOSPC),
        (DiskReadOnly(at_count=2, for_s=10), errno.EROFS),
        (DiskError(at_count=2, for_s=10), errno.EIO),
    ],
)
@pytest.mark.parametrize("call", ["write_whole", "append"])
def test_writes_fail_as_the_kernel_says_until_it_is_over(
    tmp_path: Path, fault: DiskFault, code: int, call: str
) -> None:
    clock = VirtualClock()
    where, plan = faulty(clock, fault)
    write = getattr(where, call)
    write(tmp_path / "1", b"first")
    for _ in range(2):
        with pytest.raises(OSError, match=str(tmp_path / "2")) as failed:
            write(tmp_path / "2", b"second")
        assert failed.value.errno == code
    clock.wait_until(10 * SECOND_NS, "wait")
    write(tmp_path / "3", b"third")
    assert (tmp_path / "1").read_bytes() == b"first"
    assert (tmp_path / "3").read_bytes() == b"third"
    left = (tmp_path / "2").read_bytes() if (tmp_path / "2").exists() else b""
    assert left == (b"secsec" if isinstance(fault, DiskError) and call == "append" else b"")
    assert len(plan.struck) == 2


@pytest.mark.parametrize(
    ("fault", "again"),
    [(DiskFull(at_count=1), False), (DiskReadOnly(at_count=1), False), (DiskError(at_count=1), True)],
)
def test_an_error_is_over_at_once_and_the_others_are_not(tmp_path: Path, fault: DiskFault, again: bool) -> None:
    where, _ = faulty(VirtualClock(), fault)
    for attempt in range(2):
        if attempt and again:
            where.write_whole(tmp_path / "tile", b"whole")
        else:
            with pytest.raises(OSError, match="tile"):
                where.write_whole(tmp_path / "tile", b"whole")
    assert (tmp_path / "tile").exists() is again


def test_a_full_disk_says_so_while_it_is_full(tmp_path: Path) -> None:
    clock = VirtualClock()
    where, _ = faulty(clock, DiskFull(at_s=1, for_s=1))
    free = []
    for time_s in (0.5, 1.5, 2.5):
        clock.wait_until(round(time_s * SECOND_NS), "wait")
        free.append(where.free_bytes(tmp_path) > 0)
    assert free == [True, False, True]


@pytest.mark.parametrize(
    ("fault", "cuts"), [(DiskFull(at_s=0), True), (DiskReadOnly(at_s=0), False), (DiskError(at_s=0), False)]
)
def test_only_a_full_disk_still_cuts_files(tmp_path: Path, fault: DiskFault, cuts: bool) -> None:
    (tmp_path / "journal").write_bytes(b"whole torn")
    where, _ = faulty(VirtualClock(), fault)
    if cuts:
        where.truncate(tmp_path / "journal", 5)
    else:
        with pytest.raises(OSError, match="journal"):
            where.truncate(tmp_path / "journal", 5)
    assert (tmp_path / "journal").read_bytes() == (b"whole" if cuts else b"whole torn")


@pytest.mark.parametrize("times", [1, 2, 4])
def test_an_error_of_a_few_writes_passes_when_a_journal_tries_again(tmp_path: Path, times: int) -> None:
    """Each try first cuts off what the last one has left, which is a write like any other."""
    where, _ = faulty(VirtualClock(), DiskError(at_count=2, times=times))
    journal, refused = Journal(tmp_path / "journal", where), 0
    for event in ("begin", "prepared"):
        while True:
            try:
                journal.append(event)
                break
            except OSError:
                refused += 1
    assert refused == times
    assert [entry.event for entry in read_journal(tmp_path / "journal").entries] == ["begin", "prepared"]


def test_a_slow_disk_takes_the_scanners_time_for_its_time() -> None:
    emulation = Emulation(load_profile("emulated"), 1, None)
    clock, plan = emulation.clock, FaultPlan((DiskSlow(at_s=1, for_s=10, by_s=2.0),))
    disk.slow_down(emulation, [each for each in plan.faults if isinstance(each, DiskSlow)], Chronicle(plan, clock))
    taken_s = []
    for time_s in (0.5, 2.0, 12.0):
        clock.wait_until(round(time_s * SECOND_NS), "wait")
        began_ns = clock.now_ns()
        with clock.work("write"):
            pass
        taken_s.append((clock.now_ns() - began_ns) / SECOND_NS)
    assert taken_s == pytest.approx([0.006, 2.006, 0.006])
    assert [entry.at_s for entry in plan.struck] == [1.0]
