"""Gates that are violated on purpose are caught, each by name. (A slower inference: test_comparison.py.)"""

from __future__ import annotations

import time

import pytest

from benchmarks.budgets import judged, shipped_budgets
from benchmarks.focus import host_overhead, rows_of
from benchmarks.measure import Row
from benchmarks.scans import profile_of, scan_part
from firmware_host.camera.port import Frame
from firmware_host.clock import VirtualClock
from firmware_host.focus.eye import Eye
from firmware_host.scan.plan import Region

FEW_FIELDS = Region(3900, 2700, 4400, 2850)


def broken(rows: list[Row]) -> set[str]:
    """Names of the budgets that these rows of the suite focus break."""
    names = {row.name for row in rows}
    return {
        row.name for row in judged(rows, [each for each in shipped_budgets() if each.name in names]) if not row.passed
    }


def budgeted(rows: list[Row]) -> list[Row]:
    names = {budget.name for budget in shipped_budgets()}
    return [row for row in rows if row.name in names]


def focused() -> set[str]:
    done = scan_part(profile_of("emulated"), "two-shot", FEW_FIELDS, calibration=False)
    return broken(budgeted(rows_of(done)))


def test_one_wait_more_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tenth of a millisecond on the scanner's clock, in each look."""
    look = Eye.look

    def slower(eye: Eye, settled_ns: int) -> Frame:
        frame = look(eye, settled_ns)
        clock = eye._clock
        assert isinstance(clock, VirtualClock)
        clock.wait_until(clock.now_ns() + 100_000, "wait")
        return frame

    monkeypatch.setattr(Eye, "look", slower)
    assert "two-shot: beyond the floor, fields of two frames" in focused()


def test_one_capture_more_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    look = Eye.look

    def twice(eye: Eye, settled_ns: int) -> Frame:
        look(eye, settled_ns)
        return look(eye, settled_ns)

    monkeypatch.setattr(Eye, "look", twice)
    assert {"two-shot: captures", "two-shot: beyond the floor, fields of two frames"} <= focused()


def test_the_loop_as_it_is_keeps_its_exact_budget() -> None:
    assert "two-shot: beyond the floor, fields of two frames" not in focused()


def test_a_sleep_in_the_loop_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    assert broken([host_overhead(20)]) == set()
    look = Eye.look

    def sleepy(eye: Eye, settled_ns: int) -> Frame:
        time.sleep(0.005)
        return look(eye, settled_ns)

    monkeypatch.setattr(Eye, "look", sleepy)
    assert broken([host_overhead(20)]) == {"two-shot: host's own time, share of a frame's"}
