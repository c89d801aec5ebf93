"""Errors from votes to um, and what an evaluation leaves behind."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from firmware_host.errors import UsageError
from firmware_host.optics import Objective
from training.data import Batch, Field, Fields, joined
from training.evaluate import Judged, by_objective, corrections_from, judge, summarise
from training.report import Evaluation, error_by_defocus, reliability, write_fields_csv, write_html, write_json

STRONG, WEAK = Objective(0.75), Objective(0.40)
DOF = STRONG.depth_of_field_um


def judged(move_dof: float, error_dof: float | None, spread_dof: float = 0.1, optics: Objective = STRONG) -> Judged:
    """A field whose patches all err by `error_dof`; None: blank."""
    dof = optics.depth_of_field_um
    field = Field("s1", optics, -(move_dof + 2) * dof, -move_dof * dof)
    if error_dof is None:
        return Judged(field, None, None, np.empty(0))
    return Judged(field, (move_dof + error_dof) * dof, spread_dof * dof, np.full(4, error_dof * dof))


def test_a_field_is_the_vote_of_its_textured_patches_in_um() -> None:
    fields = [Field("a", STRONG, -3 * DOF, -DOF), Field("b", WEAK, 0.0, 2 * WEAK.depth_of_field_um)]
    number = np.array([0, 0, 0, 1, 1, 1])
    numbered = np.arange(6, dtype=np.uint8)[:, None, None, None].repeat(3, axis=3)
    batch = Batch(numbered, np.empty((6, 1, 1, 3), np.uint8), np.array([1, 1, 1, -2, -2, -2.0]))
    moves = np.array([0.9, 1.1, 7.0, -2.0, -2.0, 0.0], np.float32)
    weights = np.array([0.1, 0.1, 0.001, 0.1, 0.001, 0.001], np.float32)
    codes = {"a": np.ones(2, np.float32), "b": np.zeros(1, np.float32)}
    told = []

    class Answers:
        """Knows what it is asked by the number in the first patch's corner."""

        def predict(self, first: np.ndarray, second: np.ndarray, code: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            told.append(code)
            return moves[first[:, 0, 0, 0]], weights[first[:, 0, 0, 0]]

    first, second = judge(Answers(), codes.__getitem__, Fields(batch, number, fields), min_weight=0.02)
    assert first.error_um == pytest.approx(0.0, abs=1e-6)
    assert first.patches == 2
    np.testing.assert_allclose(first.patch_errors_um, [-0.1 * DOF, 0.1 * DOF], rtol=1e-5)
    assert [each.tolist() for each in told] == [[1, 1], [0]]
    assert (second.predicted_um, second.error_um, second.patches) == (None, None, 0)


def test_answers_are_corrected_by_what_is_said_of_other_places() -> None:
    """A model that says half of every move: the examples of a stack show it, and those of none show nothing."""
    moves = [-6.0, -3.0, 3.0, 6.0] * 3

    class Half:
        def predict(self, first: np.ndarray, second: np.ndarray, code: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            return second[:, 0, 0, 0].astype(np.float32) / 20 - 5, np.full(len(second), 0.1, np.float32)

    def patches(move: float) -> Batch:
        second = np.full((4, 1, 1, 3), round((move / 2 + 5) * 20), np.uint8)
        return Batch(np.zeros_like(second), second, np.full(4, move, np.float32))

    class Shown:
        def examples(self, stack: str, count: int) -> list[Batch]:
            return [patches(move) for move in moves] if stack == "known" else []

    fields = [Field(name, STRONG, 0.0, -4 * DOF) for name in ("known", "lone")]
    asked = Fields(joined([patches(4.0), patches(4.0)]), np.repeat([0, 1], 4), fields)
    codes = {name: np.zeros(1, np.float32) for name in ("known", "lone")}.__getitem__
    corrections = corrections_from(Half(), codes, Shown(), 4, 0.02)  # type: ignore[arg-type]
    known, lone = judge(Half(), codes, asked, 0.02, corrections)
    assert known.error_um == pytest.approx(0, abs=0.02 * DOF)
    np.testing.assert_allclose(known.patch_errors_um, np.full(4, known.error_um))
    assert lone.error_um == pytest.approx(-2 * DOF)


def test_errors_count_in_depths_of_field_and_um() -> None:
    errors = summarise(
        [judged(4, 0.1), judged(-4, -0.3), judged(0.2, -0.6), judged(1, -1.5), judged(0, None), judged(5, 0.0)]
    )
    assert (errors.fields, errors.blank) == (5, 1)
    assert errors.mean == pytest.approx((0.1 + 0.3 + 0.6 + 1.5) / 5)
    assert errors.mean_um == pytest.approx(errors.mean * DOF)
    assert errors.near == pytest.approx((0.6 + 1.5) / 2)
    assert errors.within_half == pytest.approx(3 / 5)
    # Of the four that are farther than DoF/2 from focus, the one at 1 DoF would move down.
    assert errors.wrong_direction == pytest.approx(1 / 4)


def test_objectives_are_told_apart() -> None:
    table = by_objective([judged(1, 0.1), judged(1, 0.3, optics=WEAK)])
    assert list(table) == ["all", "NA 0.4", "NA 0.75"]
    assert table["NA 0.4"].mean_um == pytest.approx(0.3 * WEAK.depth_of_field_um)


def test_nothing_to_judge_is_one_line() -> None:
    with pytest.raises(UsageError, match="none of 1 test fields holds 2 patches with texture"):
        summarise([judged(0, None)])


def test_error_by_defocus_has_a_point_for_each_bin_that_was_seen() -> None:
    points = error_by_defocus([judged(0.2, 0.1), judged(-0.4, -0.3), judged(5.9, 2.0)])
    assert points == [(0.0, pytest.approx(0.2)), (6.0, pytest.approx(2.0))]


def test_a_reliable_spread_rises_with_the_error() -> None:
    fields = [judged(0, 0.1 * k, spread_dof=0.2 * k) for k in (5, 1, 3, 2, 4, 7, 6, 8, 9)]
    spread, error = zip(*reliability(fields), strict=True)
    assert list(spread) == sorted(spread)
    assert list(error) == sorted(error)
    np.testing.assert_allclose(error, np.array(spread) / 2)


def test_an_evaluation_is_a_table_figures_and_a_page(tmp_path: Path) -> None:
    fields = [judged(2, 0.1), judged(-1, None), judged(-3, 0.4, optics=WEAK)]
    evaluation = Evaluation("<c>.pt", fields, {"s1": {"Brenner": -0.2}, "s2": {"Brenner": 0.4}})
    write_fields_csv(tmp_path / "f.csv", fields)
    write_json(tmp_path / "f.json", evaluation)
    write_html(tmp_path / "r.html", evaluation)
    with (tmp_path / "f.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["predicted_um"] == "" for row in rows] == [False, True, False]
    assert float(rows[0]["error_um"]) == pytest.approx(0.1 * DOF, abs=1e-3)
    content = json.loads((tmp_path / "f.json").read_text())
    assert content["classical_mean_um"] == {"Brenner": pytest.approx(0.3)}
    assert content["errors"]["NA 0.4"]["mean"] == pytest.approx(0.4)
    page = (tmp_path / "r.html").read_text()
    assert "&lt;c&gt;.pt" in page
    assert "<c>" not in page
    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "")
