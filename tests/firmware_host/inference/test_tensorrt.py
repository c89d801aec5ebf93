"""The TensorRT backend against a TensorRT that computes with ONNX Runtime: what is called, kept, and told."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from fake_tensorrt import FakeGpu, FakeTensorRt
from numpy.typing import NDArray

from firmware_host.bundle import find_bundle, read_bundle
from firmware_host.errors import HardwareError
from firmware_host.inference.ort import OrtPatchModel
from firmware_host.inference.tensorrt import TensorRtPatchModel
from firmware_host.trust import trusted_keys

SIZE = 128


@pytest.fixture
def trt(monkeypatch: pytest.MonkeyPatch) -> FakeTensorRt:
    fake = FakeTensorRt()
    monkeypatch.setitem(sys.modules, "tensorrt", fake)
    return fake


@pytest.fixture(scope="module")
def graph() -> bytes:
    return read_bundle(find_bundle("focus-20x.wsimodel"), trusted_keys()).graphs.tensorrt


def model(graph: bytes, cache: Path, patches: int = 4, gpu: FakeGpu | None = None) -> TensorRtPatchModel:
    return TensorRtPatchModel(graph, SIZE, patches, cache, gpu or FakeGpu())


def frames(count: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    rng = np.random.default_rng(count)
    first, second = (rng.integers(0, 256, (count, SIZE, SIZE, 3), dtype=np.uint8) for _ in range(2))
    return first, second


@pytest.mark.parametrize("count", [1, 3, 4, 5, 9])
@pytest.mark.parametrize("known", [0, 2, 10])
def test_it_answers_as_onnx_runtime_does(
    trt: FakeTensorRt, graph: bytes, tmp_path: Path, count: int, known: int
) -> None:
    """Fewer patches than it was built for, as many, and more; with a code of any length."""
    code = np.linspace(-0.5, 0.5, known).astype(np.float32)
    expected = OrtPatchModel(graph, SIZE).predict(*frames(count), code)
    answers = model(graph, tmp_path).predict(*frames(count), code)
    for answer, truth in zip(answers, expected, strict=True):
        np.testing.assert_allclose(answer, truth, atol=1e-4)


def test_frames_that_do_not_lie_in_one_piece_are_taken_too(trt: FakeTensorRt, graph: bytes, tmp_path: Path) -> None:
    first, second = (np.concatenate([each, each])[::2] for each in frames(4))
    made = model(graph, tmp_path)
    assert not first.flags.c_contiguous
    answers = made.predict(first, second, np.zeros(0, np.float32))
    plain = made.predict(first.copy(), second.copy(), np.zeros(0, np.float32))
    np.testing.assert_array_equal(answers[0], plain[0])


def test_an_engine_is_built_once_for_a_gpu_a_version_and_a_graph(
    trt: FakeTensorRt, graph: bytes, tmp_path: Path
) -> None:
    for _ in range(2):
        model(graph, tmp_path)
    assert trt.built == 1
    model(graph, tmp_path, gpu=FakeGpu("Xavier"))
    model(graph, tmp_path, patches=5)
    trt.__version__ = "11.1.0"
    model(graph, tmp_path)
    assert trt.built == 4
    assert (tmp_path / "timing.cache").read_bytes() == b"tttt"


def test_an_engine_that_is_damaged_is_built_again(trt: FakeTensorRt, graph: bytes, tmp_path: Path) -> None:
    model(graph, tmp_path)
    (engine,) = tmp_path.glob("*.engine")
    engine.write_bytes(b"half of it")
    model(graph, tmp_path)
    assert trt.built == 2
    assert len(engine.read_bytes()) > len(graph)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("refuses_graphs", "does not take the graph: Node: /judge/Gemm: no plugin"),
        ("cannot_build", "could not build an engine"),
    ],
)
def test_why_it_cannot_be_used_is_told_and_nothing_kept(
    trt: FakeTensorRt, graph: bytes, tmp_path: Path, fault: str, words: str
) -> None:
    setattr(trt, fault, True)
    with pytest.raises(HardwareError, match=words):
        model(graph, tmp_path)
    assert not list(tmp_path.glob("*.engine"))


def test_an_inference_that_fails_is_told(trt: FakeTensorRt, graph: bytes, tmp_path: Path) -> None:
    trt.cannot_run = True
    with pytest.raises(HardwareError, match="could not be started"):
        model(graph, tmp_path).predict(*frames(1), np.zeros(0, np.float32))


def test_a_gpu_that_hangs_is_told(trt: FakeTensorRt, graph: bytes, tmp_path: Path) -> None:
    gpu = FakeGpu()
    made = model(graph, tmp_path, gpu=gpu)
    gpu.answers = False
    with pytest.raises(HardwareError, match="no answer within 5 s"):
        made.predict(*frames(1), np.zeros(0, np.float32))


def test_a_machine_without_it_is_told(graph: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("tensorrt", "tensorrt_rtx"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(HardwareError, match="TensorRT is not installed"):
        model(graph, tmp_path)
