"""The shipped graphs before NVIDIA's own parser and builder. No GPU is needed for it."""

from __future__ import annotations

import sys

import pytest
from typer.testing import CliRunner

from export.cli import app
from export.tensorrt_build import build
from export.tensorrt_rules import problems
from firmware_host.bundle import Bundle, find_bundle, read_bundle
from firmware_host.errors import HardwareError
from firmware_host.trust import trusted_keys

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="TensorRT for RTX is installed on Linux only"),
    pytest.mark.filterwarnings("ignore:Use Deprecated in TensorRT-RTX"),  # the timing cache, which others need
]


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return read_bundle(find_bundle("focus-20x.wsimodel"), trusted_keys())


def test_it_builds_an_engine_of_the_shipped_graph_with_every_convolution_on_integers() -> None:
    result = CliRunner().invoke(app, ["tensorrt", "--bundle", "focus-20x.wsimodel"])
    assert result.exit_code == 0, result.output
    assert "52 of 52 convolutions take INT8" in result.output


def test_floats_are_told_from_integers(bundle: Bundle) -> None:
    built = build(bundle.graphs.fp32, bundle.patch_rule.size_px, 4)
    assert (built.on_integers, built.convolutions) == (0, 52)


def test_what_our_rules_refuse_it_refuses_too(bundle: Bundle) -> None:
    """The graph for processors has 32-bit biases behind Q and DQ nodes."""
    assert problems(bundle.graphs.int8)
    with pytest.raises(HardwareError, match="does not take the graph: Invalid Node") as told:
        build(bundle.graphs.int8, bundle.patch_rule.size_px, 4)
    assert "\n" not in str(told.value)


def test_another_graph_is_refused(bundle: Bundle) -> None:
    with pytest.raises(HardwareError, match="could not build"):
        build(bundle.graphs.calibration, bundle.patch_rule.size_px, 4)
