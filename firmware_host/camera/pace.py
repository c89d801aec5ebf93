"""When the frames of a camera that is not there are exposed and delivered: the profile's timing on the scanner's clock.

What the emulated camera and the replay have in common. What is in a frame is theirs.
"""

from __future__ import annotations

from dataclasses import dataclass

from firmware_host.camera.port import Frame
from firmware_host.clock import Clock
from firmware_host.errors import HardwareError
from firmware_host.profile_tables import CameraTable


@dataclass(frozen=True)
class Shot:
    """One exposure: its beginning, when its last row has been exposed, when the frame is delivered, and its number."""

    start_ns: int
    exposed_ns: int
    delivered_ns: int
    sequence: int


class InFlight:
    """A frame that is exposed and not yet delivered."""

    def __init__(self, clock: Clock, frame: Frame, delivered_ns: int) -> None:
        self._clock = clock
        self._frame = frame
        self._delivered_ns = delivered_ns

    def read_out(self) -> Frame:
        self._clock.wait_until(self._delivered_ns, "readout")
        return self._frame


class Pace:
    """Free-running frames, or one at each trigger, as the profile says."""

    def __init__(self, table: CameraTable, clock: Clock) -> None:
        self._clock = clock
        self._period_ns = round(table.frame_period_ms * 1e6)
        self.exposure_ns = round(table.exposure_ms * 1e6)
        self._readout_ns = round(table.readout_ms * 1e6)
        self._open_ns = self.exposure_ns + (self._readout_ns if table.shutter == "rolling" else 0)
        self._started_ns = self._ready_ns = clock.now_ns()
        self._has_trigger, self._taken = table.trigger, 0
        self._closed = False

    def expose(self, not_before_ns: int, timeout_s: float) -> Shot:
        """Wait until the first frame that is not older than asked for has been exposed.

        :raises HardwareError: it would not be delivered in time, or the camera was closed.
        """
        if self._closed:
            raise HardwareError("camera: it was closed; start the scanner again")
        latency_ns = self.exposure_ns + self._readout_ns
        now_ns = self._clock.now_ns()
        start_ns, sequence = (self._triggered if self._has_trigger else self._streamed)(not_before_ns, now_ns)
        if start_ns + latency_ns > now_ns + round(timeout_s * 1e9):
            self._clock.wait_until(now_ns + round(timeout_s * 1e9), "wait")
            raise HardwareError(f"camera: no frame within {timeout_s:g} s; check its cable and the frame rate")
        self._clock.wait_until(start_ns + self._open_ns, "expose")
        return Shot(start_ns, start_ns + self._open_ns, start_ns + latency_ns, sequence)

    def close(self) -> None:
        """Nothing is exposed any more. Safe to call twice."""
        self._closed = True

    def _streamed(self, not_before_ns: int, now_ns: int) -> tuple[int, int]:
        """Start and number of the first frame of the stream that is not older than asked for."""
        # Delivered frames are gone.
        earliest_ns = max(not_before_ns, now_ns - self.exposure_ns - self._readout_ns, self._started_ns)
        sequence = -((self._started_ns - earliest_ns) // self._period_ns)
        return self._started_ns + sequence * self._period_ns, sequence

    def _triggered(self, not_before_ns: int, now_ns: int) -> tuple[int, int]:
        """Start and number of a frame that is taken now, or as soon as the sensor is ready again."""
        start_ns = max(not_before_ns, now_ns, self._ready_ns)
        self._ready_ns = start_ns + self._period_ns
        self._taken += 1
        return start_ns, self._taken - 1
