"""From a network to a signed bundle: parity of the graphs, and what the INT8 graph is made of."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch

from export.onnx import OPSET, calibration_to_onnx, to_onnx
from export.quantize import to_int8
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
def graphs(network: FocusNetwork) -> tuple[bytes, bytes]:
    fp32 = to_onnx(network, SIZE)
    first, second = patches(64)
    return fp32, to_int8(fp32, Batch(first, second, np.zeros(64, np.float32)))


def test_the_graph_takes_raw_patches_in_any_number(network: FocusNetwork, graphs: tuple[bytes, bytes]) -> None:
    model = OrtPatchModel(graphs[0], SIZE)
    for count in (1, 5):
        first, second = patches(count)
        for code in (0 * CODE, CODE):
            moves, weights = model.predict(first, second, code)
            with torch.inference_mode():
                expected = network(*(torch.from_numpy(part) for part in (first, second, code)))
            np.testing.assert_allclose(moves, expected[0].numpy(), atol=1e-3)
            np.testing.assert_allclose(weights, expected[1].numpy(), atol=1e-5)


def test_the_code_changes_the_answer_and_what_is_missing_means_zeros(graphs: tuple[bytes, bytes]) -> None:
    for graph in graphs:
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


def test_inputs_outputs_and_opset_are_the_contract(graphs: tuple[bytes, bytes]) -> None:
    for graph in graphs:
        model = onnx.load_from_string(graph)
        kinds = {i.name: i.type.tensor_type.elem_type for i in model.graph.input}
        images, numbers = onnx.TensorProto.UINT8, onnx.TensorProto.FLOAT
        assert kinds == {"first": images, "second": images, "code": numbers}
        assert [o.name for o in model.graph.output] == ["move_dof", "weight"]
        assert model.opset_import[0].version == OPSET


def test_int8_is_symmetric_and_explicit(graphs: tuple[bytes, bytes]) -> None:
    """TensorRT takes only zero points of 0."""
    model = onnx.load_from_string(graphs[1])
    zero_points = {node.input[2] for node in model.graph.node if node.op_type == "QuantizeLinear"}
    values = {i.name: onnx.numpy_helper.to_array(i) for i in model.graph.initializer}
    assert zero_points
    for name in zero_points:
        assert values[name].dtype == np.int8
        assert not values[name].any()
    kinds = [node.op_type for node in model.graph.node]
    assert kinds.count("DequantizeLinear") > kinds.count("Conv") > 30


def test_int8_stays_near_fp32_and_keeps_the_weight(graphs: tuple[bytes, bytes]) -> None:
    first, second = patches(32)
    (moves, weights), (rough, kept) = (OrtPatchModel(graph, SIZE).predict(first, second, CODE) for graph in graphs)
    np.testing.assert_allclose(kept, weights, atol=1e-5)
    assert np.abs(rough - moves).mean() < 0.2 * np.abs(moves).mean() + 0.05


def test_the_convolutions_weights_take_a_quarter(graphs: tuple[bytes, bytes]) -> None:
    """Every one of them; the tables of the spectra and the head stay float."""
    fp32, int8 = ([i for i in onnx.load_from_string(graph).graph.initializer if len(i.dims) == 4] for graph in graphs)
    assert len(fp32) == len(int8) > 30
    assert {each.data_type for each in int8} == {onnx.TensorProto.INT8}
    assert sum(len(each.raw_data) for each in fp32) == 4 * sum(len(each.raw_data) for each in int8)
    assert len(graphs[1]) < len(graphs[0])
