"""`wsi-train` as its users run it: other processes, killed and resumed, wrong options."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from firmware_host.errors import UsageError
from firmware_host.optics import Objective
from firmware_host.stack_folder import EXIF_MAKE, write_stack
from training.checkpoint import load_checkpoint, save_checkpoint
from training.cli import app
from training.network import FocusNetwork
from training.settings import FitSettings

OPTICS = Objective(0.75)
SMALL = ["--patch", "32", "--width", "0.25", "--batch", "12", "--accelerator", "cpu"]


@pytest.fixture(scope="module")
def stacks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("stacks")
    rng = np.random.default_rng(0)
    z_um = np.round((np.arange(9) - 4) * OPTICS.depth_of_field_um, 3)
    for place in ("train/p0", "train/p1", "test/p0"):
        images = [rng.integers(0, 256, (80, 90, 3), dtype=np.uint8) for _ in range(9)]
        write_stack(root / "X" / place, images, z_um, OPTICS, 0.25)
    return root


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "training", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def invoke(*arguments: object) -> Any:
    return CliRunner().invoke(app, [*map(str, arguments)])


def test_two_processes_train_one_network(stacks: Path, tmp_path: Path) -> None:
    result = run("fit", "--stacks", stacks, "--out", tmp_path / "c.pt", "--steps", 3, "--devices", 2, *SMALL)
    assert result.returncode == 0, result.stderr
    network, _ = load_checkpoint(tmp_path / "c.pt")
    assert all(bool(torch.isfinite(value).all()) for value in network.state_dict().values())
    assert result.stdout.count("step 3/3") == 1, "one process tells"
    assert not (tmp_path / "c.run").exists()


def test_a_run_that_was_stopped_is_not_written_over(stacks: Path, tmp_path: Path) -> None:
    (tmp_path / "c.run").write_bytes(b"a run")
    result = invoke("fit", "--stacks", stacks, "--out", tmp_path / "c.pt", "--steps", 2, *SMALL)
    assert isinstance(result.exception, UsageError)
    assert "a run was stopped here; go on with --resume" in str(result.exception)
    assert (tmp_path / "c.run").read_bytes() == b"a run"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--devices", "none"], "--devices none: give a number above 0, or auto"),
        (["--resume"], "c.run: cannot be used"),
        (["--pretrained", "no.pth"], "pretrained no.pth: not weights of this backbone"),
    ],
)
def test_a_wrong_option_is_one_line(stacks: Path, tmp_path: Path, arguments: list[str], message: str) -> None:
    result = invoke("fit", "--stacks", stacks, "--out", tmp_path / "c.pt", "--steps", 2, *SMALL, *arguments)
    assert isinstance(result.exception, UsageError)
    assert message in str(result.exception)
    assert not (tmp_path / "c.pt").exists()


def test_an_evaluation_is_not_written_over(stacks: Path, tmp_path: Path) -> None:
    result = invoke("evaluate", "--stacks", stacks, "--checkpoint", tmp_path / "c.pt", "--out", tmp_path)
    assert isinstance(result.exception, UsageError)
    assert "choose another folder" in str(result.exception)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("checkpoint") / "c.pt"
    settings = FitSettings(width=0.25)
    save_checkpoint(path, FocusNetwork.of(settings).state_dict(), settings)
    return path


def textured(path: Path, size: int = 300) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(1).integers(0, 256, (size, size, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[EXIF_MAKE] = path.stem
    Image.fromarray(noise).save(path, exif=exif)
    return path


def test_two_images_give_one_answer(checkpoint: Path, tmp_path: Path) -> None:
    images = textured(tmp_path / "0.png"), textured(tmp_path / "1.png")
    result = invoke("predict", "--checkpoint", checkpoint, "--pair", *images)
    assert result.exit_code == 0
    answer = json.loads(result.output)
    assert set(answer) == {"predicted_move_um", "spread_um", "patches", "status"}
    assert answer["patches"] == 4


def test_a_stack_gives_the_table_of_focus_replay(checkpoint: Path, tmp_path: Path) -> None:
    for z_um in (-2, 0, 2, 3):
        textured(tmp_path / f"s/{z_um}.png")
    result = invoke(
        "predict", "--checkpoint", checkpoint, "--stack", tmp_path / "s", "--delta", 2, "--csv", tmp_path / "t.csv"
    )
    assert result.exit_code == 0
    lines = (tmp_path / "t.csv").read_text().splitlines()
    assert lines[0] == "z1,z2,predicted_move_um,spread_um,patches,status"
    assert [line.split(",")[:2] for line in lines[1:]] == [["-2.000", "0.000"], ["0.000", "2.000"]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give either --stack or --pair"),
        (["--stack", "s"], "give --delta and --csv too"),
        (["--pair", "0.png", "none.png"], "none.png"),
        (["--pair", "0.png", "small.png"], "differ in size"),
    ],
)
def test_a_wrong_prediction_is_one_line(
    checkpoint: Path, tmp_path: Path, arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    textured(tmp_path / "0.png")
    textured(tmp_path / "small.png", 280)
    result = invoke("predict", "--checkpoint", checkpoint, *arguments)
    assert isinstance(result.exception, UsageError), result.output
    assert message in str(result.exception)
