"""A TensorRT that computes with ONNX Runtime, with the calls of TensorRT's Python bindings and no others.

Names and parameters are those of python/src/infer/pyCore.cpp, pyFoundationalTypes.cpp and python/src/parsers/pyOnnx.cpp
of TensorRT 11.1, read in November 2026; what TensorRT 11 removed (BuilderFlag.INT8, calibrators) is not here. A call
with another name or another parameter fails; `test_fake_tensorrt.py` holds them against bindings that are installed.
"""

from __future__ import annotations

import ctypes
import functools
import types
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from firmware_host.errors import HardwareError

DTYPES = {"tensor(uint8)": np.uint8, "tensor(float)": np.float32}


class Memory:
    """IHostMemory: bytes by the buffer protocol (Python 3.11 cannot make one, so a subclass of bytes stands for it)."""

    def __new__(cls, content: bytes) -> Any:
        return bytes(content)


class Logger:
    WARNING = 2

    def __init__(self, min_severity: int) -> None:
        assert min_severity == self.WARNING


class ParserError:
    def desc(self) -> str:
        return "Node: /judge/Gemm: no plugin"


class OnnxParser:
    def __init__(self, network: Network, logger: Logger) -> None:
        self._network = network
        self.num_errors = 0

    def parse(self, model: bytes, path: str | None = None) -> bool:
        if self._network.builder.trt.refuses_graphs:
            self.num_errors = 1
            return False
        self._network.graph = model
        return True

    def get_error(self, index: int) -> ParserError:
        assert index < self.num_errors
        return ParserError()


class Network:
    def __init__(self, builder: Builder) -> None:
        self.builder = builder
        self.graph = b""


class OptimizationProfile:
    def __init__(self) -> None:
        self.shapes: dict[str, tuple[tuple[int, ...], ...]] = {}

    def set_shape(self, input: str, min: tuple[int, ...], opt: tuple[int, ...], max: tuple[int, ...]) -> None:
        self.shapes[input] = (min, opt, max)


class TimingCache:
    def __init__(self, content: bytes) -> None:
        self._content = content

    def serialize(self) -> Any:
        return Memory(self._content + b"t")


class BuilderConfig:
    def __init__(self) -> None:
        self.profiles: list[OptimizationProfile] = []
        self._timings = TimingCache(b"")
        self.pools: dict[str, int] = {}

    def set_memory_pool_limit(self, pool: str, pool_size: int) -> None:
        self.pools[pool] = pool_size

    def create_timing_cache(self, serialized_timing_cache: bytes) -> TimingCache:
        return TimingCache(serialized_timing_cache)

    def set_timing_cache(self, cache: TimingCache, ignore_mismatch: bool) -> bool:
        self._timings = cache
        return True

    def get_timing_cache(self) -> TimingCache:
        return self._timings

    def add_optimization_profile(self, profile: OptimizationProfile) -> int:
        self.profiles.append(profile)
        return len(self.profiles) - 1


class Builder:
    def __init__(self, trt: FakeTensorRt, logger: Logger) -> None:
        self.trt = trt

    def create_network(self, flags: int = 0) -> Network:
        assert flags == 1 << FakeTensorRt.NetworkDefinitionCreationFlag.STRONGLY_TYPED
        return Network(self)

    def create_builder_config(self) -> BuilderConfig:
        return BuilderConfig()

    def create_optimization_profile(self) -> OptimizationProfile:
        return OptimizationProfile()

    def build_serialized_network(self, network: Network, config: BuilderConfig) -> Any:
        self.trt.built += 1
        (profile,) = config.profiles
        most = profile.shapes["first"][2][0]
        assert profile.shapes["first"] == profile.shapes["second"]
        return None if self.trt.cannot_build else Memory(most.to_bytes(2, "big") + network.graph)


class ExecutionContext:
    def __init__(self, session: Any, most: int, fails: bool) -> None:
        self._session, self._most, self._fails = session, most, fails
        self._addresses: dict[str, int] = {}
        self._shapes = {i.name: tuple(i.shape) for i in session.get_inputs() if isinstance(i.shape[0], int)}

    def set_tensor_address(self, name: str, memory: int) -> bool:
        self._addresses[name] = memory
        return True

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        fixed = self._shapes.get(name) if name == "code" else None
        if (fixed is not None and shape != fixed) or (name != "code" and not 1 <= shape[0] <= self._most):
            return False
        self._shapes[name] = shape
        return True

    def execute_async_v3(self, stream_handle: int) -> bool:
        if self._fails:
            return False
        assert stream_handle == FakeGpu.stream
        feed = {}
        for each in self._session.get_inputs():
            kind, shape = np.dtype(DTYPES[each.type]), self._shapes[each.name]
            size = int(np.prod(shape)) * kind.itemsize
            content = ctypes.string_at(self._addresses[each.name], size)
            feed[each.name] = np.frombuffer(content, kind).reshape(shape)
        for each, answer in zip(self._session.get_outputs(), self._session.run(None, feed), strict=True):
            ctypes.memmove(self._addresses[each.name], answer.ctypes.data, answer.nbytes)
        return True


class CudaEngine:
    def __init__(self, plan: bytes, fails: bool) -> None:
        self._most, self._fails = int.from_bytes(plan[:2], "big"), fails
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(plan[2:], options, providers=["CPUExecutionProvider"])
        self._tensors = [*self._session.get_inputs(), *self._session.get_outputs()]
        self.num_io_tensors = len(self._tensors)

    def create_execution_context(self) -> ExecutionContext:
        return ExecutionContext(self._session, self._most, self._fails)

    def get_tensor_name(self, index: int) -> str:
        name: str = self._tensors[index].name
        return name

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return next(tuple(each.shape) for each in self._tensors if each.name == name)


class Runtime:
    def __init__(self, trt: FakeTensorRt, logger: Logger) -> None:
        self._trt = trt

    def deserialize_cuda_engine(self, serialized_engine: bytes) -> CudaEngine | None:
        try:
            return CudaEngine(serialized_engine, self._trt.cannot_run)
        except Exception:
            return None


class FakeTensorRt(types.ModuleType):
    """The module `tensorrt`, and what is to go wrong with it."""

    Logger = Logger
    OnnxParser = OnnxParser

    class NetworkDefinitionCreationFlag:
        STRONGLY_TYPED = 1

    class MemoryPoolType:
        WORKSPACE = "workspace"

    def __init__(self, version: str = "10.13.0") -> None:
        super().__init__("tensorrt")
        self.__version__ = version
        self.built = 0
        self.refuses_graphs = self.cannot_build = self.cannot_run = False
        self.Builder, self.Runtime = (functools.partial(made, self) for made in (Builder, Runtime))


class FakeGpu:
    """A GPU whose memory is this machine's; copies are made when the queue is waited for, as they may be."""

    stream = 77

    def __init__(self, name: str = "Orin") -> None:
        self.name = name
        self.answers = True
        self._memory: dict[int, Any] = {}
        self._downloads: list[tuple[NDArray[Any], int]] = []
        self.entered = 0

    def enter(self) -> None:
        self.entered += 1

    def allocate(self, nbytes: int) -> int:
        buffer = ctypes.create_string_buffer(nbytes)
        self._memory[ctypes.addressof(buffer)] = buffer
        return ctypes.addressof(buffer)

    def upload(self, address: int, data: NDArray[Any]) -> None:
        assert data.flags.c_contiguous
        assert data.nbytes <= len(self._memory[address])
        ctypes.memmove(address, data.ctypes.data, data.nbytes)

    def download(self, data: NDArray[Any], address: int) -> None:
        assert data.nbytes <= len(self._memory[address])
        self._downloads.append((data, address))

    def wait(self, timeout_s: float) -> None:
        assert timeout_s > 0
        if not self.answers:
            raise HardwareError(f"GPU: no answer within {timeout_s:g} s")
        for data, address in self._downloads:
            ctypes.memmove(data.ctypes.data, address, data.nbytes)
        self._downloads.clear()
