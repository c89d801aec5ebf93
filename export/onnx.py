"""The network as ONNX graphs: raw uint8 patches in, moves and weights out, or the code of a slide."""

from __future__ import annotations

import io
import warnings

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from firmware_host.errors import ScannerError
from firmware_host.inference.ort import OrtCalibrator, OrtPatchModel
from training.network import FocusNetwork

OPSET = 17  # the newest that TensorRT 8.6 takes
_TOLERANCE = 1e-3
_PATCHES = 3


def to_onnx(network: FocusNetwork, size_px: int) -> bytes:
    """The focus graph: `first`, `second` and, for a network that can be calibrated, `code` -> `move_dof`, `weight`.

    :raises ScannerError: ONNX Runtime and torch differ by more than 0.001 DoF on random patches.
    """
    rng = np.random.default_rng(0)
    pair = _random_pair(rng, size_px)
    known = rng.uniform(-1, 1, network.code_size).astype(np.float32)
    code = torch.from_numpy(known) if network.code_size else None
    inputs = {"first": pair[0], "second": pair[1], **({} if code is None else {"code": code})}
    content = _exported(network, inputs, ("move_dof", "weight"))
    moves, weights = OrtPatchModel(content, size_px).predict(*(frame.numpy() for frame in pair), known)
    with torch.inference_mode():
        expected_moves, expected_weights = network(*pair, code)
    _check(np.abs(moves - expected_moves.numpy()).max(), "DoF")
    _check(np.abs(weights - expected_weights.numpy()).max(), "of weight")
    return content


def calibration_to_onnx(network: FocusNetwork, size_px: int) -> bytes:
    """The calibration graph: `first`, `second`, `move_dof` -> `code`; empty for a network that cannot be calibrated.

    :raises ScannerError: ONNX Runtime and torch differ by more than 0.001 on random patches.
    """
    if network.calibrator is None:
        return b""
    rng = np.random.default_rng(0)
    first, second = _random_pair(rng, size_px)
    move_dof = torch.from_numpy(rng.uniform(-3, 3, _PATCHES).astype(np.float32))
    content = _exported(_Calibrating(network), {"first": first, "second": second, "move_dof": move_dof}, ("code",))
    code = OrtCalibrator(content).calibrate(first.numpy(), second.numpy(), move_dof.numpy())
    with torch.inference_mode():
        _check(np.abs(code - network.calibrate(first, second, move_dof).numpy()).max(), "of code")
    return content


class _Calibrating(nn.Module):
    """A network's other use, as a module of its own."""

    def __init__(self, network: FocusNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, first: Tensor, second: Tensor, move_dof: Tensor) -> Tensor:
        return self.network.calibrate(first, second, move_dof)


def _exported(module: nn.Module, inputs: dict[str, Tensor], outputs: tuple[str, ...]) -> bytes:
    """The module's graph; the first axis of all but the code is of any length."""
    stream = io.BytesIO()
    free = [name for name in (*inputs, *outputs) if name != "code"]
    with warnings.catch_warnings():
        # The tracing exporter is deprecated in favour of one that writes ReduceMean for pooling, which stays in float.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module.eval(),
            tuple(inputs.values()),
            stream,
            dynamo=False,
            opset_version=OPSET,
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_axes={name: {0: "n"} for name in free},
        )
    graph = onnx.load_from_string(stream.getvalue())
    onnx.checker.check_model(graph, full_check=True)
    content: bytes = graph.SerializeToString(deterministic=True)
    return content


def _random_pair(rng: np.random.Generator, size_px: int) -> tuple[Tensor, Tensor]:
    shape = (_PATCHES, size_px, size_px, 3)
    first, second = (torch.from_numpy(rng.integers(0, 256, shape, dtype=np.uint8)) for _ in range(2))
    return first, second


def _check(difference: float, unit: str) -> None:
    if difference > _TOLERANCE:
        raise ScannerError(f"export: ONNX and torch differ by {difference:.4f} {unit}; the export is wrong")
