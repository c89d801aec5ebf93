"""Training from stack folders to a checkpoint, on stacks so small that it takes seconds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from firmware_host.errors import ScannerError, UsageError
from firmware_host.optics import Objective
from firmware_host.patches import PatchRule
from training.data import PairSet
from training.fit import FitSettings, Progress, fit, load_checkpoint, save_checkpoint
from training.stacks import read_stacks, write_stack

RULE = PatchRule(32, 1 / 3, 0.15, 2.0, 0.01)
OPTICS = Objective(0.75)
SETTINGS = FitSettings(width=0.25, steps=4, batch=6)


@pytest.fixture(scope="module")
def stacks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("stacks")
    rng = np.random.default_rng(0)
    dof = OPTICS.depth_of_field_um
    for split, count in (("train", 3), ("test", 1)):
        for index in range(count):
            images = [rng.integers(0, 256, (80, 90, 3), dtype=np.uint8) for _ in range(9)]
            z_um = np.round((np.arange(9) - 4 + 0.1 * index) * dof, 3)
            write_stack(root / "X" / split / f"p{index}", images, z_um, OPTICS, 0.25)
    return root


def pairs(stacks: Path, split: str, cache: Path) -> PairSet:
    found, _ = read_stacks(stacks, split, OPTICS, 0.25)  # type: ignore[arg-type]
    return PairSet(found, RULE, 6.5, cache / split, lambda *_: None)


def test_pairs_carry_the_move_from_their_second_plane(stacks: Path, tmp_path: Path) -> None:
    """Planes at -4 to 4 DoF make seven pairs; from a second plane at z the move is -z."""
    batch = pairs(stacks, "test", tmp_path).fields(100, 2, seed=0)
    assert sorted(set(np.round(batch.move_dof, 2).tolist())) == [-4, -3, -2, -1, 0, 1, 2]


def test_a_batch_is_a_function_of_its_number_and_seed(stacks: Path, tmp_path: Path) -> None:
    train = pairs(stacks, "train", tmp_path)
    again, other = train.batch(3, 5, 1), train.batch(4, 5, 1)
    np.testing.assert_array_equal(train.batch(3, 5, 1).first, again.first)
    assert not np.array_equal(again.first, other.first)
    assert again.first.shape == again.second.shape == (5, 32, 32, 3)


def test_same_seed_same_weights(stacks: Path, tmp_path: Path) -> None:
    def weights(seed: int) -> torch.Tensor:
        settings = FitSettings(width=0.25, steps=4, batch=6, seed=seed)
        network = fit(pairs(stacks, "train", tmp_path), pairs(stacks, "test", tmp_path), settings, 2, lambda _: None)
        return torch.cat([value.flatten().double() for value in network.state_dict().values()])

    first = weights(1)
    assert torch.equal(first, weights(1))
    assert not torch.equal(first, weights(2))


def test_progress_ends_with_the_errors(stacks: Path, tmp_path: Path) -> None:
    told: list[Progress] = []
    fit(pairs(stacks, "train", tmp_path), pairs(stacks, "test", tmp_path), SETTINGS, 2, told.append, report_every=2)
    assert [progress.step for progress in told] == [2, 4]
    assert told[0].errors is None
    assert told[1].errors is not None
    assert told[1].errors.fields == 7


def test_a_loss_that_is_no_number_ends_the_run(stacks: Path, tmp_path: Path) -> None:
    settings = FitSettings(width=0.25, steps=40, batch=6, peak_lr=1e30)
    with pytest.raises(ScannerError, match="the loss is nan at step"):
        fit(pairs(stacks, "train", tmp_path), pairs(stacks, "test", tmp_path), settings, 2, lambda _: None)


def test_a_checkpoint_comes_back(stacks: Path, tmp_path: Path) -> None:
    network = fit(pairs(stacks, "train", tmp_path), pairs(stacks, "test", tmp_path), SETTINGS, 2, lambda _: None)
    save_checkpoint(tmp_path / "c.pt", network, SETTINGS)
    loaded, settings = load_checkpoint(tmp_path / "c.pt")
    assert settings == SETTINGS
    for name, value in network.state_dict().items():
        assert torch.equal(value, loaded.state_dict()[name]), name


@pytest.mark.parametrize("content", [None, b"", b"no checkpoint"])
def test_a_bad_checkpoint_is_one_line(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "c.pt").write_bytes(content)
    with pytest.raises(UsageError, match="cannot be used") as caught:
        load_checkpoint(tmp_path / "c.pt")
    assert "\n" not in str(caught.value)


def test_stacks_whose_planes_do_not_fit_are_told(tmp_path: Path) -> None:
    images = [np.zeros((80, 80, 3), np.uint8)] * 3
    write_stack(tmp_path / "X/train/p", images, np.array([0.0, 0.3, 0.6]), OPTICS, 0.25)
    with pytest.raises(UsageError, match=r"no two planes are 1\.956 um apart"):
        pairs(tmp_path, "train", tmp_path / "cache")
