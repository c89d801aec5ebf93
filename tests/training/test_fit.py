"""Training from stack folders to a checkpoint, on stacks so small that it takes seconds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric

from firmware_host.errors import ScannerError, UsageError
from firmware_host.optics import Objective
from firmware_host.patches import PatchRule
from firmware_host.stack_folder import write_stack
from training.checkpoint import load_checkpoint, save_checkpoint
from training.data import PairSet
from training.evaluate import field_errors
from training.fit import Pace, Progress, fit, run_state
from training.network import FocusNetwork
from training.settings import FitSettings
from training.stacks import read_stacks

RULE = PatchRule(32, 1 / 3, 0.15, 2.0, 0.01)
OPTICS = Objective(0.75)
SETTINGS = FitSettings(width=0.25, spectra=16, patch=RULE.size_px, steps=4, batch=24)


@pytest.fixture(scope="module")
def stacks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("stacks")
    rng = np.random.default_rng(0)
    dof = OPTICS.depth_of_field_um
    for split, count in (("train", 3), ("test", 1)):
        for index in range(count):
            images = [rng.integers(0, 256, (80, 90, 3), dtype=np.uint8) for _ in range(9)]
            z_um = np.round((np.arange(9) - 4 + 0.1 * index) * dof, 3)
            write_stack(root / "X" / split / f"p{index}", images, z_um, OPTICS, 0.25, slide="s")
    return root


def pairs(stacks: Path, split: str, cache: Path) -> PairSet:
    found, _ = read_stacks(stacks, split, OPTICS, 0.25)  # type: ignore[arg-type]
    return PairSet(found, RULE, 6.5, cache / split, lambda *_: None)


def run(stacks: Path, work: Path, settings: FitSettings = SETTINGS, **options: Any) -> tuple[Path, list[Progress]]:
    """Train; where the checkpoint is, and what was told."""
    told: list[Progress] = []
    out = work / "c.pt"
    train, validation = pairs(stacks, "train", work).split(settings.validation)
    fit(Fabric(accelerator="cpu"), train, validation, settings, 2, RULE.min_weight, out, told.append, **options)
    return out, told


def run_and_kill(stacks: Path, work: Path, settings: FitSettings, at: int, pace: Pace) -> Path:
    """Train, and be killed after step `at`; where the checkpoint would be."""
    out = work / "c.pt"

    class Killed(Exception):
        pass

    def kill(progress: Progress) -> None:
        if progress.step == at:
            raise Killed

    train, validation = pairs(stacks, "train", work).split(settings.validation)
    with pytest.raises(Killed):
        fit(Fabric(accelerator="cpu"), train, validation, settings, 2, RULE.min_weight, out, kill, pace=pace)
    return out


def weights(checkpoint: Path) -> torch.Tensor:
    network, _ = load_checkpoint(checkpoint)
    return torch.cat([value.flatten().double() for value in network.state_dict().values()])


def test_pairs_carry_the_move_from_their_second_plane(stacks: Path, tmp_path: Path) -> None:
    """Planes at -4 to 4 DoF make seven pairs; from a second plane at z the move is -z."""
    fields = pairs(stacks, "test", tmp_path).fields(100, 2, seed=0)
    assert sorted(set(np.round(fields.patches.move_dof, 2).tolist())) == [-4, -3, -2, -1, 0, 1, 2]
    for number, field in enumerate(fields.fields):
        of = fields.patches.move_dof[fields.number == number]
        np.testing.assert_allclose(of, field.move_um / OPTICS.depth_of_field_um, atol=1e-3)
        assert field.z2_um - field.z1_um == pytest.approx(2 * OPTICS.depth_of_field_um, abs=2e-3)


def test_same_seed_same_weights(stacks: Path, tmp_path: Path) -> None:
    first, again, other = (
        weights(run(stacks, tmp_path / name, replace(SETTINGS, seed=seed))[0])
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("killed_at", [1, 3, 5, 6])
@pytest.mark.parametrize("schedule", ["one-cycle", "halving"])
def test_a_killed_run_goes_on_to_the_same_weights(
    stacks: Path, tmp_path: Path, killed_at: int, schedule: Literal["one-cycle", "halving"]
) -> None:
    """What it learnt since it saved last is learnt again; after its last step only the checkpoint is missing."""
    settings = replace(SETTINGS, steps=6, schedule=schedule)
    unbroken, _ = run(stacks, tmp_path / "unbroken", settings)
    pace = Pace(report=1, save=2)

    broken = tmp_path / "broken"
    checkpoint = run_and_kill(stacks, broken, settings, killed_at, pace)
    assert not checkpoint.exists()
    resumed, told = run(stacks, broken, settings, resume=run_state(checkpoint).exists(), pace=pace)
    assert [progress.step for progress in told] == list(range(killed_at // 2 * 2 + 1, 7))
    assert not list(broken.glob("*.seen*")), "what it has seen is of no use any more"
    assert torch.equal(weights(unbroken), weights(resumed))


def test_earlier_lessons_are_learnt_from_again(stacks: Path, tmp_path: Path) -> None:
    alone, with_earlier = (
        weights(run(stacks, tmp_path / str(count), replace(SETTINGS, rehearsed=count))[0]) for count in (0, 2)
    )
    assert not torch.equal(alone, with_earlier)
    assert not list(tmp_path.rglob("*.seen*")), "they are not kept beyond the run"


def test_a_run_does_not_go_on_without_what_it_has_seen(stacks: Path, tmp_path: Path) -> None:
    checkpoint = run_and_kill(stacks, tmp_path, SETTINGS, 3, Pace(report=3, save=2))
    checkpoint.with_suffix(".seen0").unlink()
    with pytest.raises(UsageError, match=r"c\.seen0: the lessons that it has seen are missing; remove the \.run file"):
        run(stacks, tmp_path, resume=True)


def test_a_checkpoint_is_a_start(stacks: Path, tmp_path: Path) -> None:
    """With a rate of next to nothing a run ends where it began; a network that is made otherwise is refused."""
    began, _ = run(stacks, tmp_path / "began")
    tuned, _ = run(stacks, tmp_path / "tuned", replace(SETTINGS, peak_lr=1e-9, seed=2), begin_with=began)
    learnt, _ = run(stacks, tmp_path / "new", replace(SETTINGS, seed=2))
    networks = [load_checkpoint(path)[0] for path in (began, tuned, learnt)]
    first, same, other = (network.judge.first.weight for network in networks)
    torch.testing.assert_close(first, same, atol=1e-6, rtol=0)
    assert float((first - other).detach().abs().max()) > 1e-3
    with pytest.raises(UsageError, match=r"c\.pt: of another network, .*spectra=16.*; give its options"):
        run(stacks, tmp_path / "wider", replace(SETTINGS, spectra=24), begin_with=began)


def test_a_run_resumes_with_its_own_settings_only(stacks: Path, tmp_path: Path) -> None:
    run(stacks, tmp_path)
    with pytest.raises(UsageError, match=r"was started with width 0\.25, not 0\.5; give the same options"):
        run(stacks, tmp_path, replace(SETTINGS, width=0.5), resume=True)


def test_the_run_of_another_version_is_refused_in_one_line(stacks: Path, tmp_path: Path) -> None:
    torch.save({"schema": 3, "settings": {}, "step": 2, "state": {}}, run_state(tmp_path / "c.pt"))
    with pytest.raises(UsageError, match=r"written by another version \(schema 3\); train again"):
        run(stacks, tmp_path, resume=True)


def test_a_run_resumes_on_its_own_stacks_only(stacks: Path, tmp_path: Path) -> None:
    run(stacks, tmp_path)
    images = [np.random.default_rng(1).integers(0, 256, (80, 90, 3), dtype=np.uint8)] * 9
    other = tmp_path / "other"
    for name in ("p0", "p1"):
        write_stack(other / "X/train" / name, images, (np.arange(9) - 4) * OPTICS.depth_of_field_um, OPTICS, 0.25)
    run_state(tmp_path / "c.pt").rename(other / "c.run")
    with pytest.raises(UsageError, match=r"c\.run: was started with stacks of checksum [0-9a-f]{8}, not [0-9a-f]{8};"):
        run(other, other, resume=True)


def test_progress_ends_with_the_errors(stacks: Path, tmp_path: Path) -> None:
    _, told = run(stacks, tmp_path, pace=Pace(report=2))
    assert [progress.step for progress in told] == [2, 4]
    assert told[0].errors is None
    assert told[1].errors is not None
    assert told[1].errors.fields == 7


def test_the_best_weights_are_kept(stacks: Path, tmp_path: Path) -> None:
    """Evaluated after every step, the checkpoint errs as the best of them did."""
    out, told = run(stacks, tmp_path, replace(SETTINGS, peak_lr=0.3, steps=6), pace=Pace(report=1, evaluate=1))
    network, _ = load_checkpoint(out)
    _, validation = pairs(stacks, "train", tmp_path).split(SETTINGS.validation)
    kept = field_errors(network, validation, 2, 400, RULE.min_weight)
    assert kept.mean == pytest.approx(min(progress.errors.mean for progress in told if progress.errors), rel=1e-5)


def test_a_loss_that_is_no_number_ends_the_run(stacks: Path, tmp_path: Path) -> None:
    with pytest.raises(ScannerError, match="the loss is nan at step"):
        run(stacks, tmp_path, replace(SETTINGS, steps=40, peak_lr=1e30))


def test_a_checkpoint_comes_back(stacks: Path, tmp_path: Path) -> None:
    settings = replace(SETTINGS, backbone="mobilenet-v3-small", inputs="difference", stem_stride=2)
    network = FocusNetwork.of(settings)
    save_checkpoint(tmp_path / "c.pt", network.state_dict(), settings)
    loaded, read = load_checkpoint(tmp_path / "c.pt")
    assert read == settings
    for name, value in network.state_dict().items():
        assert torch.equal(value, loaded.state_dict()[name]), name


def test_a_shipped_checkpoint_is_known_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.checkpoint.SHIPPED", tmp_path / "shipped")
    monkeypatch.chdir(tmp_path)
    save_checkpoint(Path("shipped/one.pt"), FocusNetwork.of(SETTINGS).state_dict(), SETTINGS)
    assert load_checkpoint(Path("one"))[1] == SETTINGS
    for path in ("./two", "sub/one", "one.pt"):
        with pytest.raises(UsageError, match=f"checkpoint {Path(path)}: cannot be used"):
            load_checkpoint(Path(path))


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
