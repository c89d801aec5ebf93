"""The emulated camera: frames come at the sensor's pace, whether anybody wants them or not.

A frame shows the stage where it was while that frame was exposed. One that began during a move is smeared, and is
delivered after the move is over: whoever takes "the next frame" gets it. With a rolling shutter rows are exposed until
the end of the read-out.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from firmware_host.camera.port import Exposure, Frame
from firmware_host.clock import Clock
from firmware_host.errors import HardwareError
from firmware_host.profile_tables import CameraTable
from firmware_host.twin.column import OpticalColumn
from firmware_host.twin.sensor import Sensor

_MOVED_UM = 0.02


class _Exposed:
    """A frame in flight."""

    def __init__(self, clock: Clock, frame: Frame, delivered_ns: int) -> None:
        self._clock = clock
        self._frame = frame
        self._delivered_ns = delivered_ns

    def read_out(self) -> Frame:
        self._clock.wait_until(self._delivered_ns, "readout")
        return self._frame


class EmulatedCamera:
    """A free-running camera over the twin's slide.

    :param position_um: (x, y, z) of the stage at a time on the clock; x and y in slide coordinates.
    :param lamp: brightness of the lamp now, relative to its setting.
    """

    def __init__(
        self,
        table: CameraTable,
        clock: Clock,
        column: OpticalColumn,
        sensor: Sensor,
        position_um: Callable[[int], tuple[float, float, float]],
        lamp: Callable[[], float],
    ) -> None:
        self._clock = clock
        self._column = column
        self._sensor = sensor
        self._position_um = position_um
        self._lamp = lamp
        self._shape = (table.height_px, table.width_px)
        self._period_ns = round(table.frame_period_ms * 1e6)
        self._exposure_ns = round(table.exposure_ms * 1e6)
        self._readout_ns = round(table.readout_ms * 1e6)
        self._open_ns = self._exposure_ns + (self._readout_ns if table.shutter == "rolling" else 0)
        self._started_ns = self._ready_ns = clock.now_ns()
        self._has_trigger, self._taken = table.trigger, 0

    @property
    def shape(self) -> tuple[int, int]:
        return self._shape

    def expose(self, not_before_ns: int, timeout_s: float) -> Exposure:
        latency_ns = self._exposure_ns + self._readout_ns
        now_ns = self._clock.now_ns()
        start_ns, sequence = (self._triggered if self._has_trigger else self._streamed)(not_before_ns, now_ns)
        if start_ns + latency_ns > now_ns + round(timeout_s * 1e9):
            self._clock.wait_until(now_ns + round(timeout_s * 1e9), "wait")
            raise HardwareError(f"camera: no frame within {timeout_s:g} s; check its cable and the frame rate")
        self._clock.wait_until(start_ns + self._open_ns, "expose")
        frame = Frame(self._image(start_ns, sequence), start_ns, self._exposure_ns, sequence)
        return _Exposed(self._clock, frame, start_ns + latency_ns)

    def close(self) -> None:
        """Nothing runs between captures."""

    def _streamed(self, not_before_ns: int, now_ns: int) -> tuple[int, int]:
        """Start and number of the first frame of the stream that is not older than asked for."""
        # Delivered frames are gone.
        earliest_ns = max(not_before_ns, now_ns - self._exposure_ns - self._readout_ns, self._started_ns)
        sequence = -((self._started_ns - earliest_ns) // self._period_ns)
        return self._started_ns + sequence * self._period_ns, sequence

    def _triggered(self, not_before_ns: int, now_ns: int) -> tuple[int, int]:
        """Start and number of a frame that is taken now, or as soon as the sensor is ready again."""
        start_ns = max(not_before_ns, now_ns, self._ready_ns)
        self._ready_ns = start_ns + self._period_ns
        self._taken += 1
        return start_ns, self._taken - 1

    def _image(self, start_ns: int, sequence: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
        places = [self._position_um(start_ns + self._open_ns * part // 4) for part in (0, 1, 2, 3, 4)]
        spread = max(np.ptp(coordinate) for coordinate in zip(*places, strict=True))
        if spread <= _MOVED_UM:
            light = self._column.transmittance(*places[2])
        else:
            renders = [self._column.transmittance(*place) for place in places]
            light = [np.mean(planes, axis=0, dtype=np.float32) for planes in zip(*renders, strict=True)]
        return self._sensor.expose(light, self._lamp(), sequence)
