"""The camera port. A frame counts only if its exposure began after the stage had settled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Frame:
    """One camera image.

    :param image: (height, width, 3) uint8, RGB, row 0 on top.
    :param exposure_start_ns: the sensor's time stamp on the scanner's clock: when the first row's exposure began.
    :param sequence: number of the frame in the sensor's stream; gaps are dropped or skipped frames.
    """

    image: NDArray[np.uint8]
    exposure_start_ns: int
    exposure_ns: int
    sequence: int


class Camera(Protocol):
    """A camera that streams frames at its own pace."""

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) of its frames in pixels."""

    def capture(self, not_before_ns: int, timeout_s: float) -> Frame:
        """The first frame whose exposure began at or after `not_before_ns`; older ones are thrown away.

        Books the time under `expose` until the exposure's end and under `readout` until delivery.
        :raises HardwareError: no such frame within `timeout_s`.
        """

    def close(self) -> None:
        """Stop the stream. Safe to call twice."""
