"""The quicker graph is asked, and it is said which and why."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from fake_tensorrt import FakeGpu, FakeTensorRt
from numpy.typing import NDArray

from firmware_host.bundle import Bundle, find_bundle, read_bundle
from firmware_host.errors import HardwareError
from firmware_host.inference.choice import choose, quickest
from firmware_host.inference.port import NOTHING_KNOWN
from firmware_host.profile_tables import Arithmetic
from firmware_host.trust import trusted_keys


class Clock:
    def __init__(self) -> None:
        self.s = 0.0


class Timed:
    """A model that takes these times in turn, milliseconds, the last one for ever."""

    def __init__(self, clock: Clock, *ms: float) -> None:
        self._clock = clock
        self._ms = list(ms)
        self.asked: list[tuple[int, ...]] = []

    def predict(
        self, first: NDArray[np.uint8], second: NDArray[np.uint8], code: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        assert first.shape == second.shape
        assert len(code) == 0
        self.asked.append(first.shape)
        self._clock.s += (self._ms.pop(0) if len(self._ms) > 1 else self._ms[0]) / 1000
        return np.zeros(len(first), np.float32), np.zeros(len(first), np.float32)


@pytest.mark.parametrize(
    ("int8", "fp32", "name"),
    [
        ((4.0,), (9.0,), "int8"),
        ((20.0,), (9.0,), "fp32"),
        ((900.0, 4.0), (9.0,), "int8"),  # the first inference sets things up
        ((4.0, 4.0, 4.0, 300.0, 200.0, 4.0), (9.0,), "int8"),  # something else ran meanwhile
    ],
)
def test_the_quicker_one_is_chosen(int8: tuple[float, ...], fp32: tuple[float, ...], name: str) -> None:
    clock = Clock()
    models = {"int8": Timed(clock, *int8), "fp32": Timed(clock, *fp32)}
    choice = quickest(models, 64, 5, lambda: clock.s)
    assert choice.name == name
    assert choice.model is models[name]
    assert choice.ms == pytest.approx({"int8": int8[-1], "fp32": fp32[-1]})
    for model in models.values():
        assert set(model.asked) == {(5, 64, 64, 3)}


def test_both_times_are_told() -> None:
    clock = Clock()
    choice = quickest({"int8": Timed(clock, 20), "fp32": Timed(clock, 9)}, 64, 1, lambda: clock.s)
    assert choice.line() == "fp32, the quickest here: 9.0 ms for a field's patches; int8 20.0 ms"


def test_a_graph_that_fails_is_not_passed_over() -> None:
    class Broken(Timed):
        def predict(self, *_: object) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
            raise HardwareError("inference failed: no memory")

    clock = Clock()
    with pytest.raises(HardwareError, match="no memory"):
        quickest({"int8": Broken(clock, 1), "fp32": Timed(clock, 9)}, 64, 1, lambda: clock.s)


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return read_bundle(find_bundle("focus-20x.wsimodel"), trusted_keys())


@pytest.mark.parametrize("arithmetic", ["int8", "fp32"])
def test_a_profile_may_settle_it(bundle: Bundle, arithmetic: Arithmetic) -> None:
    choice = choose(bundle, arithmetic, 2, pytest.fail)
    assert choice.line() == f"{arithmetic}, as the profile says"
    patches = np.zeros((2, 128, 128, 3), np.uint8)
    moves, _ = choice.model.predict(patches, patches, NOTHING_KNOWN)
    assert moves.shape == (2,)


def test_a_machine_without_tensorrt_chooses_between_the_other_two(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("firmware_host.inference.tensorrt.is_installed", lambda: False)
    choice = choose(bundle, "auto", 2, pytest.fail)
    assert choice.ms.keys() == {"int8", "fp32"}


def test_where_tensorrt_cannot_be_had_it_is_warned_of_once(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("tensorrt", "tensorrt_rtx"):
        monkeypatch.setitem(sys.modules, name, None)
    told: list[str] = []
    choice = choose(bundle, "tensorrt", 2, told.append, tmp_path)
    assert choice.ms.keys() == {"int8", "fp32"}
    (warning,) = told
    assert warning.startswith("TensorRT is not installed: ")
    assert warning.endswith("; the processor judges fields instead")


def test_tensorrt_takes_part_where_it_is_installed(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trt = FakeTensorRt()
    monkeypatch.setitem(sys.modules, "tensorrt", trt)
    monkeypatch.setattr("firmware_host.inference.tensorrt.is_installed", lambda: True)
    monkeypatch.setattr("firmware_host.inference.tensorrt.Gpu", FakeGpu)
    assert choose(bundle, "tensorrt", 2, pytest.fail, tmp_path).line() == "tensorrt, as the profile says"
    assert choose(bundle, "auto", 2, pytest.fail, tmp_path).ms.keys() == {"tensorrt", "int8", "fp32"}
    trt.refuses_graphs = True
    told: list[str] = []
    assert choose(bundle, "auto", 3, told.append, tmp_path).ms.keys() == {"int8", "fp32"}
    assert len(told) == 1


def test_an_installed_tensorrt_without_a_gpu_is_warned_of(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_gpu() -> None:
        raise HardwareError("GPU: no NVIDIA driver")

    monkeypatch.setitem(sys.modules, "tensorrt", FakeTensorRt())
    monkeypatch.setattr("firmware_host.inference.tensorrt.is_installed", lambda: True)
    monkeypatch.setattr("firmware_host.inference.tensorrt.Gpu", no_gpu)
    told: list[str] = []
    assert choose(bundle, "auto", 2, told.append, tmp_path).ms.keys() == {"int8", "fp32"}
    assert told == ["GPU: no NVIDIA driver; the processor judges fields instead"]
