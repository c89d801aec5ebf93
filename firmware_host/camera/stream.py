"""What all drivers of streaming cameras have in common: the port, counters, and one restart of a camera that is silent.

A driver adds the calls to its library.
"""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from firmware_host.camera.guard import Guard
from firmware_host.camera.port import Exposure, Frame
from firmware_host.clock import Clock
from firmware_host.errors import HardwareError
from firmware_host.profile_tables import CameraTable

START_S = 10.0
"""How long a library may take to start a camera, or to stop it."""

_ATTEMPTS = 2  # to get a frame: the second one after a restart of the stream


@dataclass
class Counts:
    """What went on since the camera was opened.

    :param taken: frames that were handed out. :param skipped: frames of the stream that were not: exposed too early, or
        nobody asked. :param dropped: those among them that were never delivered, where every delivery is seen.
    """

    taken: int = 0
    skipped: int = 0
    dropped: int = 0
    restarts: int = 0


class _Delivered:
    """A frame that has been read out already."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    def read_out(self) -> Frame:
        return self._frame


class StreamCamera(ABC):
    """A stream of full frames with fixed exposure, gain and white balance.

    It tells of a frame only once it is delivered, so `expose` returns then, whatever the shutter.
    """

    def __init__(self, table: CameraTable, clock: Clock, guard: Guard) -> None:
        self.counts = Counts()
        self._table = table
        self._clock = clock
        self._guard = guard
        self._shape = (table.height_px, table.width_px)
        self._period_ns = round(table.frame_period_ms * 1e6)
        self._first_ns: int | None = None
        self._sequence = -1
        self._closed = False

    @property
    def shape(self) -> tuple[int, int]:
        return self._shape

    def expose(self, not_before_ns: int, timeout_s: float) -> Exposure:
        with self._clock.work("expose"):
            for attempt in range(1, _ATTEMPTS + 1):
                if self._closed:
                    raise HardwareError("camera: it was closed; start the scanner again")
                try:
                    return _Delivered(self._frame(not_before_ns, timeout_s))
                except TimeoutError as error:
                    if attempt == _ATTEMPTS:
                        raise HardwareError(
                            f"camera: no frame within {timeout_s:g} s, nor after a restart; check its cable"
                        ) from error
                    self.counts.restarts += 1
                    self._restart()
        raise AssertionError("unreachable")

    def close(self) -> None:
        """Stop the stream and give the camera back, if it still answers. Safe to call twice."""
        if self._closed:
            return
        self._closed = True
        with contextlib.suppress(HardwareError), self._clock.work("wait"):  # it hangs, and is left behind
            self._guard.call(self._release, START_S)
        self._guard.close()

    @abstractmethod
    def _frame(self, not_before_ns: int, timeout_s: float) -> Frame:
        """The first frame that was exposed late enough.

        :raises TimeoutError: none came; a restart may help. :raises HardwareError: it would not.
        """

    @abstractmethod
    def _restart(self) -> None:
        """:raises HardwareError: the camera does not start again."""

    @abstractmethod
    def _release(self) -> None:
        """Give the camera back. Called in the guard's thread."""

    def _checked(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """:raises HardwareError: it is not what the profile says."""
        if image.shape != (*self._shape, 3) or image.dtype != np.uint8:
            raise HardwareError(
                f"camera: a frame of shape {image.shape} ({image.dtype}) instead of {(*self._shape, 3)}; "
                "correct the profile"
            )
        return image

    def _taken(self, image: NDArray[np.uint8], start_ns: int, exposure_ns: int) -> Frame:
        """The frame, numbered by the time since the first one that was taken."""
        if self._first_ns is None:
            self._first_ns = start_ns
        number = round((start_ns - self._first_ns) / self._period_ns)
        sequence = max(number, self._sequence + 1)
        if self._sequence >= 0:
            self.counts.skipped += sequence - self._sequence - 1
        self._sequence = sequence
        self.counts.taken += 1
        return Frame(image, start_ns, exposure_ns, sequence)
