"""INT8 is calibrated with as much of every defocus and of every texture."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from export.calibration_set import stratified
from firmware_host.optics import Objective
from firmware_host.patches import PatchRule
from firmware_host.stack_folder import write_stack
from training.data import PairSet
from training.stacks import read_stacks

OPTICS = Objective(0.75)
RULE = PatchRule(32, 1 / 3, 0.15, 2.0, 0.01)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> PairSet:
    """Two stacks of the same heights and one of others, so that some moves are three times as frequent; in each the
    left third is nearly flat and the right one full of contrast."""
    root = tmp_path_factory.mktemp("stacks")
    rng = np.random.default_rng(0)
    contrast = np.repeat([4.0, 20.0, 60.0], 60)[None, :, None]
    for number, planes in enumerate((5, 5, 13)):
        z_um = np.round((np.arange(planes) - 2) * OPTICS.depth_of_field_um, 3)
        images = [np.clip(128 + contrast * rng.normal(size=(90, 180, 3)), 0, 255).astype(np.uint8) for _ in z_um]
        write_stack(root / "X/train" / f"p{number}", images, z_um, OPTICS, 0.25, slide=f"s{number}")
    found, _ = read_stacks(root, "train", OPTICS, 0.25)
    return PairSet(found, RULE, 12.0, root / "cache", lambda *_: None)


def test_every_whole_move_is_as_frequent(pairs: PairSet) -> None:
    batch = stratified(pairs, 110, seed=1)
    assert batch.first.shape == batch.second.shape == (110, 32, 32, 3)
    counts = Counter(np.round(batch.move_dof).astype(int).tolist())
    assert counts == dict.fromkeys(range(-10, 1), 10)


def test_every_texture_is_met(pairs: PairSet) -> None:
    """Far more patches are flat or full of contrast than chance would take in between."""
    batch = stratified(pairs, 132, seed=1)
    texture = batch.second.astype(float).std(axis=(1, 2, 3))
    assert min((texture < 10).sum(), (texture > 40).sum()) > 20


def test_any_part_of_it_is_spread_alike(pairs: PairSet) -> None:
    batch = stratified(pairs, 220, seed=1)
    assert len(set(np.round(batch.move_dof[:40]).tolist())) > 8


def test_same_seed_same_patches(pairs: PairSet) -> None:
    first, again, other = (stratified(pairs, 30, seed) for seed in (1, 1, 2))
    assert np.array_equal(first.first, again.first)
    assert not np.array_equal(first.first, other.first)
