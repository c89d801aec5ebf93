"""The fake has no call and no argument that NVIDIA's own bindings lack; TensorRT for RTX has those of TensorRT."""

from __future__ import annotations

import inspect
from typing import Any

import fake_tensorrt as fake
import pytest

real = pytest.importorskip("tensorrt_rtx")

STANDS_FOR = {
    fake.Builder: "Builder",
    fake.BuilderConfig: "IBuilderConfig",
    fake.CudaEngine: "ICudaEngine",
    fake.ExecutionContext: "IExecutionContext",
    fake.Network: "INetworkDefinition",
    fake.OnnxParser: "OnnxParser",
    fake.OptimizationProfile: "IOptimizationProfile",
    fake.ParserError: "ParserError",
    fake.Runtime: "Runtime",
    fake.TimingCache: "ITimingCache",
}
CALLS = [
    (theirs, name, method)
    for ours, theirs in STANDS_FOR.items()
    for name, method in vars(ours).items()
    if inspect.isfunction(method) and not name.startswith("_")
]


@pytest.mark.parametrize(("theirs", "name", "method"), CALLS, ids=[f"{theirs}.{name}" for theirs, name, _ in CALLS])
def test_every_call_of_the_fake_is_a_real_one(theirs: str, name: str, method: Any) -> None:
    documented = getattr(getattr(real, theirs), name).__doc__
    for parameter in inspect.signature(method).parameters:
        assert f"{parameter}: " in documented


def test_every_constant_of_the_fake_is_a_real_one() -> None:
    assert int(real.Logger.WARNING) == fake.Logger.WARNING
    for group in ("NetworkDefinitionCreationFlag", "MemoryPoolType"):
        for name in vars(getattr(fake.FakeTensorRt, group)):
            assert name.startswith("_") or hasattr(getattr(real, group), name)
    assert isinstance(real.ICudaEngine.num_io_tensors, property)
    assert isinstance(real.OnnxParser.num_errors, property)
