"""A calibration before the scan: which places it is made from, and that it is used only where it helps."""

from __future__ import annotations

import numpy as np
import pytest

from firmware_host.focus.calibration import Calibration, Code, Images, Judge, Place, calibrate
from firmware_host.focus.correction import Correction

MOVES = (-6.0, -4.1, -2.0, 0.0, 2.0, 4.1, 6.0)
NEAR = 5  # of them, that a code is made from


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


def answers_too_little(pair: tuple[Images, Images], code: Code | None) -> float | None:
    """Says four fifths of the move, and takes no notice of a code."""
    return 0.8 * (float(pair[1][0, 0, 0, 1]) - 100) / 10


def run(kinds: list[int | None], gain: float = 1.0, judge: Judge = judge) -> tuple[Calibration, int, Averages]:
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
    assert calibrator.shown == [2 * 4 * NEAR] * 3 + [
        2 * 6 * NEAR
    ]  # without a third of the places in turn, then with all
    expected = "from 6 places; at places left out the pairs err by 0.00 depths of field, by 0.50 without"
    assert result.line().startswith(expected)


@pytest.mark.parametrize("calibrated", [True, False])
def test_what_the_code_does_not_mend_is_corrected(calibrated: bool) -> None:
    calibrator = Averages() if calibrated else None
    result = calibrate([(0.0, 0.0)] * 6, lambda *_: place(0), calibrator, answers_too_little)
    assert (result.code is None, result.note) == (not calibrated, "")
    assert result.plain_dof == pytest.approx(0.2 * np.mean(np.abs(MOVES)))
    assert result.error_dof < 0.05 * result.plain_dof
    assert [result.correction.apply(0.8 * move) for move in MOVES] == pytest.approx(MOVES, abs=0.02)
    assert result.line().endswith("answers times 1.25 up and 1.25 down, +0.00 depths of field")


def test_a_network_that_errs_nowhere_is_left_as_it_is() -> None:
    result, _, _ = run([0] * 6)
    assert result.code is None
    assert result.correction == Correction()
    assert result.line() == "not used: errs by 0.00 depths of field at places left out, by 0.00 without"


def test_a_code_that_makes_it_worse_is_mended_by_the_correction_or_left_out() -> None:
    """A code of the wrong sign doubles the offset; three places in a row that differ cannot be mended by anything."""
    mended, _, _ = run([5] * 6, gain=-1.0)
    assert mended.error_dof < 0.05
    assert mended.correction.apply(1.0 + 2 * 0.5) == pytest.approx(1.0, abs=0.05)
    result, _, _ = run([9, 0, 0, 9, 0, 0], gain=-9.0)
    assert result.code is None
    assert result.correction == Correction()
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
