"""The emulated camera: frames come at the sensor's pace, whether anybody wants them or not.

A frame shows the stage where it was while that frame was exposed. One that began during a move is smeared, and is
delivered after the move is over: whoever takes "the next frame" gets it. With a rolling shutter rows are exposed until
the end of the read-out.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from firmware_host.camera.pace import InFlight, Pace, Shot
from firmware_host.camera.port import Exposure, Frame
from firmware_host.clock import Clock
from firmware_host.profile_tables import CameraTable
from firmware_host.twin.column import OpticalColumn
from firmware_host.twin.sensor import Sensor

_MOVED_UM = 0.02


class EmulatedCamera:
    """A camera over the twin's slide.

    :param position_um: (x, y, z) of the stage at a time on the clock; x and y in slide coordinates.
    :param lamp: brightness of the lamp now, relative to its setting.
    :param noise_by_place: two frames of one place, rounded to nm, are alike; else each frame has its own noise.
    """

    def __init__(
        self,
        table: CameraTable,
        clock: Clock,
        column: OpticalColumn,
        sensor: Sensor,
        position_um: Callable[[int], tuple[float, float, float]],
        lamp: Callable[[], float],
        noise_by_place: bool = False,
    ) -> None:
        self._clock = clock
        self._column = column
        self._sensor = sensor
        self._position_um = position_um
        self._lamp = lamp
        self._noise_by_place = noise_by_place
        self._shape = (table.height_px, table.width_px)
        self._pace = Pace(table, clock)

    @property
    def shape(self) -> tuple[int, int]:
        return self._shape

    def expose(self, not_before_ns: int, timeout_s: float) -> Exposure:
        shot = self._pace.expose(not_before_ns, timeout_s)
        frame = Frame(self._image(shot), shot.start_ns, self._pace.exposure_ns, shot.sequence)
        return InFlight(self._clock, frame, shot.delivered_ns)

    def close(self) -> None:
        self._pace.close()

    def _image(self, shot: Shot) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
        open_ns = shot.exposed_ns - shot.start_ns
        places = [self._position_um(shot.start_ns + open_ns * part // 4) for part in (0, 1, 2, 3, 4)]
        spread = max(np.ptp(coordinate) for coordinate in zip(*places, strict=True))
        if spread <= _MOVED_UM:
            light = self._column.transmittance(*places[2])
        else:
            renders = [self._column.transmittance(*place) for place in places]
            light = [np.mean(planes, axis=0, dtype=np.float32) for planes in zip(*renders, strict=True)]
        place_nm = (round(um * 1e3) for um in places[2])
        return self._sensor.expose(light, self._lamp(), *(place_nm if self._noise_by_place else (shot.sequence,)))
