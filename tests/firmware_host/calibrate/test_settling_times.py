"""From looks after moves to how long an axis trembles; and focus curves laid on each other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_host.calibrate.figure import Figure
from firmware_host.calibrate.focus_curve import FocusCurve, offset_steps
from firmware_host.calibrate.settling import still_from


@pytest.mark.parametrize(
    ("trembling", "still", "found"),
    [
        ([0, 5, 10], [20, 40], Figure(20, 10)),
        ([0, 10], [5, 20, 40], Figure(20, 10)),  # still for a moment, as a swing goes through its middle
        ([], [3, 9], Figure(3, 3)),  # the camera was never quick enough to see it
        ([0, 40], [5, 10], None),
    ],
)
def test_it_is_still_from_the_look_after_the_last_that_trembled(
    trembling: list[float], still: list[float], found: Figure | None
) -> None:
    seen = [(ms, True) for ms in trembling] + [(ms, False) for ms in still]
    assert still_from(seen) == still_from(seen[::-1]) == found


@given(st.floats(-60, 60), st.floats(0.5, 2), st.floats(-0.15, 0.15), st.integers(0, 9), st.floats(0, 0.004))
@settings(max_examples=20, deadline=None)
def test_curves_are_laid_on_each_other_to_a_fraction_of_their_pitch(
    offset: float, width: float, lean: float, phase: int, noise: float
) -> None:
    """Of a depth of field of 20 steps and a pitch of 4; tops need not be even on both sides."""
    rng = np.random.default_rng(phase)

    def curve(z: np.ndarray, top: float) -> FocusCurve:
        u = (z - top) / (20 * width)
        return FocusCurve(z, 3 - u**2 / (1 + lean * u) + rng.normal(0, noise, len(z)))

    up = curve(np.arange(-40, 41, 4.0), 0.0)
    down = curve(np.arange(-40, 41, 4.0) - round(offset) + phase - 4, -offset)
    assert offset_steps(up, down, 32) == pytest.approx(offset, abs=0.05 + 250 * noise)
