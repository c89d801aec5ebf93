"""The shipped checkpoint and the shipped bundle are of one training, and TensorRT has nothing against the graphs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from export.fusion import fusion, optimised
from export.tensorrt_rules import problems
from firmware_host.bundle import Graphs, find_bundle, read_bundle
from firmware_host.inference.ort import OrtCalibrator, OrtPatchModel
from firmware_host.inference.selftest import agreement, made_up_patches
from firmware_host.trust import trusted_keys
from training.checkpoint import load_checkpoint


def test_the_bundle_was_made_of_the_checkpoint() -> None:
    bundle = read_bundle(find_bundle("focus-20x.wsimodel"), trusted_keys())
    network, settings = load_checkpoint(Path("focus-20x"))
    assert bundle.manifest.tools["settings"] == repr(settings)
    assert bundle.patch_rule == settings.rule
    rng = np.random.default_rng(0)
    scene = rng.integers(0, 256, (6, 128, 128, 3), dtype=np.uint8)
    first, second = scene, np.clip(scene.astype(int) + rng.integers(-20, 20, scene.shape), 0, 255).astype(np.uint8)
    moves = np.linspace(-3, 3, 6).astype(np.float32)
    optics = np.array([0.2, -0.1], np.float32)
    slide = OrtCalibrator(bundle.graphs.calibration).calibrate(first, second, moves)
    with torch.inference_mode():
        frames = (torch.from_numpy(first), torch.from_numpy(second))
        expected = network.calibrate(*frames, torch.from_numpy(moves)).numpy()
        code = np.concatenate([optics, slide])
        answers, weights = (part.numpy() for part in network(*frames, torch.from_numpy(code)))
    np.testing.assert_allclose(slide, expected, atol=1e-3)
    told, kept = OrtPatchModel(bundle.graphs.fp32, 128).predict(first, second, code)
    np.testing.assert_allclose(told, answers, atol=1e-3)
    np.testing.assert_allclose(kept, weights, atol=1e-4)


@pytest.fixture(scope="module")
def graphs() -> Graphs:
    return read_bundle(find_bundle("focus-20x.wsimodel"), trusted_keys()).graphs


@pytest.mark.parametrize("name", ["tensorrt", "fp32", "calibration"])
def test_the_graphs_break_no_rule_of_tensorrt(graphs: Graphs, name: str) -> None:
    graph = getattr(graphs, name)
    assert problems(graph) == []
    assert onnx.load_from_string(graph).opset_import[0].version == 17


def test_both_int8_graphs_answer_alike(graphs: Graphs) -> None:
    models = [OrtPatchModel(graph, 128) for graph in (graphs.int8, graphs.tensorrt, graphs.fp32)]
    for other in models[1:]:
        apart = agreement(models[0], other, *made_up_patches(64, 128))
        assert apart.mean_dof < 0.02
        assert apart.most_dof < 0.1


def test_nothing_that_could_be_int8_stays_float_on_this_processor(graphs: Graphs) -> None:
    found = fusion(graphs.int8, optimised(graphs.int8))
    assert found.left == {}
    assert found.fused == {"Conv": 52, "Add": 10, "GlobalAveragePool": 1, "Gemm": 1}
