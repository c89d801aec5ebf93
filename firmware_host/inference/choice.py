"""Which of a bundle's graphs to ask: INT8 is quicker where the processor multiplies bytes, and slower elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import numpy as np

from firmware_host.bundle import Bundle
from firmware_host.errors import HardwareError
from firmware_host.inference import tensorrt
from firmware_host.inference.ort import OrtPatchModel
from firmware_host.inference.port import NOTHING_KNOWN, PatchModel
from firmware_host.profile_tables import Arithmetic

_TURNS = 9


@dataclass(frozen=True)
class Choice:
    """The model that is asked.

    :param name: of its arithmetic; :param ms: what a field's patches took with each that was tried, milliseconds.
    """

    model: PatchModel
    name: str
    ms: Mapping[str, float] = field(default_factory=dict)

    def line(self) -> str:
        """What was chosen, and why."""
        if not self.ms:
            return f"{self.name}, as the profile says"
        others = ", ".join(f"{name} {ms:.1f} ms" for name, ms in self.ms.items() if name != self.name)
        return f"{self.name}, the quickest here: {self.ms[self.name]:.1f} ms for a field's patches; {others}"


def choose(
    bundle: Bundle, arithmetic: Arithmetic, patches: int, warn: Callable[[str], None], cache: Path | None = None
) -> Choice:
    """The bundle's graph of that arithmetic, or, for "auto", what is quickest on this machine.

    "tensorrt" is INT8 on an NVIDIA GPU. Where that cannot be had it is warned of once, and the quickest of the rest
    is taken; "auto" tries it where TensorRT is installed.

    :param patches: of a field; :param cache: folder for engines, None: the user's.
    :raises UsageError: a graph cannot be loaded. :raises HardwareError: a graph fails.
    """
    size_px = bundle.patch_rule.size_px
    graphs = bundle.graphs
    on_processor = {"int8": graphs.int8, "fp32": graphs.fp32}
    if arithmetic in on_processor:
        return Choice(OrtPatchModel(on_processor[arithmetic], size_px), arithmetic)
    models: dict[str, PatchModel] = {}
    if arithmetic == "tensorrt" or tensorrt.is_installed():
        try:
            engine = tensorrt.TensorRtPatchModel(graphs.tensorrt, size_px, patches, cache or tensorrt.engine_cache())
        except HardwareError as error:
            warn(f"{error}; the processor judges fields instead")
        else:
            if arithmetic == "tensorrt":
                return Choice(engine, arithmetic)
            models["tensorrt"] = engine
    models |= {name: OrtPatchModel(graph, size_px) for name, graph in on_processor.items()}
    return quickest(models, size_px, patches)


def quickest(
    models: Mapping[str, PatchModel], size_px: int, patches: int, now: Callable[[], float] = time.perf_counter
) -> Choice:
    """Ask all models about the same patches in turn, several times, and take the one of the least median time.

    :param size_px: side of a patch; :param patches: of a field; :param now: seconds.
    :raises HardwareError: a model fails.
    """
    rng = np.random.default_rng(0)
    first, second = (rng.integers(0, 256, (patches, size_px, size_px, 3), dtype=np.uint8) for _ in range(2))
    taken: dict[str, list[float]] = {name: [] for name in models}
    for turn in range(1 + _TURNS):
        for name, model in models.items():
            began = now()
            model.predict(first, second, NOTHING_KNOWN)
            if turn:  # the first warms up
                taken[name].append((now() - began) * 1000)
    ms = {name: median(times) for name, times in taken.items()}
    name = min(ms, key=lambda each: ms[each])
    return Choice(models[name], name, ms)
