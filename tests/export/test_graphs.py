"""From a network to a signed bundle: parity of the graphs, and what the INT8 graph is made of."""

from __future__ import annotations

from typing import get_args

import numpy as np
import onnx
import pytest
import torch

from export.onnx import OPSET, calibration_to_onnx, to_onnx
from export.quantize import Runtime, to_int8
from firmware_host.bundle import Graphs
from firmware_host.inference.ort import OrtCalibrator, OrtPatchModel
from training.data import Batch
from training.network import FocusNetwork

SIZE = 64
CODE = np.array([0.5, -0.5, 0.9, -0.8, 0.7, -0.9], np.float32)  # of the optics, then of the slide


def patches(count: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    first, second = (rng.integers(0, 256, (count, SIZE, SIZE, 3), dtype=np.uint8) for _ in range(2))
    return first, second


@pytest.fixture(scope="module")
def network() -> FocusNetwork:
    torch.manual_seed(0)
    made = FocusNetwork(0.25, "difference+second", 2, spectra=16, size_px=SIZE, code=4).eval()
    with torch.no_grad():  # an untrained head answers 0 to everything
        made.backbone.classifier[1].weight.mul_(30)
    return made


@pytest.fixture(scope="module")
def graphs(network: FocusNetwork) -> Graphs:
    fp32 = to_onnx(network, SIZE)
    shown = Batch(*patches(64), np.zeros(64, np.float32))
    int8, tensorrt = (to_int8(fp32, shown, runtime) for runtime in get_args(Runtime))
    return Graphs(int8, tensorrt, fp32, calibration_to_onnx(network, SIZE))


def test_the_graph_takes_raw_patches_in_any_number(network: FocusNetwork, graphs: Graphs) -> None:
    model = OrtPatchModel(graphs.fp32, SIZE)
    for count in (1, 5):
        first, second = patches(count)
        for code in (0 * CODE, CODE):
            moves, weights = model.predict(first, second, code)
            with torch.inference_mode():
                expected = network(*(torch.from_numpy(part) for part in (first, second, code)))
            np.testing.assert_allclose(moves, expected[0].numpy(), atol=1e-3)
            np.testing.assert_allclose(weights, expected[1].numpy(), atol=1e-5)


def test_the_code_changes_the_answer_and_what_is_missing_means_zeros(graphs: Graphs) -> None:
    for graph in (graphs.fp32, graphs.int8, graphs.tensorrt):
        model = OrtPatchModel(graph, SIZE)
        codes = (CODE[:2], np.concatenate([CODE[:2], 0 * CODE[2:]]), CODE)
        plain, zeros, coded = (model.predict(*patches(3), code)[0] for code in codes)
        np.testing.assert_array_equal(plain, zeros)
        assert np.abs(coded - plain).max() > 0.01


def test_the_calibration_graph_gives_torch_s_code_for_any_number_of_examples(network: FocusNetwork) -> None:
    calibrator = OrtCalibrator(calibration_to_onnx(network, SIZE))
    for count in (1, 5, 40):
        first, second = patches(count)
        moves = np.linspace(-3, 3, count).astype(np.float32)
        with torch.inference_mode():
            expected = network.calibrate(*(torch.from_numpy(each) for each in (first, second, moves)))
        np.testing.assert_allclose(calibrator.calibrate(first, second, moves), expected.numpy(), atol=1e-4)


def test_a_network_without_a_code_is_exported_without_one() -> None:
    network = FocusNetwork(0.25, "difference", 2, size_px=SIZE).eval()
    assert calibration_to_onnx(network, SIZE) == b""
    graph = to_onnx(network, SIZE)
    assert [i.name for i in onnx.load_from_string(graph).graph.input] == ["first", "second"]
    OrtPatchModel(graph, SIZE).predict(*patches(2), CODE)


def test_inputs_outputs_and_opset_are_the_contract(graphs: Graphs) -> None:
    for graph in (graphs.fp32, graphs.int8, graphs.tensorrt):
        model = onnx.load_from_string(graph)
        kinds = {i.name: i.type.tensor_type.elem_type for i in model.graph.input}
        images, numbers = onnx.TensorProto.UINT8, onnx.TensorProto.FLOAT
        assert kinds == {"first": images, "second": images, "code": numbers}
        assert [o.name for o in model.graph.output] == ["move_dof", "weight"]
        assert model.opset_import[0].version == OPSET


def test_int8_for_tensorrt_is_symmetric_and_explicit(graphs: Graphs) -> None:
    """TensorRT takes only zero points of 0."""
    model = onnx.load_from_string(graphs.tensorrt)
    zero_points = {node.input[2] for node in model.graph.node if node.op_type == "QuantizeLinear"}
    values = {i.name: onnx.numpy_helper.to_array(i) for i in model.graph.initializer}
    assert zero_points
    for name in zero_points:
        assert values[name].dtype == np.int8
        assert not values[name].any()
    kinds = [node.op_type for node in model.graph.node]
    assert kinds.count("DequantizeLinear") > kinds.count("Conv") > 30


def test_int8_for_processors_has_no_activation_left(graphs: Graphs) -> None:
    """Unsigned bytes end where a ReLU6 does; the one clip that is left keeps the contrast above 0."""
    count = {
        name: [node.op_type for node in onnx.load_from_string(graph).graph.node].count("Clip")
        for name, graph in (("int8", graphs.int8), ("tensorrt", graphs.tensorrt))
    }
    assert count["int8"] == 1 < count["tensorrt"]


@pytest.mark.parametrize("name", ["int8", "tensorrt"])
def test_int8_stays_near_fp32_and_keeps_the_weight(graphs: Graphs, name: str) -> None:
    first, second = patches(32)
    moves, weights = OrtPatchModel(graphs.fp32, SIZE).predict(first, second, CODE)
    rough, kept = OrtPatchModel(getattr(graphs, name), SIZE).predict(first, second, CODE)
    np.testing.assert_allclose(kept, weights, atol=1e-5)
    assert np.abs(rough - moves).mean() < 0.2 * np.abs(moves).mean() + 0.05


@pytest.mark.parametrize("name", ["int8", "tensorrt"])
def test_the_convolutions_weights_take_a_quarter(graphs: Graphs, name: str) -> None:
    fp32, int8 = (
        [i for i in onnx.load_from_string(graph).graph.initializer if len(i.dims) == 4]
        for graph in (graphs.fp32, getattr(graphs, name))
    )
    assert len(fp32) == len(int8) > 30
    assert {each.data_type for each in int8} == {onnx.TensorProto.INT8}
    assert sum(len(each.raw_data) for each in fp32) == 4 * sum(len(each.raw_data) for each in int8)


def test_the_layers_that_judge_keep_their_weights_as_bytes_but_for_the_last(graphs: Graphs) -> None:
    model = onnx.load_from_string(graphs.int8)
    values = {each.name: onnx.numpy_helper.to_array(each) for each in model.graph.initializer}
    floats = {
        each.name: onnx.numpy_helper.to_array(each) for each in onnx.load_from_string(graphs.fp32).graph.initializer
    }
    for layer in ("judge.first", "judge.more.0"):
        spread = values[f"{layer}.weight_bytes"] * values[f"{layer}.weight_scale"][:, None]
        largest = np.abs(floats[f"{layer}.weight"]).max(1, keepdims=True)
        assert (np.abs(spread - floats[f"{layer}.weight"]) <= largest / 254 * 1.001).all()
        assert f"{layer}.weight" not in values
    np.testing.assert_array_equal(values["judge.answer.weight"], floats["judge.answer.weight"])


def test_the_layer_that_answers_is_never_quantised() -> None:
    """Not even where it is the only one, as in the paper."""
    network = FocusNetwork(0.25, "difference", 2, size_px=SIZE).eval()
    fp32 = to_onnx(network, SIZE)
    for runtime in get_args(Runtime):
        model = onnx.load_from_string(to_int8(fp32, Batch(*patches(32), np.zeros(32, np.float32)), runtime))
        (answer,) = (node for node in model.graph.node if node.op_type == "Gemm")
        assert answer.input[1] == "backbone.classifier.1.weight"
        assert answer.input[1] in {each.name for each in model.graph.initializer}
