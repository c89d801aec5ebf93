"""How long the emulated scanner takes for a picture."""

from __future__ import annotations

import itertools

import numpy as np

from benchmarks.machine import Machine
from benchmarks.measure import Row, timed
from firmware_host.optics import Objective
from firmware_host.twin.column import OpticalColumn
from firmware_host.twin.pupil import Aberrations, colour_transfers
from firmware_host.twin.section import ProceduralSection
from firmware_host.twin.sensor import Sensor, SensorStyle
from firmware_host.twin.slide import draw_surface

_CENTRE_UM = (1000.0, 1000.0)


def render(_: Machine) -> list[Row]:
    """The twin's picture of a 1024 x 1024 colour field: another height, another place, and tissue never seen."""
    shape = (1024, 1024)
    section = ProceduralSection(1, 0.25, _CENTRE_UM, 2400, 2.0)
    surface = draw_surface(1, 0.0, _CENTRE_UM, 1.0, 2.0)
    transfers = colour_transfers(Objective(0.75), Aberrations(0.04, 0.85, 0.1), (0.61, 0.545, 0.465))
    column = OpticalColumn(section, surface, transfers, (-0.3, 0.0, 0.3), shape, 0.25)
    sensor = Sensor(SensorStyle(8000, 4, 0.25), shape, 1)
    heights = itertools.cycle(np.linspace(-4, 4, 9).tolist())
    shifts = itertools.count()
    fresh = itertools.cycle(range(-3, 4))

    def field(z_um: float, shift_um: float) -> None:
        sensor.expose(column.transmittance(_CENTRE_UM[0] + shift_um, _CENTRE_UM[1], z_um), 1.0, 0)

    return [
        timed("render", "same place, another height", lambda: field(next(heights), 0.0), 30, warm_up=9),
        timed("render", "another place, its tissue made before", lambda: field(0.0, next(shifts) % 5 * 0.1), 15, 6),
        timed("render", "another place, its tissue made now", lambda: field(0.0, next(fresh) * 256.0), 10, 1),
    ]
