"""What each part of the network costs."""

from __future__ import annotations

import functools

import numpy as np

from benchmarks.machine import Machine
from benchmarks.measure import Row, timed
from firmware_host.inference.ort import OrtPatchModel
from firmware_host.inference.port import NOTHING_KNOWN

_NETWORKS = (  # width, stride of the stem, spectra, size of a patch in pixels
    (0.5, 4, 512, 128),
    (0.5, 4, 0, 128),
    (0.35, 4, 0, 128),
    (0.75, 4, 0, 128),
    (1.0, 4, 0, 128),
    (0.5, 2, 0, 128),
    (0.5, 2, 0, 64),
    (0.5, 4, 0, 64),
)


def networks(_: Machine) -> list[Row]:
    """What width, stem, spectra and the patch's size cost: an area of 16 patches of 128 px, FP32."""
    from export.onnx import to_onnx
    from training.network import FocusNetwork

    rng = np.random.default_rng(0)
    rows = []
    for width, stride, spectra, size in _NETWORKS:
        count = 16 * (128 // size) ** 2
        first, second = (rng.integers(0, 256, (count, size, size, 3), dtype=np.uint8) for _ in range(2))
        model = OrtPatchModel(
            to_onnx(FocusNetwork(width, "difference+second", stride, spectra, size).eval(), size), size
        )
        name = f"width {width:g}, stem stride {stride}, {'spectra, ' if spectra else ''}{count} patches of {size} px"
        rows.append(timed("networks", name, functools.partial(model.predict, first, second, NOTHING_KNOWN), 12))
    return rows
