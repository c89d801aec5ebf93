"""The camera port. A frame counts only if its exposure began after the stage had settled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from firmware_host.errors import HardwareError


@dataclass(frozen=True)
class Frame:
    """One camera image.

    :param image: (height, width, 3) uint8, RGB, row 0 on top.
    :param exposure_start_ns: the sensor's time stamp on the scanner's clock: when the first row's exposure began. Where
        the camera does not tell, the exposure began then or later.
    :param sequence: number of the frame in the sensor's stream; gaps are dropped or skipped frames.
    """

    image: NDArray[np.uint8]
    exposure_start_ns: int
    exposure_ns: int
    sequence: int


class FrameLost(HardwareError):
    """A frame was bad, and cannot be taken again: the stage has moved on since. The camera itself is well."""


class Exposure(Protocol):
    """A frame whose light has been collected; the stage may move while it is read out."""

    def read_out(self) -> Frame:
        """The frame, once it is delivered; the wait is booked under `readout`. To be called once.

        :raises HardwareError: it does not come. :raises FrameLost: it came and is of no use (`steady`).
        """


class Camera(Protocol):
    """A camera that streams frames at its own pace."""

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) of its frames in pixels."""

    def expose(self, not_before_ns: int, timeout_s: float) -> Exposure:
        """The first frame whose exposure begins at or after `not_before_ns`; older ones are thrown away.

        Returns when all of its rows have been exposed: with a rolling shutter that is when it has been read out. The
        wait is booked under `expose`.
        :raises HardwareError: no such frame within `timeout_s`.
        """

    def close(self) -> None:
        """Stop the stream. Safe to call twice."""
