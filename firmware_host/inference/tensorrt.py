"""The network in TensorRT on an NVIDIA GPU. The only module that imports tensorrt.

`tensorrt` is that of a Jetson, `tensorrt_rtx` (TensorRT for RTX, the same calls) that of the GPU of a PC.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from firmware_host.errors import HardwareError
from firmware_host.inference.cuda import Gpu
from firmware_host.inference.port import check_patches, completed
from firmware_host.whole_file import write_whole

_MODULES = ("tensorrt", "tensorrt_rtx")
_WORKSPACE_BYTES = 256 << 20
_TIMEOUT_S = 5.0
_OUTPUTS = ("move_dof", "weight")


class Device(Protocol):
    """What is needed of a `Gpu`."""

    name: str

    @property
    def stream(self) -> int: ...
    def enter(self) -> None: ...
    def allocate(self, nbytes: int) -> int: ...
    def upload(self, address: int, data: NDArray[Any]) -> None: ...
    def download(self, data: NDArray[Any], address: int) -> None: ...
    def wait(self, timeout_s: float) -> None: ...


def is_installed() -> bool:
    """Whether this machine has TensorRT; says nothing of a GPU."""
    return any(importlib.util.find_spec(name) is not None for name in _MODULES)


def engine_cache() -> Path:
    """Where engines are kept: what this machine made of a graph, for this GPU and this TensorRT alone."""
    return Path.home() / ".cache" / "wsi-scanner" / "engines"


class TensorRtPatchModel:
    """A `PatchModel` of a graph whose INT8 is written out as pairs of quantising and dequantising nodes.

    The engine is built at first use, which takes minutes, and kept.

    :param patches: of a field; more are asked for in turns.
    :param cache: folder for engines.
    :raises HardwareError: there is no TensorRT or no GPU, or TensorRT does not take the graph; the message says which.
    """

    def __init__(self, graph: bytes, size_px: int, patches: int, cache: Path, device: Device | None = None) -> None:
        self._trt = load()
        self._gpu = device or Gpu()
        self._patches = patches
        self._size_px = size_px
        self._logger = self._trt.Logger(self._trt.Logger.WARNING)
        self._runtime = self._trt.Runtime(self._logger)
        self._engine = self._opened(graph, size_px, cache)
        self._context = self._engine.create_execution_context()
        if self._context is None:
            raise HardwareError("TensorRT: no memory left for the engine; close other programs")
        self._code_size = self._length_of_code()
        images = patches * size_px * size_px * 3
        sizes = {"first": images, "second": images, "move_dof": 4 * patches, "weight": 4 * patches}
        if self._code_size:
            sizes["code"] = 4 * self._code_size
        self._addresses = {name: self._gpu.allocate(size) for name, size in sizes.items()}
        for name, address in self._addresses.items():
            self._context.set_tensor_address(name, address)

    def predict(
        self, first: NDArray[np.uint8], second: NDArray[np.uint8], code: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        check_patches(first, second, self._size_px)
        self._gpu.enter()
        parts = [slice(at, at + self._patches) for at in range(0, len(first), self._patches)]
        answers = [self._asked(first[part], second[part], code) for part in parts]
        moves, weights = (np.concatenate(part) for part in zip(*answers, strict=True))
        if not (np.isfinite(moves).all() and np.isfinite(weights).all()):
            raise HardwareError("inference: the network's answer is not a number; verify the bundle")
        return moves, weights

    def _asked(
        self, first: NDArray[np.uint8], second: NDArray[np.uint8], code: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], ...]:
        inputs = {"first": np.ascontiguousarray(first), "second": np.ascontiguousarray(second)}
        if self._code_size:
            inputs["code"] = completed(code, self._code_size).astype(np.float32)
        for name, data in inputs.items():
            if not self._context.set_input_shape(name, data.shape):
                raise HardwareError(f"TensorRT: the engine does not take {name} of shape {data.shape}")
            self._gpu.upload(self._addresses[name], data)
        if not self._context.execute_async_v3(self._gpu.stream):
            raise HardwareError("TensorRT: the inference could not be started; its log is above")
        answers = tuple(np.empty(len(first), np.float32) for _ in _OUTPUTS)
        for name, answer in zip(_OUTPUTS, answers, strict=True):
            self._gpu.download(answer, self._addresses[name])
        self._gpu.wait(_TIMEOUT_S)
        return answers

    def _opened(self, graph: bytes, size_px: int, cache: Path) -> Any:
        """The engine that was kept, or a new one where there is none or it is not taken any more."""
        made_of = f"{self._gpu.name}|{self._trt.__version__}|{self._patches}|".encode() + graph
        path = cache / f"{hashlib.sha256(made_of).hexdigest()[:32]}.engine"
        if path.is_file():
            engine = self._runtime.deserialize_cuda_engine(path.read_bytes())
            if engine is not None:
                return engine
        builder = self._trt.Builder(self._logger)
        network, _parser = parsed(self._trt, self._logger, builder, graph)
        config = configured(self._trt, builder, size_px, self._patches, timings := cache / "timing.cache")
        plan = builder.build_serialized_network(network, config)
        if plan is None:
            raise HardwareError("TensorRT could not build an engine; its log is above")
        write_whole(timings, bytes(config.get_timing_cache().serialize()))
        engine = self._runtime.deserialize_cuda_engine(bytes(plan))
        if engine is None:
            raise HardwareError("TensorRT does not take the engine that it built; its log is above")
        write_whole(path, bytes(plan))
        return engine

    def _length_of_code(self) -> int:
        names = {self._engine.get_tensor_name(at) for at in range(self._engine.num_io_tensors)}
        return int(self._engine.get_tensor_shape("code")[0]) if "code" in names else 0


def parsed(trt: Any, logger: Any, builder: Any, graph: bytes) -> tuple[Any, Any]:
    """The graph as a network of TensorRT, typed as it says: INT8 between Q and DQ nodes, float elsewhere.

    :param trt: the module. :returns: the network, and its parser: to be kept until the engine is built, as the
        network's weights lie in the parser's memory.
    :raises HardwareError: it does not take the graph, and why.
    """
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, logger)
    if not parser.parse(graph):
        reason = parser.get_error(0).desc() if parser.num_errors else "no reason given"
        raise HardwareError(f"TensorRT does not take the graph: {': '.join(reason.splitlines()[:2])}")
    return network, parser


def configured(trt: Any, builder: Any, size_px: int, patches: int, timings: Path) -> Any:
    """How an engine for 1 to `patches` patches is built; `timings` is the file of what was timed before, if any."""
    config = builder.create_builder_config()
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, _WORKSPACE_BYTES)
    timings.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    known = config.create_timing_cache(timings.read_bytes() if timings.is_file() else b"")
    config.set_timing_cache(known, ignore_mismatch=False)
    profile = builder.create_optimization_profile()
    one, most = ((count, size_px, size_px, 3) for count in (1, patches))
    for name in ("first", "second"):
        profile.set_shape(name, one, most, most)
    config.add_optimization_profile(profile)
    return config


def load() -> Any:
    """The module of the TensorRT that is installed. :raises HardwareError: none is, or it cannot be loaded."""
    for name in _MODULES:
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name != name:
                raise HardwareError(f"TensorRT cannot be loaded: {error}") from error
        except Exception as error:  # its own loader raises several kinds
            raise HardwareError(f"TensorRT cannot be loaded: {str(error).splitlines()[0]}") from error
    raise HardwareError(f"TensorRT is not installed: there is no module {' or '.join(_MODULES)}")
