"""The graphs as the evaluations of `training.evaluate` ask them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from firmware_host.inference.ort import OrtCalibrator, OrtPatchModel
from training import recipe
from training.data import Batch, PairSet
from training.evaluate import Codes, codes_from, uncalibrated


class GraphModel:
    """A `PatchModel` of a graph in ONNX Runtime that is asked for a field's patches at a time, as on the device."""

    def __init__(self, graph: bytes, size_px: int) -> None:
        self._model = OrtPatchModel(graph, size_px)

    def predict(
        self, first: NDArray[np.uint8], second: NDArray[np.uint8], code: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        chunks = range(0, len(first), recipe.TEST_PATCHES)
        answers = [
            self._model.predict(first[at : at + recipe.TEST_PATCHES], second[at : at + recipe.TEST_PATCHES], code)
            for at in chunks
        ]
        moves, weights = (np.concatenate(part) for part in zip(*answers, strict=True))
        return moves, weights


def graph_codes(calibration: bytes, pairs: PairSet) -> Codes:
    """Every stack calibrated by a calibration graph in ONNX Runtime; by its optics alone where there is no graph."""
    if not calibration:
        return uncalibrated(pairs)
    calibrator = OrtCalibrator(calibration)

    def calibrate(examples: Batch) -> NDArray[np.float32]:
        return calibrator.calibrate(examples.first, examples.second, examples.move_dof)

    return codes_from(calibrate, pairs, recipe.TEST_PATCHES)
