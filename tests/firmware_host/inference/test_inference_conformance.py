"""Each inference backend against the suite: ONNX Runtime with both graphs, and TensorRT over its fake."""

from __future__ import annotations

import sys

import pytest
from conformance_inference import Bench, InferenceConformance
from fake_tensorrt import FakeGpu, FakeTensorRt

from firmware_host.bundle import Bundle, find_bundle, read_bundle
from firmware_host.inference.ort import OrtPatchModel
from firmware_host.inference.tensorrt import TensorRtPatchModel
from firmware_host.profile import Profile
from firmware_host.trust import trusted_keys

BATCH_DOF = 1e-5


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return read_bundle(find_bundle("focus-20x.wsimodel"), trusted_keys())


@pytest.fixture(scope="module")
def fp32(bundle: Bundle) -> OrtPatchModel:
    return OrtPatchModel(bundle.graphs.fp32, bundle.patch_rule.size_px)


@pytest.fixture(scope="module")
def int8(bundle: Bundle) -> OrtPatchModel:
    return OrtPatchModel(bundle.graphs.int8, bundle.patch_rule.size_px)


@pytest.fixture(scope="module")
def tensorrt(bundle: Bundle, emulated: Profile, tmp_path_factory: pytest.TempPathFactory) -> TensorRtPatchModel:
    size_px, cache = bundle.patch_rule.size_px, tmp_path_factory.mktemp("engines")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "tensorrt", FakeTensorRt())
        return TensorRtPatchModel(bundle.graphs.tensorrt, size_px, emulated.focus.patches, cache, FakeGpu())


class TestInt8(InferenceConformance):
    @pytest.fixture
    def bench(self, int8: OrtPatchModel, fp32: OrtPatchModel, bundle: Bundle, emulated: Profile) -> Bench:
        return Bench(int8, fp32, bundle.patch_rule.size_px, emulated.focus.patches, (0.02, 0.08), BATCH_DOF)


class TestFp32(InferenceConformance):
    @pytest.fixture
    def bench(self, fp32: OrtPatchModel, bundle: Bundle, emulated: Profile) -> Bench:
        return Bench(fp32, fp32, bundle.patch_rule.size_px, emulated.focus.patches, (0.0, 0.0), BATCH_DOF)


class TestTensorRt(InferenceConformance):
    """As far as a fake goes that computes with ONNX Runtime: batches, memory and refusals are the driver's own."""

    @pytest.fixture
    def bench(self, tensorrt: TensorRtPatchModel, fp32: OrtPatchModel, bundle: Bundle, emulated: Profile) -> Bench:
        return Bench(tensorrt, fp32, bundle.patch_rule.size_px, emulated.focus.patches, (0.002, 0.03), BATCH_DOF)
