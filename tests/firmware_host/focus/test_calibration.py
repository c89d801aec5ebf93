"""A calibration before the scan: which places it is made from, and that it is used only where it helps."""

from __future__ import annotations

import numpy as np
import pytest

from firmware_host.focus.calibration import Calibration, Code, Images, Place, calibrate

MOVES = (-2.0, 0.0, 2.0)


def place(kind: int) -> Place:
    """A field of a slide on which the network errs by `kind` tenths of a DoF; its patches carry that and the move."""
    pairs = []
    for move in MOVES:
        second = np.full((2, 4, 4, 3), kind, np.uint8)
        second[..., 1] = round(move * 10 + 100)
        pairs.append((np.zeros_like(second), second))
    return Place(pairs, MOVES)


class Averages:
    """A calibrator whose code is the mean error that it is shown, times a gain."""

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = gain
        self.shown: list[int] = []

    def calibrate(self, first: np.ndarray, second: np.ndarray, move_dof: np.ndarray) -> np.ndarray:
        np.testing.assert_allclose(move_dof, (second[:, 0, 0, 1] - 100.0) / 10)
        self.shown.append(len(second))
        return np.array([self.gain * second[:, 0, 0, 0].mean() / 10], np.float32)


def judge(pair: tuple[Images, Images], code: Code | None) -> float | None:
    kind, level = pair[1][0, 0, 0, :2].astype(float)
    return (level - 100) / 10 + kind / 10 - (0.0 if code is None else float(code[0]))


def run(kinds: list[int | None], gain: float = 1.0) -> tuple[Calibration, int, Averages]:
    """The calibration, how many places were visited, and what the calibrator was shown."""
    visited = []

    def look(x_um: float, y_um: float) -> Place | None:
        visited.append((x_um, y_um))
        kind = kinds[len(visited) - 1]
        return None if kind is None else place(kind)

    calibrator = Averages(gain)
    sites = [(float(number), 0.0) for number in range(len(kinds))]
    return calibrate(sites, look, calibrator, judge), len(visited), calibrator


def test_a_code_that_helps_at_places_left_out_is_used() -> None:
    result, visited, calibrator = run([5] * 20)
    assert (visited, result.places, result.note) == (6, 6, "")
    assert result.code == pytest.approx([0.5])
    assert (result.error_dof, result.plain_dof) == (pytest.approx(0, abs=1e-6), pytest.approx(0.5))
    assert calibrator.shown == [5 * 6] * 6 + [6 * 6]  # without each place once, then with all
    assert result.line() == "from 6 places; at a place left out the pairs err by 0.00 depths of field, by 0.50 without"


@pytest.mark.parametrize("gain", [-1.0, 3.0])
def test_a_code_that_does_not_help_is_left_out_and_told(gain: float) -> None:
    result, _, _ = run([5] * 6, gain)
    assert result.code is None
    assert result.line().startswith("not used: errs by ")


@pytest.mark.parametrize(
    ("kinds", "places", "visited"),
    [
        ([None, 3, None, 3, 3, None, 3, 3, 3, 3], 6, 9),  # places without focus are replaced
        ([3, 3, 3], 3, 3),
        ([3, 3], 2, 2),
        ([None] * 40, 0, 12),  # gives up
        ([], 0, 0),
    ],
)
def test_places(kinds: list[int | None], places: int, visited: int) -> None:
    result, looked, _ = run(kinds)
    assert (result.places, looked) == (places, visited)
    if places < 3:
        assert result.code is None
        assert result.note == f"made at {places} places only, 3 are needed"
    else:
        assert result.code is not None


def test_places_that_are_never_answered_give_no_code() -> None:
    result = calibrate([(0.0, 0.0)] * 6, lambda *_: place(3), Averages(), lambda *_: None)
    assert (result.code, result.note) == (None, "no patch at its places has texture")
