"""What the focus estimator needs of a network, whoever runs it."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

NOTHING_KNOWN = np.zeros(0, np.float32)
"""The code of which even the optics are unknown."""


def completed(code: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """A code as long as a network takes it; 0 stands for what is unknown.

    :raises ValueError: it is longer, or no list.
    """
    if code.ndim != 1 or len(code) > size:
        raise ValueError(f"code of shape {code.shape}: the network takes at most ({size},)")
    return np.pad(code, (0, size - len(code)))


def check_patches(first: NDArray[np.uint8], second: NDArray[np.uint8], size_px: int) -> None:
    """Every backend calls this first: some would read beyond the arrays' ends, others tell of nodes and axes.

    :raises ValueError: they are not N >= 1 pairs of (size_px, size_px, 3) uint8.
    """
    for name, patches in (("first", first), ("second", second)):
        if patches.dtype != np.uint8:
            raise ValueError(f"{name}: patches of {patches.dtype}, not of uint8")
        if patches.ndim != 4 or patches.shape[1:] != (size_px, size_px, 3):
            raise ValueError(f"{name}: patches of shape {patches.shape}, not (N, {size_px}, {size_px}, 3)")
    if len(first) != len(second):
        raise ValueError(f"patches come in pairs, not {len(first)} first and {len(second)} second ones")
    if len(first) == 0:
        raise ValueError("no patches: a field without any is blank, and not to be asked about")


class PatchModel(Protocol):
    """A network from pairs of raw patches to moves."""

    def predict(
        self, first: NDArray[np.uint8], second: NDArray[np.uint8], code: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The answers for N >= 1 patches.

        :param first, second: (N, P, P, 3) uint8 RGB, the second `delta` higher.
        :param code: (K,) of the optics (`PatchRule.optics_code`), then of the slide, from a calibration. What it does
            not reach to is unknown: without a calibration it ends after the optics. A network that takes none ignores
            it.
        :returns: (N,) moves in depths of field, positive = up, and (N,) texture weights >= 0, all finite.
        :raises HardwareError: the backend failed, or an answer is not finite.
        :raises ValueError: these are no such patches, or no such code.
        """


class Calibrator(Protocol):
    """A network from examples to the code of a slide."""

    def calibrate(
        self, first: NDArray[np.uint8], second: NDArray[np.uint8], move_dof: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """The code, (K,), from N >= 1 pairs of patches taken on one slide.

        :param first, second: as for a PatchModel; :param move_dof: (N,) the right answer to each.
        :raises HardwareError: the backend failed, or the code is not finite.
        """
