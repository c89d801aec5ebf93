"""`wsi-host doctor`: all ways of running the network are timed and compared."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_tensorrt import FakeGpu, FakeTensorRt
from typer.testing import CliRunner

from firmware_host.cli import app
from firmware_host.errors import HardwareError
from firmware_host.inference import tensorrt
from firmware_host.inference.selftest import agreement, made_up_patches


class Answers:
    def __init__(self, *moves: float) -> None:
        self._moves = np.array(moves, np.float32)

    def predict(self, *_: object) -> tuple[np.ndarray, np.ndarray]:
        return self._moves, np.ones_like(self._moves)


@pytest.fixture
def trt(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeTensorRt:
    fake = FakeTensorRt()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setitem(sys.modules, "tensorrt", fake)
    monkeypatch.setattr("firmware_host.inference.tensorrt.Gpu", FakeGpu)
    return fake


def doctor(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["doctor", "--patches", "4", *arguments])


def test_differences_are_absolute() -> None:
    found = agreement(Answers(1, -2, 3), Answers(1.5, -2.1, 3), *made_up_patches(3, 32))
    assert (found.mean_dof, found.most_dof) == pytest.approx((0.2, 0.5), abs=1e-6)


def test_made_up_patches_have_detail_and_differ_in_blur() -> None:
    first, second = made_up_patches(20, 64)
    assert first.shape == second.shape == (20, 64, 64, 3)
    assert first.std(axis=(1, 2, 3)).min() > 20
    sharpness = [np.abs(np.diff(frames[..., 0].astype(float), axis=2)).mean((1, 2)) for frames in (first, second)]
    assert (sharpness[0] > 1.2 * sharpness[1]).sum() > 3
    assert (sharpness[1] > 1.2 * sharpness[0]).sum() > 3
    assert np.array_equal(first, made_up_patches(20, 64)[0])


def test_the_processor_alone() -> None:
    result = doctor()
    assert result.exception is None, result.output
    assert "signed and whole" in result.output
    assert "agreement of fp32: differs from int8 by" in result.output
    assert "tensorrt" not in result.output


def test_tensorrt_is_compared_and_its_engine_kept(trt: FakeTensorRt, tmp_path: Path) -> None:
    result = doctor("--tensorrt")
    assert result.exception is None, result.output
    assert "agreement of tensorrt: differs from its graph on the processor by 0.0000 DoF" in result.output
    assert list(tensorrt.engine_cache().glob("*.engine"))


def test_a_tensorrt_that_answers_otherwise_fails(trt: FakeTensorRt, monkeypatch: pytest.MonkeyPatch) -> None:
    class Wrong(tensorrt.TensorRtPatchModel):
        def predict(self, *arguments: Any) -> Any:
            moves, weights = super().predict(*arguments)
            return moves + 0.05, weights

    monkeypatch.setattr(tensorrt, "TensorRtPatchModel", Wrong)
    result = doctor("--tensorrt")
    assert isinstance(result.exception, HardwareError)
    assert "agreement of tensorrt: differs from its graph on the processor by" in str(result.exception)


def test_a_machine_without_tensorrt_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("tensorrt", "tensorrt_rtx"):
        monkeypatch.setitem(sys.modules, name, None)
    result = doctor("--tensorrt")
    assert isinstance(result.exception, HardwareError)
    assert "TensorRT is not installed" in str(result.exception)
