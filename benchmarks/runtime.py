"""What each setting of ONNX Runtime is worth: a field's patches, with one setting changed at a time."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime

from benchmarks.machine import Machine
from benchmarks.measure import Row, timed_in_turn
from firmware_host.bundle import find_bundle, read_bundle
from firmware_host.inference.selftest import made_up_patches
from firmware_host.trust import trusted_keys

_PATCHES = 16
_SPINNING = "two threads that spin while they wait"
_LEVELS = onnxruntime.GraphOptimizationLevel


def _two_threads(options: Any) -> None:
    options.intra_op_num_threads = 2


def _no_arena(options: Any) -> None:
    options.enable_cpu_mem_arena = False


def _no_pattern(options: Any) -> None:
    options.enable_mem_pattern = False


def _no_layout(options: Any) -> None:
    options.graph_optimization_level = _LEVELS.ORT_ENABLE_EXTENDED


def _no_optimisation(options: Any) -> None:
    options.graph_optimization_level = _LEVELS.ORT_DISABLE_ALL


_CHANGES: dict[str, Callable[[Any], None]] = {
    "as shipped": lambda _: None,
    "two threads": _two_threads,
    _SPINNING: _two_threads,
    "no arena": _no_arena,
    "no memory pattern": _no_pattern,
    "no layout optimisation": _no_layout,
    "no optimisation": _no_optimisation,
}


def runtime(_: Machine) -> list[Row]:
    """INT8 and FP32, in turn."""
    bundle = read_bundle(find_bundle("focus-20x.wsimodel"), trusted_keys())
    first, second = made_up_patches(_PATCHES, bundle.patch_rule.size_px)
    rows = []
    for name, graph in (("int8", bundle.graphs.int8), ("fp32", bundle.graphs.fp32)):
        ways: dict[str, Callable[[], object]] = {}
        for change, make in _CHANGES.items():
            options = onnxruntime.SessionOptions()
            options.log_severity_level = 3
            options.intra_op_num_threads = options.inter_op_num_threads = 1
            options.add_session_config_entry("session.intra_op.allow_spinning", str(int(change == _SPINNING)))
            make(options)
            session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
            (length,) = (each.shape[0] for each in session.get_inputs() if each.name == "code")
            feed = {"first": first, "second": second, "code": np.zeros(length, np.float32)}
            ways[f"{name}, {change}"] = functools.partial(session.run, None, feed)
        rows += timed_in_turn("runtime", ways, 30)
    return rows
