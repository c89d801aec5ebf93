"""FP32 graph to INT8: static, explicit QDQ, per channel, symmetric, calibrated on real patches."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from export.tensorrt_rules import problems
from firmware_host.errors import ScannerError
from training.data import Batch

_CHUNK = 32


class _Patches(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, batch: Batch, fixed: dict[str, NDArray[Any]]) -> None:
        self._chunks: Iterator[dict[str, NDArray[Any]]] = (
            {"first": batch.first[at : at + _CHUNK], "second": batch.second[at : at + _CHUNK], **fixed}
            for at in range(0, len(batch.first) - _CHUNK + 1, _CHUNK)
        )

    def get_next(self) -> dict[str, NDArray[Any]] | None:
        return next(self._chunks, None)


def to_int8(graph: bytes, calibration: Batch) -> bytes:
    """Quantise the convolutions and what lies between them; the arithmetic before and the head after stay float.

    Symmetric int8 with zero points 0, the only form that TensorRT takes.

    :raises ScannerError: the graph breaks a rule of TensorRT's (`export.tensorrt_rules`).
    """
    with tempfile.TemporaryDirectory() as scratch:
        source, prepared, target = (str(Path(scratch) / name) for name in ("fp32.onnx", "prepared.onnx", "int8.onnx"))
        Path(source).write_bytes(graph)
        quant_pre_process(source, prepared)
        model = onnx.load(prepared)
        quantize_static(
            prepared,
            target,
            _Patches(calibration, _unknown(model)),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
            nodes_to_exclude=_outside_the_backbone(model),
            # Biases stay float: TensorRT takes no INT32 from a DQ node, and ONNX Runtime quantises them when it loads.
            extra_options={"ActivationSymmetric": True, "WeightSymmetric": True, "QuantizeBias": False},
        )
        quantised = onnx.load(target)
        used = [each for each in quantised.opset_import if not each.domain]  # the tools name more than are used
        del quantised.opset_import[:]
        quantised.opset_import.extend(used)
        content: bytes = quantised.SerializeToString(deterministic=True)
    if against := problems(content):
        raise ScannerError(f"quantize: TensorRT would not take the graph: {against[0]} ({len(against)} in all)")
    return content


def _unknown(model: onnx.ModelProto) -> dict[str, NDArray[Any]]:
    """The code of a slide that nothing is known of. It enters behind all that is quantised, so any code would do."""
    lengths = {each.name: each.type.tensor_type.shape.dim[0].dim_value for each in model.graph.input}
    return {"code": np.zeros(lengths["code"], np.float32)} if "code" in lengths else {}


def _outside_the_backbone(model: onnx.ModelProto) -> list[str]:
    """Nodes before the first convolution and after the pooling: few operations, and all of the precision."""
    names = [node.name for node in model.graph.node]
    kinds = [node.op_type for node in model.graph.node]
    return names[: kinds.index("Conv")] + names[kinds.index("GlobalAveragePool") + 1 :]
