"""What the suite quality makes of its trials."""

from __future__ import annotations

import math

from benchmarks.quality import Trial, promises, shares
from firmware_host.quality.verdict import BLURRED, NOT_JUDGED, SEAM_OFF

TRIALS = [
    Trial(1, 0.1, 0.1, (), 9.0),
    Trial(1, -0.2, None, (NOT_JUDGED,), 9.0),
    Trial(1, 0.3, 0.3, (SEAM_OFF,), 9.0),
    Trial(1, 1.1, 0.9, (BLURRED,), 9.0),
    Trial(1, -1.2, -0.4, (), 9.0),
    Trial(1, -2.5, -2.0, (BLURRED,), 9.0),
    Trial(1, 4.0, 3.0, (BLURRED, SEAM_OFF), 9.0),
]


def test_what_is_promised_is_counted_over_both_sides_of_focus() -> None:
    rows = {row.name: row for row in promises("20x", TRIALS)}
    assert (rows["20x: let pass, more than 1 DoF off"].value, rows["20x: let pass, more than 1 DoF off"].n) == (25, 4)
    assert (rows["20x: flagged, within DoF/4"].value, rows["20x: flagged, within DoF/4"].n) == (50, 2)
    assert math.isclose(rows["20x: error of the defocus told, within 1.5 DoF"].value, 0.25)


def test_another_fault_is_not_taken_for_a_blur() -> None:
    rows = {row.name: row.value for row in shares("20x", TRIALS)}
    assert rows["20x: flagged, 0.25 to 0.5 DoF off"] == 0
    assert rows["20x: flagged, 1 to 1.25 DoF off"] == 50
    assert rows["20x: flagged, 3 to 5 DoF off"] == 100
    assert "20x: flagged, 0.5 to 0.75 DoF off" not in rows
