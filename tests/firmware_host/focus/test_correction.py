"""What known answers mend of a network's: offset and scale, whatever a few wrong ones say."""

from __future__ import annotations

import numpy as np
import pytest

from firmware_host.focus.correction import Correction, fitted

KNOWN = np.repeat([-6.0, -4.0, -2.0, 0.0, 2.0, 4.0, 6.0], 6)


def said_by(offset: float, up: float, down: float, noise: float = 0.0, seed: int = 0) -> np.ndarray:
    """What a network says that is to be corrected by these."""
    right = KNOWN - offset
    said = np.where(right > 0, right / up, right / down)
    return np.asarray(said + np.random.default_rng(seed).normal(0, noise, len(said)))


def test_no_correction_leaves_every_answer_as_it_is() -> None:
    assert [Correction().apply(move) for move in (-3.0, 0.0, 2.5)] == [-3.0, 0.0, 2.5]
    assert (Correction().scale(-1), Correction().scale(1)) == (1, 1)


def test_moves_up_and_down_are_scaled_apart_and_spreads_with_them() -> None:
    correction = Correction(offset_dof=0.25, up=1.25, down=0.75)
    assert [correction.apply(move) for move in (-4.0, 0.0, 4.0)] == [-2.75, 0.25, 5.25]
    assert (correction.scale(-4.0), correction.scale(4.0)) == (0.75, 1.25)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("offset", "up", "down"), [(0, 1, 1), (0.2, 1.15, 1.15), (-0.1, 1.3, 0.9), (0, 0.8, 1.2)])
def test_it_is_found_from_known_answers(offset: float, up: float, down: float, seed: int) -> None:
    found = fitted(said_by(offset, up, down, 0.1, seed), KNOWN)
    assert found.offset_dof == pytest.approx(offset, abs=0.08)
    assert found.up == pytest.approx(up, abs=0.04)
    assert found.down == pytest.approx(down, abs=0.04)


def test_a_few_answers_that_are_far_off_change_little() -> None:
    said = said_by(0.1, 1.2, 1.1, 0.05)
    said[[3, 17, 30, 41]] += [9, -7, 6, -12]
    clean, found = fitted(said_by(0.1, 1.2, 1.1, 0.05), KNOWN), fitted(said, KNOWN)
    assert abs(found.offset_dof - clean.offset_dof) < 0.05
    assert abs(found.up - clean.up) < 0.03
    assert abs(found.down - clean.down) < 0.03


@pytest.mark.parametrize("pairs", [0, 1, 11])
def test_few_pairs_correct_nothing(pairs: int) -> None:
    assert fitted(said_by(0.3, 1.2, 1.2)[:pairs], KNOWN[:pairs]) == Correction()


@pytest.mark.parametrize(
    "said", [-KNOWN, np.zeros_like(KNOWN), KNOWN * 100, KNOWN / 100, np.full_like(KNOWN, 7.0)], ids=str
)
def test_answers_that_mean_nothing_give_a_correction_that_keeps_their_order(said: np.ndarray) -> None:
    found = fitted(said, KNOWN)
    assert np.isfinite([found.offset_dof, found.up, found.down]).all()
    assert 0.5 <= found.up <= 2
    assert 0.5 <= found.down <= 2


def test_the_order_of_the_pairs_does_not_count() -> None:
    said = said_by(0.1, 1.1, 0.9, 0.1)
    order = np.random.default_rng(3).permutation(len(said))
    one, other = fitted(said, KNOWN), fitted(said[order], KNOWN[order])
    np.testing.assert_allclose([one.offset_dof, one.up, one.down], [other.offset_dof, other.up, other.down], rtol=1e-9)
