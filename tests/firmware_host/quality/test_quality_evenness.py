"""Patches that stand at different distances from focus are told, by drawn detail that fades as the tables say."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_host.quality.defocus import fade
from firmware_host.quality.detail import COARSE, MIDDLE, Detail
from firmware_host.quality.evenness import Evenness, evenness

BELOW_DOF = -2.0
ENERGY, NOISE = 1e4, 1.0


def detail(off_dof: Sequence[float], seed: int = 0) -> Detail:
    """One patch at each of these distances from focus, of its own contrast."""
    rng = np.random.default_rng(seed)
    own = ENERGY * rng.uniform(0.3, 3, len(off_dof))
    energy = np.zeros((len(off_dof), 3), np.float32)
    for band in (COARSE, MIDDLE):
        left, _ = fade(band, np.array(off_dof))
        energy[:, band] = own * np.exp(left)
    return Detail(energy, np.full(len(off_dof), NOISE, np.float32))


def found(off_dof: Sequence[float]) -> Evenness:
    below = detail([each + BELOW_DOF for each in off_dof])
    even = evenness(detail(off_dof), [(BELOW_DOF, below)], 1.0)
    assert even is not None
    return even


@given(st.floats(-3, 2), st.integers(12, 48))
def test_a_tile_at_one_height_is_even(off_dof: float, patches: int) -> None:
    even = found([off_dof] * patches)
    assert not even.is_uneven
    assert even.in_focus in (0, 1)


@pytest.mark.parametrize(
    ("up_dof", "share", "uneven"),
    [(2, 0.3, True), (-2, 0.3, True), (2, 0.7, True), (2, 0.15, False), (0.8, 0.5, False)],
)
def test_more_than_a_fifth_at_another_height_makes_it_uneven(up_dof: float, share: float, uneven: bool) -> None:
    off_dof = np.zeros(40)
    off_dof[: round(40 * share)] = up_dof
    even = found(list(off_dof))
    assert even.is_uneven == uneven
    if abs(up_dof) > 1:
        assert (even.off, even.in_focus) == (pytest.approx(share), pytest.approx(1 - share))


def test_a_tilted_field_is_even_while_its_ends_are_within_a_depth_of_field() -> None:
    assert not found(list(np.linspace(-1, 1, 48))).is_uneven


def test_a_tile_of_which_nothing_is_in_focus_is_not_uneven_but_blurred() -> None:
    assert not found([-3.0] * 20 + [2.0] * 20).is_uneven


@pytest.mark.parametrize("apart_dof", [0.1, 7.0])
def test_a_frame_too_near_or_too_far_tells_nothing(apart_dof: float) -> None:
    assert evenness(detail([0.0] * 20), [(apart_dof, detail([apart_dof] * 20))], 1.0) is None


def test_a_few_patches_tell_nothing() -> None:
    assert evenness(detail([0.0] * 11), [(BELOW_DOF, detail([BELOW_DOF] * 11))], 1.0) is None
