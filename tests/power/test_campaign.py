"""The campaigns: every scan is done once, and one that went wrong is not overlooked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.kills import batches, rows
from benchmarks.power.interrupted import SLIDES, Outcome, slide_of
from benchmarks.power.verdict import Verdict
from firmware_host.errors import ScannerError

GOOD = Verdict(lost=0, twice=0, changed=0, same_slide=True)


def outcome(number: int) -> Outcome:
    return Outcome(number, steps=["scanning", "homing"], runs=3, verdict=GOOD, seconds=2.0)


@pytest.mark.parametrize(("first", "scans"), [(0, 1000), (7, 1), (13, 200), (0, 0)])
def test_every_scan_is_in_one_batch_of_its_slide(first: int, scans: int) -> None:
    drawn = list(batches(first, scans))
    assert sorted(number for batch in drawn for number in batch) == list(range(first, first + scans))
    assert all(len({slide_of(number) for number in batch}) == 1 for batch in drawn)
    assert len({slide_of(batch[0]) for batch in drawn[:SLIDES]}) == min(len(drawn), SLIDES)


def test_what_is_counted() -> None:
    figures = {row.name: row.value for row in rows("kills", [outcome(0), outcome(1)])}
    assert figures["scans"] == 2
    assert figures["interruptions"] == 4
    assert figures["interruptions while homing"] == 2
    assert figures["runs in all"] == 6
    assert figures["slides identical to the uninterrupted scan's"] == 2
    assert figures["tiles lost"] == figures["tiles twice"] == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"problem": "it hangs"},
        {"broken": 1},
        {"verdict": None},
        *({"verdict": replace(GOOD, **{kind: 1})} for kind in ("lost", "twice", "changed")),
        {"verdict": replace(GOOD, same_slide=False)},
        {"verdict": replace(GOOD, table="field 0,1: z_um was 1.000, is 2.000")},
        {"verdict": replace(GOOD, leftovers=["tiles/.r000_c000.jpg.part"])},
    ],
)
def test_one_scan_that_went_wrong_fails_the_campaign(wrong: dict[str, object]) -> None:
    with pytest.raises(ScannerError, match=r"1 of 2 scans went wrong, told above: 14$"):
        rows("kills", [outcome(6), replace(outcome(14), **wrong)])
