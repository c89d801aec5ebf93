"""Rendered stacks: what heights they hold, and that a seed fixes every byte."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from firmware_host.optics import Objective
from training.recipe import DELTA_TOLERANCE, MAX_MOVE_DOF, RULE, TEST_NA
from training.stacks import match_pairs, read_stacks
from training.synthesize import plane_heights_um, synthesize


@pytest.mark.parametrize("na", [0.38, 0.65, 0.80])
@pytest.mark.parametrize("seed", range(3))
def test_planes_to_learn_from_pair_in_every_wanted_distance(na: float, seed: int) -> None:
    optics = Objective(na)
    heights_nm = np.round(1000 * plane_heights_um(np.random.default_rng(seed), optics, "train")).astype(int).tolist()
    delta_nm = 1000 * RULE.delta_dof * optics.depth_of_field_um
    assert len(heights_nm) <= 17
    assert len(match_pairs(heights_nm, round(delta_nm), 2)) == len(heights_nm) - 2
    for share in (1 - DELTA_TOLERANCE, 1 + DELTA_TOLERANCE):
        assert len(match_pairs(heights_nm, round(share * delta_nm), 2)) >= 6


@pytest.mark.parametrize("na", TEST_NA)
def test_planes_to_test_on_cover_the_range_evenly(na: float) -> None:
    optics = Objective(na)
    heights_um = plane_heights_um(np.random.default_rng(1), optics, "test")
    step_um = heights_um[1] - heights_um[0]
    np.testing.assert_allclose(np.diff(heights_um), step_um, atol=1e-9)
    assert heights_um[0] <= -(MAX_MOVE_DOF + RULE.delta_dof) * optics.depth_of_field_um + 1e-9
    assert heights_um[-1] >= MAX_MOVE_DOF * optics.depth_of_field_um - step_um


def test_the_same_seed_gives_the_same_bytes_whatever_the_workers(tmp_path: Path) -> None:
    written = []
    for name, seed, workers in (("a", 3, 1), ("b", 3, 2), ("c", 4, 2)):
        synthesize(tmp_path / name, 2, 0, seed, workers, lambda *_: None)
        files = sorted((tmp_path / name).rglob("*.jpg"))
        written.append([(file.relative_to(tmp_path / name), file.read_bytes()) for file in files])
    assert written[0] == written[1]
    assert written[0] != written[2]
    stacks, skipped = read_stacks(tmp_path / "a", "train", Objective(0.75), 0.25)
    assert ([(stack.name, stack.slide) for stack in stacks], skipped) == (
        [("s00000a", "s00000"), ("s00000b", "s00000"), ("s00001a", "s00001"), ("s00001b", "s00001")],
        [],
    )
