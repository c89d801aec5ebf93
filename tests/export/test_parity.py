"""How far apart two runtimes are, in um, and where."""

from __future__ import annotations

import numpy as np
import pytest

from export.parity import parity, parity_by_defocus
from firmware_host.errors import ScannerError
from firmware_host.optics import Objective
from training.data import Field
from training.evaluate import Judged

OPTICS = Objective(0.75)
DOF = OPTICS.depth_of_field_um


def judged(move_um: float, error_um: float | None) -> Judged:
    field = Field("s", OPTICS, -move_um - 2, -move_um)
    if error_um is None:
        return Judged(field, None, None, np.empty(0))
    return Judged(field, move_um + error_um, 0.1, np.array([error_um]))


def test_growth_is_against_the_truth_and_difference_against_the_reference() -> None:
    """Answers that differ by 0.2 um to either side of the truth are no worse, but differ."""
    reference = [judged(1.0, 0.1), judged(2.0, -0.1), judged(0.0, None)]
    found = parity(reference, [judged(1.0, -0.1), judged(2.0, 0.1), judged(0.0, None)])
    assert found.fields == 2
    assert found.growth_um == pytest.approx(0.0)
    assert (found.error_um, found.mean_um, found.max_um) == pytest.approx((0.1, 0.2, 0.2))


def test_one_field_in_a_hundred_does_not_count_for_p99() -> None:
    reference = [judged(1.0, 0.0) for _ in range(200)]
    found = parity(reference, [judged(1.0, 5.0 if at == 7 else 0.01) for at in range(200)])
    assert found.p99_um == pytest.approx(0.01)
    assert found.max_um == pytest.approx(5.0)
    assert found.growth_um == pytest.approx(0.01 * 199 / 200 + 5 / 200)


def test_fields_are_told_apart_by_their_true_move() -> None:
    moves = (-2.2 * DOF, -1.9 * DOF, 0.1 * DOF, 3.0 * DOF)
    others = [judged(move, 0.1 * at) for at, move in enumerate(moves)]
    bins = parity_by_defocus([judged(move, 0.0) for move in moves], others)
    assert {move: each.fields for move, each in bins.items()} == {-2: 2, 0: 1, 3: 1}
    assert [each.mean_um for each in bins.values()] == pytest.approx([0.05, 0.2, 0.3])


@pytest.mark.parametrize("blank", [(None, 0.1), (0.1, None)])
def test_a_field_that_is_blank_for_one_alone_is_told(blank: tuple[float | None, float | None]) -> None:
    with pytest.raises(ScannerError, match="a field of s is blank for one of the runtimes alone"):
        parity([judged(1.0, blank[0])], [judged(1.0, blank[1])])


def test_nothing_to_compare_is_told() -> None:
    with pytest.raises(ScannerError, match="all fields are blank"):
        parity([judged(1.0, None)], [judged(1.0, None)])
