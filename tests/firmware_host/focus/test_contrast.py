from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_host.focus.contrast import brenner, fit_peak, luminance


@given(top=st.floats(-3, 3), width=st.floats(0.8, 5), floor=st.floats(1, 1e6))
def test_the_top_of_a_gaussian_is_found_exactly(top: float, width: float, floor: float) -> None:
    z = np.arange(-4, 4.1, 0.5)
    peak = fit_peak(z.tolist(), (floor * np.exp(-(((z - top) / width) ** 2))).tolist())
    assert peak.z_um == pytest.approx(top, abs=1e-6)
    assert not peak.at_edge


@given(st.lists(st.floats(0.01, 1e6), min_size=3, max_size=20))
def test_the_peak_lies_next_to_the_highest_sample(scores: list[float]) -> None:
    z = np.arange(len(scores), dtype=float)
    peak = fit_peak(z.tolist(), scores)
    assert abs(peak.z_um - int(np.argmax(scores))) <= 1
    assert 0 <= peak.contrast <= 1


def test_uneven_steps_are_no_problem() -> None:
    z = np.array([0.0, 0.7, 1.1, 2.4, 3.0])
    assert fit_peak(z.tolist(), np.exp(-((z - 1.3) ** 2)).tolist()).z_um == pytest.approx(1.3)


@pytest.mark.parametrize(("scores", "at_edge"), [([3, 2, 1], True), ([1, 2, 3], True), ([1, 3, 2], False)])
def test_a_top_at_the_end_is_told(scores: list[float], at_edge: bool) -> None:
    assert fit_peak([0, 1, 2], scores).at_edge is at_edge


def test_a_flat_curve_has_no_contrast() -> None:
    assert fit_peak([0, 1, 2, 3], [5, 5, 5, 5]).contrast == 0


@pytest.mark.parametrize(("z", "scores"), [([0, 1], [1, 2]), ([0, 0, 1], [1, 2, 3]), ([0, 1, 2], [1, 0, 1])])
def test_what_is_no_curve_is_refused(z: list[float], scores: list[float]) -> None:
    with pytest.raises(ValueError, match="three samples"):
        fit_peak(z, scores)


def test_brenner_of_a_ramp_is_four_times_its_slope_squared() -> None:
    ramp = np.arange(50, dtype=np.float32)[None, :] * np.ones((40, 1), np.float32) * 3
    assert brenner(ramp) == pytest.approx(36)


def test_luminance_is_bt_601_and_can_be_binned() -> None:
    image = np.zeros((4, 6, 3), np.uint8)
    image[..., 1] = 100
    assert luminance(image) == pytest.approx(np.full((4, 6), 58.7))
    assert luminance(image, 2).shape == (2, 3)
