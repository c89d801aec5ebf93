"""Each rule that TensorRT documents finds the graph that breaks it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from export.tensorrt_rules import problems


def good() -> ModelProto:
    """Bytes to floats, quantised and back, and a sum over constant axes."""
    nodes = [
        helper.make_node("Cast", ["first"], ["light"], to=TensorProto.FLOAT),
        helper.make_node("QuantizeLinear", ["light", "scale", "zero"], ["q"], name="q"),
        helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["d"], name="dq"),
        helper.make_node("ReduceSum", ["d", "axes"], ["out"], name="sum"),
    ]
    values = {"scale": np.float32(0.1), "zero": np.int8(0), "axes": np.array([1], np.int64)}
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("first", TensorProto.UINT8, ["n", 4])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in values.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])


def value(name: str, new: np.generic | np.ndarray) -> Callable[[ModelProto], None]:
    def change(model: ModelProto) -> None:
        (old,) = (each for each in model.graph.initializer if each.name == name)
        old.CopyFrom(numpy_helper.from_array(np.asarray(new), name))

    return change


def node(number: int, **changes: object) -> Callable[[ModelProto], None]:
    def change(model: ModelProto) -> None:
        for key, new in changes.items():
            if key == "inputs":
                del model.graph.node[number].input[:]
                model.graph.node[number].input.extend(new)  # type: ignore[call-overload]
            else:
                setattr(model.graph.node[number], key, new)

    return change


def opset(domain: str, version: int) -> Callable[[ModelProto], None]:
    return lambda model: model.opset_import.append(helper.make_opsetid(domain, version))


def test_a_good_graph_has_no_problems() -> None:
    assert problems(good().SerializeToString()) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (node(3, op_type="NonZero"), "sum: operator NonZero is not supported"),
        (node(3, inputs=["first", "axes"]), "sum: takes bytes; they may only be cast"),
        (node(3, inputs=["d", "first"]), "sum: its axes are not constant"),
        (node(1, inputs=["light", "light", "zero"]), "q: its scale is not constant"),
        (node(1, inputs=["light", "scale"]), "q: has no constant zero point"),
        (value("scale", np.float32(0)), "q: a scale is not above 0"),
        (value("scale", np.float32(np.nan)), "dq: a scale is not above 0"),
        (value("zero", np.int8(3)), "dq: a zero point is not 0"),
        (value("zero", np.uint8(0)), "q: quantised to UINT8, only INT8 is taken"),
        (value("zero", np.int32(0)), "dq: quantised to INT32, only INT8 is taken"),
        (opset("com.microsoft", 1), "operators of the domain com.microsoft"),
        (opset("", 18), "opset 18, TensorRT 8.6 takes 17 at most"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_what_breaks_a_rule_is_named(change: Callable[[ModelProto], None], words: str) -> None:
    model = good()
    change(model)
    assert any(words in found for found in problems(model.SerializeToString()))
