"""Whatever goes wrong in a scan: motors and lamp are off, in time, and every tile that was scanned is kept.

`wsi-bench run --suite safety` strikes at all moments; here at the first and at one in the middle of the tiles.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.safety import CAUSES, MOMENTS, strike

FIELD_MS, SENSORS_MS = 60, 5000
"""The longest single wait of the loop; how often the sensors are asked."""
CAMERA_MS, LOST_MS, LAMP_MS = 2000, 30_000, 100
"""The camera's timeout; how long one that is lost is waited for; until the lamp shines evenly."""
LAST_STEP_MS = {"camera lost": 2100, "over-temperature": SENSORS_MS}
OFF_MS = {"camera lost": LOST_MS + 3 * CAMERA_MS + LAMP_MS, "over-temperature": SENSORS_MS + FIELD_MS}


@pytest.mark.parametrize("moment", [MOMENTS[0], MOMENTS[7]], ids=lambda moment: moment.name)
@pytest.mark.parametrize("cause", CAUSES)
def test_a_scan_that_is_struck_ends_safely(cause: str, moment: object, tmp_path: Path) -> None:
    outcome = strike(cause, moment, tmp_path / "scan")  # type: ignore[arg-type]
    assert outcome.happened
    assert outcome.motors_off
    assert outcome.lamp_off
    assert outcome.step_ms <= LAST_STEP_MS.get(cause, 0)
    assert outcome.off_ms <= OFF_MS.get(cause, FIELD_MS)
    assert outcome.dark_ms <= OFF_MS.get(cause, FIELD_MS)
    assert outcome.tiles == outcome.named
    assert (outcome.tiles >= 2) == (moment is MOMENTS[7])
