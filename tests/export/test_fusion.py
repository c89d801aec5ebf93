"""What runs on integers is told from what was only meant to."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from export.fusion import Fusion, fusion, optimised


def quantised(clip: bool) -> bytes:
    """A convolution and a sum on bytes; with a clip between Q and DQ nodes, or with one less of each."""
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "scale", "zero"], ["xq"]),
        helper.make_node("DequantizeLinear", ["xq", "scale", "zero"], ["xd"]),
        helper.make_node("DequantizeLinear", ["w", "scale", "signed"], ["wd"]),
        helper.make_node("Conv", ["xd", "wd"], ["c"]),
        helper.make_node("QuantizeLinear", ["c", "scale", "zero"], ["cq"]),
        helper.make_node("DequantizeLinear", ["cq", "scale", "zero"], ["cd"]),
        helper.make_node("Clip", ["cd", "low", "high"], ["k"]),
        helper.make_node("QuantizeLinear", ["k", "scale", "zero"], ["kq"]),
        helper.make_node("DequantizeLinear", ["kq", "scale", "zero"], ["kd"]),
        helper.make_node("Add", ["kd" if clip else "cd", "xd"], ["s"]),
        helper.make_node("QuantizeLinear", ["s", "scale", "zero"], ["sq"]),
        helper.make_node("DequantizeLinear", ["sq", "scale", "zero"], ["out"]),
    ]
    if not clip:
        del nodes[6:9]
    values = {
        "scale": np.float32(0.1),
        "zero": np.uint8(128),
        "signed": np.int8(0),
        "low": np.float32(-3),
        "high": np.float32(3),
        "w": np.ones((4, 4, 1, 1), np.int8),
    }
    images = (TensorProto.FLOAT, [1, 4, 8, 8])
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", *images)],
        [helper.make_tensor_value_info("out", *images)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in values.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()


def test_a_graph_that_fuses_leaves_nothing() -> None:
    graph = quantised(clip=False)
    found = fusion(graph, optimised(graph))
    assert found == Fusion({"Conv": 1, "Add": 1}, {})
    assert found.line() == "on integers: 1 Conv, 1 Add; quantised, but on floats: none"


def test_a_clip_in_the_way_is_named() -> None:
    graph = quantised(clip=True)
    assert fusion(graph, optimised(graph)).left == {"Clip": 1}


def test_a_graph_that_was_not_optimised_leaves_everything() -> None:
    graph = quantised(clip=False)
    found = fusion(graph, graph)
    assert found == Fusion({}, {"Conv": 1, "Add": 1})
    assert found.line() == "on integers: none; quantised, but on floats: 1 Conv, 1 Add"
