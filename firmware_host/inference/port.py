"""What the focus estimator needs of a network, whoever runs it."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class PatchModel(Protocol):
    """A network from pairs of raw patches to moves."""

    def predict(
        self, first: NDArray[np.uint8], second: NDArray[np.uint8]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The answers for N >= 1 patches.

        :param first, second: (N, P, P, 3) uint8 RGB, the second `delta` higher.
        :returns: (N,) moves in depths of field, positive = up, and (N,) texture weights >= 0, all finite.
        :raises HardwareError: the backend failed, or an answer is not finite.
        """
