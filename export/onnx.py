"""The whole network as one ONNX graph: raw uint8 patches in, moves and weights out."""

from __future__ import annotations

import io
import warnings

import numpy as np
import onnx
import torch

from firmware_host.errors import ScannerError
from firmware_host.inference.ort import OrtPatchModel
from training.network import FocusNetwork

OPSET = 17  # the newest that TensorRT 8.6 takes
_TOLERANCE_DOF = 1e-3


def to_onnx(network: FocusNetwork, size_px: int) -> bytes:
    """Export, and hold the graph against the network on random patches.

    :raises ScannerError: ONNX Runtime and torch differ by more than 0.001 DoF.
    """
    rng = np.random.default_rng(0)
    first, second = (rng.integers(0, 256, (3, size_px, size_px, 3), dtype=np.uint8) for _ in range(2))
    stream = io.BytesIO()
    with warnings.catch_warnings():
        # The tracing exporter is deprecated in favour of one that writes ReduceMean for pooling, which stays in float.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network.eval(),
            (torch.from_numpy(first), torch.from_numpy(second)),
            stream,
            dynamo=False,
            opset_version=OPSET,
            input_names=["first", "second"],
            output_names=["move_dof", "weight"],
            dynamic_axes={name: {0: "n"} for name in ("first", "second", "move_dof", "weight")},
        )
    graph = onnx.load_from_string(stream.getvalue())
    onnx.checker.check_model(graph, full_check=True)
    content: bytes = graph.SerializeToString(deterministic=True)
    moves, weights = OrtPatchModel(content, size_px).predict(first, second)
    with torch.inference_mode():
        expected_moves, expected_weights = network(torch.from_numpy(first), torch.from_numpy(second))
    off = max(np.abs(moves - expected_moves.numpy()).max(), np.abs(weights - expected_weights.numpy()).max())
    if off > _TOLERANCE_DOF:
        raise ScannerError(f"export: ONNX and torch differ by {off:.4f} DoF on random patches; the export is wrong")
    return content
