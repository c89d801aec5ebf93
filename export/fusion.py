"""What a processor really computes on bytes: the nodes that a graph quantises, against those that ran so.

ONNX Runtime fuses DQ, a node and Q to one integer kernel where it has one for the processor. What it cannot fuse runs
on floats between two conversions, slower than if it had never been quantised, and says nothing.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import onnx
import onnxruntime
from onnx import ModelProto, NodeProto

_KERNELS = {  # operator -> its integer kernel in ONNX Runtime
    "Conv": "QLinearConv",
    "Add": "QLinearAdd",
    "GlobalAveragePool": "QLinearGlobalAveragePool",
    "Gemm": "QGemm",
}
_PASSES_BYTES_ON = {"Flatten", "Reshape", "Transpose", "Squeeze", "Unsqueeze"}
_QUANTISING = {"QuantizeLinear", "DequantizeLinear"}


@dataclass(frozen=True)
class Fusion:
    """Nodes by operator: `fused` run on integers, `left` are quantised in the graph and run on floats."""

    fused: Mapping[str, int]
    left: Mapping[str, int]

    def line(self) -> str:
        """For the terminal."""
        fused = ", ".join(f"{count} {kind}" for kind, count in self.fused.items()) or "none"
        left = ", ".join(f"{count} {kind}" for kind, count in self.left.items()) or "none"
        return f"on integers: {fused}; quantised, but on floats: {left}"


def optimised(graph: bytes) -> bytes:
    """The graph as ONNX Runtime runs it on this processor."""
    with tempfile.TemporaryDirectory() as scratch:
        options = onnxruntime.SessionOptions()
        options.optimized_model_filepath = str(Path(scratch) / "optimised.onnx")
        options.log_severity_level = 3
        onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        return Path(options.optimized_model_filepath).read_bytes()


def fusion(graph: bytes, run_as: bytes) -> Fusion:
    """How much of an INT8 graph a processor computes on integers.

    :param graph: as it was exported; :param run_as: as that processor's ONNX Runtime optimised it.
    """
    wanted = _quantised(onnx.load_from_string(graph))
    kernels = Counter(node.op_type for node in onnx.load_from_string(run_as).graph.node)
    fused = {kind: min(count, kernels[_KERNELS.get(kind, "")]) for kind, count in wanted.items()}
    return Fusion(
        {kind: count for kind, count in fused.items() if count},
        {kind: count - fused[kind] for kind, count in wanted.items() if count > fused[kind]},
    )


def _quantised(model: ModelProto) -> Counter[str]:
    """Operators that are meant to compute on bytes: all that is computed comes from DQ nodes."""
    constants = {each.name for each in model.graph.initializer}
    given_by = {name: node for node in model.graph.node for name in node.output}
    return Counter(
        node.op_type
        for node in model.graph.node
        if node.op_type not in _QUANTISING | _PASSES_BYTES_ON and _reads_bytes(node, given_by, constants)
    )


def _reads_bytes(node: NodeProto, given_by: Mapping[str, NodeProto], constants: set[str]) -> bool:
    sources = [given_by[name] for name in node.input if name in given_by]
    computed = [each for each in sources if each.op_type != "Constant"]
    from_bytes = [each.op_type == "DequantizeLinear" for each in computed]
    of_numbers = [each.input[0] not in constants for each in computed if each.op_type == "DequantizeLinear"]
    return bool(from_bytes) and all(from_bytes) and any(of_numbers)
