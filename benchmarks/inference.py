"""A field's decision by the shipped bundle, in one thread: how long it takes, and how much memory."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.energy import find_meter
from benchmarks.machine import Machine
from benchmarks.measure import Row, ratio, row, timed, times_in_turn
from firmware_host.bundle import Bundle, find_bundle, read_bundle
from firmware_host.errors import HardwareError
from firmware_host.focus.vote import vote
from firmware_host.inference.ort import OrtCalibrator, OrtPatchModel
from firmware_host.inference.port import NOTHING_KNOWN, PatchModel
from firmware_host.inference.tensorrt import TensorRtPatchModel, engine_cache
from firmware_host.patches import cut_patches
from firmware_host.profile import Profile
from firmware_host.trust import trusted_keys

_SUITE = "inference"
_DECIDE = "decide: "
_TORCH = "torch eager, fp32, channels_last"
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


def inference(machine: Machine) -> list[Row]:
    """Cut a field's patches, ask the network, vote; parts of it; and the memory of a process that does nothing else."""
    profile = machine.profile
    bundle = read_bundle(find_bundle(profile.bundle), trusted_keys())
    size_px = bundle.patch_rule.size_px
    ways = inference_ways(profile)
    times = times_in_turn(ways, 50)
    int8 = times[f"{_DECIDE}int8"]
    others = {name.removeprefix(_DECIDE): taken for name, taken in times.items() if name.startswith(_DECIDE)}
    return [
        *(row(_SUITE, name, "ms", taken) for name, taken in times.items()),
        *(ratio(_SUITE, f"decide: int8 to {name}", int8, taken) for name, taken in others.items() if name != "int8"),
        timed(_SUITE, "load int8, first answer", lambda: OrtPatchModel(bundle.graphs.int8, size_px), 5, warm_up=1),
        *_memory(profile.bundle, profile.focus.patches),
        *_energy({name: way for name, way in ways.items() if name.startswith(_DECIDE)}),
    ]


def inference_ways(profile: Profile) -> dict[str, Callable[[], object]]:
    """What is timed, by name."""
    bundle = read_bundle(find_bundle(profile.bundle), trusted_keys())
    rule, patches = bundle.patch_rule, profile.focus.patches
    rng = np.random.default_rng(0)
    shape = (profile.camera.height_px, profile.camera.width_px, 3)
    first, second = (rng.integers(0, 256, shape, dtype=np.uint8) for _ in range(2))
    models = _models(bundle, patches)

    def cut() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        return cut_patches(first, second, rule, rule.size_px, patches)

    def decide(model: PatchModel) -> None:
        vote(*model.predict(*cut(), NOTHING_KNOWN), rule.min_weight, 2)

    below, above = cut()
    calibrator = OrtCalibrator(bundle.graphs.calibration)
    moves = np.zeros(patches, np.float32)
    ways: dict[str, Callable[[], object]] = {
        f"{_DECIDE}{name}": functools.partial(decide, model) for name, model in models.items()
    }
    ways[f"cut {patches} patches"] = cut
    for count in (1, 4, patches):
        for name, model in models.items():
            if name != _TORCH:
                asked = below[:count], above[:count], NOTHING_KNOWN
                ways[f"ask {name}: {count} of them"] = functools.partial(model.predict, *asked)
    ways[f"calibrate with {patches} patches"] = lambda: calibrator.calibrate(below, above, moves)
    return ways


def _models(bundle: Bundle, patches: int) -> dict[str, PatchModel]:
    """What this machine can ask: the processor, a GPU with TensorRT, torch."""
    graphs, size_px = bundle.graphs, bundle.patch_rule.size_px
    models: dict[str, PatchModel] = {
        "int8": OrtPatchModel(graphs.int8, size_px),
        "fp32": OrtPatchModel(graphs.fp32, size_px),
    }
    with contextlib.suppress(HardwareError):
        models["tensorrt"] = TensorRtPatchModel(graphs.tensorrt, size_px, patches, engine_cache())
    if importlib.util.find_spec("torch"):
        models[_TORCH] = _torch()
    return models


def _torch() -> PatchModel:
    """The checkpoint that the bundle was made of, as torch is quickest without compiling it."""
    import torch

    from training.checkpoint import load_checkpoint
    from training.evaluate import TorchModel

    torch.set_num_threads(1)
    network, _ = load_checkpoint(Path("focus-20x"))
    network.eval().backbone.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return TorchModel(network)


def _energy(ways: Mapping[str, Callable[[], object]]) -> list[Row]:
    """Where the machine tells."""
    meter = find_meter()
    if meter is None:
        return []
    return [
        row(_SUITE, f"energy of the {meter.what}, {name}", "mJ", [1000 * meter.measure(way) for _ in range(5)])
        for name, way in ways.items()
    ]


def _memory(bundle: str, patches: int) -> list[Row]:
    """Of processes of their own: with the runtime loaded, and after some fields."""
    asked = [sys.executable, "-c", _PEAK_MB, bundle, str(patches)]
    peaks = [subprocess.run(asked, capture_output=True, check=True, text=True).stdout.split() for _ in range(5)]
    bare, all_of_it = zip(*((float(before), float(after)) for before, after in peaks), strict=True)
    return [
        row(_SUITE, "peak memory, Python and ONNX Runtime loaded", "MB", bare),
        row(_SUITE, "peak memory, fields decided with int8", "MB", all_of_it),
    ]
