"""What TensorRT 8.6 to 11 documents of the ONNX graphs that it takes, checked without TensorRT.

Sources: the operator chart of onnx-tensorrt (docs/operators.md, TensorRT 10.1), its importer's checks of Q and DQ
nodes, and "Explicit Quantization" in NVIDIA's documentation. `export/tensorrt_build.py` asks one TensorRT itself.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, TensorProto, numpy_helper

NEWEST_OPSET = 17
# Those of the chart that graphs of this project are made of.
_OPERATORS = {
    "Add",
    "BatchNormalization",
    "Cast",
    "Clip",
    "Concat",
    "Constant",
    "ConstantOfShape",
    "Conv",
    "Cos",
    "DequantizeLinear",
    "Div",
    "Expand",
    "Flatten",
    "Gather",
    "Gemm",
    "GlobalAveragePool",
    "HardSigmoid",
    "HardSwish",
    "Identity",
    "Log",
    "MatMul",
    "Mul",
    "Neg",
    "Pow",
    "QuantizeLinear",
    "ReduceMean",
    "ReduceSum",
    "Relu",
    "Reshape",
    "Shape",
    "Sin",
    "Slice",
    "Split",
    "Sqrt",
    "Squeeze",
    "Sub",
    "Tanh",
    "Transpose",
    "Unsqueeze",
}
_CONSTANT_INPUTS = {"Slice": 3, "Squeeze": 1, "Unsqueeze": 1, "ReduceSum": 1}  # operator -> which input is axes
_QUANTISING = ("QuantizeLinear", "DequantizeLinear")


def problems(graph: bytes) -> list[str]:
    """Why TensorRT would refuse the graph, one line for each reason; empty: nothing is known against it."""
    model = onnx.load_from_string(graph)
    values = _Values(model)
    return [*_of_the_model(model), *(text for node in model.graph.node for text in _of_a_node(node, values))]


class _Values:
    """What is known of a graph's tensors before it runs."""

    def __init__(self, model: ModelProto) -> None:
        self.constants: dict[str, TensorProto] = {each.name: each for each in model.graph.initializer}
        for node in model.graph.node:
            if node.op_type == "Constant":
                tensors = [each.t for each in node.attribute if each.name == "value"]
                self.constants.update(zip(node.output, tensors, strict=False))
        self.bytes_in = {
            each.name for each in model.graph.input if each.type.tensor_type.elem_type == TensorProto.UINT8
        }


def _of_the_model(model: ModelProto) -> Iterator[str]:
    for each in model.opset_import:
        if each.domain not in ("", "ai.onnx"):
            yield f"operators of the domain {each.domain}"
        elif each.version > NEWEST_OPSET:
            yield f"opset {each.version}, TensorRT 8.6 takes {NEWEST_OPSET} at most"


def _of_a_node(node: NodeProto, values: _Values) -> Iterator[str]:
    where = node.name or node.op_type
    if node.op_type not in _OPERATORS:
        yield f"{where}: operator {node.op_type} is not supported"
    if node.op_type != "Cast" and values.bytes_in & set(node.input):
        yield f"{where}: takes bytes; they may only be cast"
    axes = _CONSTANT_INPUTS.get(node.op_type)
    if axes is not None and len(node.input) > axes and node.input[axes] not in values.constants:
        yield f"{where}: its axes are not constant"
    if node.op_type in _QUANTISING:
        yield from _of_quantising(node, values, where)


def _of_quantising(node: NodeProto, values: _Values, where: str) -> Iterator[str]:
    scale = values.constants.get(node.input[1])
    if scale is None:
        yield f"{where}: its scale is not constant"
    else:
        numbers = numpy_helper.to_array(scale)
        if not (np.isfinite(numbers).all() and (numbers > 0).all()):
            yield f"{where}: a scale is not above 0"
    point = values.constants.get(node.input[2]) if len(node.input) > 2 else None
    if point is None:
        yield f"{where}: has no constant zero point; without one the numbers are unsigned"
    elif point.data_type != TensorProto.INT8:
        yield f"{where}: quantised to {TensorProto.DataType.Name(point.data_type)}, only INT8 is taken"
    elif numpy_helper.to_array(point).any():
        yield f"{where}: a zero point is not 0"
