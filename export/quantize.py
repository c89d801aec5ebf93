"""FP32 graph to INT8: static, explicit Q and DQ nodes, weights per channel, calibrated on real patches.

There are two INT8 graphs, as no one suits all. TensorRT takes nothing but signed bytes with zero points 0. ONNX
Runtime then cannot take a ReLU6 for the ends of a byte's range and leaves it, and with it the layers around it, to
floats, on x86 some convolutions too (`export.fusion` counts them). So its graph has unsigned bytes, which end where a
ReLU6 does.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from export.tensorrt_rules import problems
from firmware_host.errors import ScannerError
from training.data import Batch

Runtime = Literal["onnxruntime", "tensorrt"]

_CHUNK = 32
_LARGEST = 127  # of a signed byte, symmetric


class _Patches(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, batch: Batch, fixed: dict[str, NDArray[Any]]) -> None:
        self._chunks: Iterator[dict[str, NDArray[Any]]] = (
            {"first": batch.first[at : at + _CHUNK], "second": batch.second[at : at + _CHUNK], **fixed}
            for at in range(0, len(batch.first) - _CHUNK + 1, _CHUNK)
        )

    def get_next(self) -> dict[str, NDArray[Any]] | None:
        return next(self._chunks, None)


def to_int8(graph: bytes, calibration: Batch, runtime: Runtime) -> bytes:
    """Quantise the convolutions, what lies between them, and the layer that sums them up.

    The arithmetic before them and the layers that judge compute in floats: they take little of the time and all of the
    precision. For ONNX Runtime the weights of those layers are bytes all the same, to be small.

    :raises ScannerError: the graph for TensorRT breaks a rule of its (`export.tensorrt_rules`).
    """
    symmetric = runtime == "tensorrt"
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
            activation_type=QuantType.QInt8 if symmetric else QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
            nodes_to_exclude=_in_floats(model),
            extra_options={
                "ActivationSymmetric": symmetric,
                "WeightSymmetric": True,
                # TensorRT takes no INT32 from a DQ node.
                "QuantizeBias": not symmetric,
                "OpTypesToExcludeOutputQuantization": ["Gemm"],
            },
        )
        quantised = onnx.load(target)
    if runtime == "onnxruntime":
        _shrink_weights(quantised)
    used = [each for each in quantised.opset_import if not each.domain]  # the tools name more than are used
    del quantised.opset_import[:]
    quantised.opset_import.extend(used)
    content: bytes = quantised.SerializeToString(deterministic=True)
    if symmetric and (against := problems(content)):
        raise ScannerError(f"quantize: TensorRT would not take the graph: {against[0]} ({len(against)} in all)")
    return content


def _unknown(model: ModelProto) -> dict[str, NDArray[Any]]:
    """The code of a slide that nothing is known of. It enters behind all that is quantised, so any code would do."""
    lengths = {each.name: each.type.tensor_type.shape.dim[0].dim_value for each in model.graph.input}
    return {"code": np.zeros(lengths["code"], np.float32)} if "code" in lengths else {}


def _in_floats(model: ModelProto) -> list[str]:
    """Nodes before the first convolution and after the layer that sums up the pooled ones, if others answer."""
    names = [node.name for node in model.graph.node]
    kinds = [node.op_type for node in model.graph.node]
    last = kinds.index("GlobalAveragePool")
    layers = [at for at, kind in enumerate(kinds) if kind == "Gemm"]
    if len(layers) > 1:
        last = layers[0]
    return names[: kinds.index("Conv")] + names[last + 1 :]


def _shrink_weights(model: ModelProto) -> None:
    """Weights of the layers in floats to bytes, with a scale for each output; the last layer, which answers, is kept.

    The weight is spread out again before it is used, so nothing but its rounding changes.
    """
    weights = {each.name: each for each in model.graph.initializer}
    layers = [node for node in model.graph.node if node.op_type == "Gemm" and node.input[1] in weights]
    for node in layers[:-1]:
        _shrink(model, node, numpy_helper.to_array(weights[node.input[1]]))
        model.graph.initializer.remove(weights[node.input[1].removesuffix("_spread")])


def _shrink(model: ModelProto, layer: NodeProto, weight: NDArray[np.float32]) -> None:
    """:param weight: (outputs, inputs)."""
    name = layer.input[1]
    scale = np.maximum(np.abs(weight).max(1) / _LARGEST, np.finfo(np.float32).tiny).astype(np.float32)
    rounded = np.clip(np.rint(weight / scale[:, None]), -_LARGEST, _LARGEST).astype(np.int8)
    parts = {f"{name}_bytes": rounded, f"{name}_scale": scale, f"{name}_zero": np.zeros(len(scale), np.int8)}
    model.graph.initializer.extend(numpy_helper.from_array(value, key) for key, value in parts.items())
    spread = helper.make_node("DequantizeLinear", [*parts], [f"{name}_spread"], name=f"{name}_spread", axis=0)
    model.graph.node.insert([*model.graph.node].index(layer), spread)
    layer.input[1] = f"{name}_spread"
