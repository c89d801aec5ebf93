"""A field's decision by the shipped bundle, in one thread: how long it takes, and how much memory."""

from __future__ import annotations

import functools
import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np

from benchmarks.measure import Row, ratio, row, timed, times_in_turn
from firmware_host.bundle import find_bundle, read_bundle
from firmware_host.focus.vote import vote
from firmware_host.inference.ort import OrtCalibrator, OrtPatchModel
from firmware_host.inference.port import NOTHING_KNOWN, PatchModel
from firmware_host.patches import cut_patches
from firmware_host.trust import trusted_keys

_PATCHES = 16
_BUNDLE = "focus-20x.wsimodel"
_PEAK_MB = """
import sys
import numpy as np
import onnxruntime
def peak():  # a process that was forked has its parent's peak in getrusage
    return int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) / 1024
bare = peak()
from firmware_host.bundle import find_bundle, read_bundle
from firmware_host.inference.ort import OrtPatchModel
from firmware_host.inference.port import NOTHING_KNOWN
bundle = read_bundle(find_bundle(sys.argv[1]), None)
model = OrtPatchModel(bundle.graphs.int8, bundle.patch_rule.size_px)
del bundle
frames = np.zeros((2, int(sys.argv[2]), 128, 128, 3), np.uint8)
for _ in range(5):
    model.predict(frames[0], frames[1], NOTHING_KNOWN)
print(bare, peak())
"""


def inference() -> list[Row]:
    """Cut 16 patches, ask the network, vote; and the peak memory of a process that does nothing else."""
    bundle = read_bundle(find_bundle(_BUNDLE), trusted_keys())
    rule = bundle.patch_rule
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 256, (768, 1024, 3), dtype=np.uint8) for _ in range(2)]
    models: dict[str, PatchModel] = {
        "int8, ONNX Runtime": OrtPatchModel(bundle.graphs.int8, rule.size_px),
        "fp32, ONNX Runtime": OrtPatchModel(bundle.graphs.fp32, rule.size_px),
    }
    if importlib.util.find_spec("torch"):
        models["fp32, torch eager, channels_last"] = _torch()

    def decide(model: PatchModel) -> None:
        cut = cut_patches(frames[0], frames[1], rule, rule.size_px, _PATCHES)
        vote(*model.predict(*cut, NOTHING_KNOWN), rule.min_weight, 2)

    cut = cut_patches(frames[0], frames[1], rule, rule.size_px, _PATCHES)
    calibrator = OrtCalibrator(bundle.graphs.calibration)
    moves = np.zeros(len(cut[0]), np.float32)
    ways = {name: functools.partial(decide, model) for name, model in models.items()}
    times = times_in_turn(ways, 50)
    int8, fp32, *others = times.values()
    return [
        timed("inference", "cut 16 patches", lambda: cut_patches(frames[0], frames[1], rule, rule.size_px, 16), 30),
        timed("inference", "calibrate with 16 patches", lambda: calibrator.calibrate(*cut, moves), 30),
        *(row("inference", f"decide: {name}", "ms", taken) for name, taken in times.items()),
        ratio("inference", "decide: int8 to fp32", int8, fp32),
        *(ratio("inference", "decide: int8 to torch", int8, taken) for taken in others),
        *_cold(bundle.graphs.int8, rule.size_px),
        *_memory(),
    ]


def _torch() -> PatchModel:
    """The checkpoint that the bundle was made of, as torch is quickest without compiling it."""
    import torch

    from training.checkpoint import load_checkpoint
    from training.evaluate import TorchModel

    torch.set_num_threads(1)
    network, _ = load_checkpoint(Path("focus-20x"))
    network.eval().backbone.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return TorchModel(network)


def _cold(graph: bytes, size_px: int) -> list[Row]:
    """From the graph's bytes to the first answer, the runtime being loaded."""
    return [timed("inference", "load int8, first answer", lambda: OrtPatchModel(graph, size_px), 5, warm_up=1)]


def _memory() -> list[Row]:
    """Of processes of their own: with the runtime loaded, and after some fields."""
    asked = [sys.executable, "-c", _PEAK_MB, _BUNDLE, str(_PATCHES)]
    peaks = [subprocess.run(asked, capture_output=True, check=True, text=True).stdout.split() for _ in range(5)]
    bare, all_of_it = zip(*((float(before), float(after)) for before, after in peaks), strict=True)
    return [
        row("inference", "peak memory, Python and ONNX Runtime loaded", "MB", bare),
        row("inference", "peak memory, fields decided with int8", "MB", all_of_it),
    ]
