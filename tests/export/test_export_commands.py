"""`wsi-export` as its users run it, from a checkpoint to a verified bundle, on very small stacks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from export.cli import app
from firmware_host.bundle import read_bundle
from firmware_host.errors import ScannerError, UsageError
from firmware_host.optics import Objective
from firmware_host.stack_folder import write_stack
from firmware_host.trust import trusted_keys
from training.checkpoint import save_checkpoint
from training.network import FocusNetwork
from training.settings import FitSettings

OPTICS = Objective(0.75)
SETTINGS = FitSettings(width=0.25, spectra=16, patch=32)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with stacks and a checkpoint."""
    root = tmp_path_factory.mktemp("made")
    rng = np.random.default_rng(0)
    z_um = np.round((np.arange(9) - 4) * OPTICS.depth_of_field_um, 3)
    for place in ("train/p0", "train/p1", "test/p0", "test/p1"):
        images = [rng.integers(0, 256, (80, 90, 3), dtype=np.uint8) for _ in z_um]
        write_stack(root / "X" / place, images, z_um, OPTICS, 0.25, slide=place[:5])
    torch.manual_seed(0)
    network = FocusNetwork.of(SETTINGS).train()
    torch.nn.init.normal_(network.judge.first.weight)
    first, second = (torch.randint(0, 256, (40, 32, 32, 3), dtype=torch.uint8) for _ in range(2))
    for _ in range(20):  # the norms learn what is usual; else all fades away within the network
        network(first, second)
    save_checkpoint(root / "c.pt", network.state_dict(), SETTINGS)
    return root


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


def invoke(*arguments: object) -> Any:
    return CliRunner().invoke(app, [*map(str, arguments)])


def bundled(made: Path, folder: Path) -> Path:
    out = folder / "b.wsimodel"
    key = folder / "signing.key"
    result = invoke("bundle", "--checkpoint", made / "c.pt", "--stacks", made, "--out", out, "--key", key)
    assert result.exception is None, result.output
    return out


def test_a_bundle_holds_what_the_steps_make(made: Path, tmp_path: Path) -> None:
    """One at a time or at once, the graphs are the same; the machine that made the key takes the bundle."""
    bundle = read_bundle(bundled(made, tmp_path), trusted_keys())
    graphs = tmp_path / "graphs"
    assert invoke("onnx", "--checkpoint", made / "c.pt", "--out", graphs).exception is None
    assert invoke("quantize", "--graph", graphs / "model_fp32.onnx", "--stacks", made).exception is None
    assert (graphs / "model_fp32.onnx").read_bytes() == bundle.graphs.fp32
    assert (graphs / "calibration.onnx").read_bytes() == bundle.graphs.calibration
    assert (graphs / "model_int8.onnx").read_bytes() == bundle.graphs.int8
    assert (graphs / "model_tensorrt.onnx").read_bytes() == bundle.graphs.tensorrt
    assert bundle.manifest.metrics["int8, all, field mean um"] > 0


def test_the_same_content_and_key_give_the_same_bundle(made: Path, tmp_path: Path) -> None:
    once = bundled(made, tmp_path).read_bytes()
    assert bundled(made, tmp_path).read_bytes() == once


def test_verify_tells_how_far_off_int8_is_and_fails_beyond_the_limits(made: Path, tmp_path: Path) -> None:
    common = ["verify", "--bundle", bundled(made, tmp_path), "--stacks", made, "--count", 12]
    wide = ["--max-growth-um", 9, "--max-p99-um", 9]
    plot = tmp_path / "plot.svg"
    result = invoke(*common, *wide, "--checkpoint", made / "c.pt", "--plot", plot, "--json")
    assert result.exception is None, result.output
    told = json.loads(result.stdout[result.stdout.index("{") :])
    assert set(told["runtimes"]) == {"fp32", "int8", "int8 for TensorRT", "torch"}
    assert told["runtimes"]["fp32"]["max_um"] == 0
    assert told["runtimes"]["torch"]["max_um"] < 0.01
    assert 0 < told["runtimes"]["int8"]["p99_um"] < 9
    assert set(told["by_defocus_dof"]["int8"]) == {str(move) for move in range(-4, 3)}
    assert told["aarch64_from_int8_here"] is None
    assert told["fusion"]["here"]["left"] == {}
    assert "<svg" in plot.read_text()
    failed = invoke(*common, "--max-growth-um", 9, "--max-p99-um", 0)
    assert isinstance(failed.exception, ScannerError)
    assert "allowed 0)" in str(failed.exception)


@pytest.mark.parametrize("content", [None, b"", b"no graph"])
def test_a_bad_graph_is_one_line(made: Path, tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "g.onnx"
    if content is not None:
        path.write_bytes(content)
    result = invoke("quantize", "--graph", path, "--stacks", made)
    assert isinstance(result.exception, UsageError)
    assert "g.onnx: not a focus graph" in str(result.exception)
    assert not (tmp_path / "model_int8.onnx").exists()
