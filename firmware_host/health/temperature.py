"""How hot the processor is, by the kernel's thermal zones."""

from __future__ import annotations

import re
from dataclasses import dataclass

from firmware_host.health.machine import Machine

# Zones of processors: "cpu-thermal" (Raspberry Pi, Jetson Orin), "gpu-thermal", "tj-thermal" (an Orin's hottest),
# "CPU-therm" (older Jetsons), "x86_pkg_temp". Not those of other chips and of the board.
_PROCESSOR = re.compile(r"(?i)(cpu|gpu|soc|tj|x86_pkg)")
_LIKELY_C = (-40.0, 150.0)


@dataclass(frozen=True)
class Temperature:
    """:param zone: the kernel's name of where it was measured."""

    celsius: float
    zone: str

    def __str__(self) -> str:
        return f"{self.celsius:.0f} C ({self.zone})"


def read_temperature(machine: Machine) -> Temperature | None:
    """The hottest of the processor's zones; None where the kernel tells of none."""
    hottest: Temperature | None = None
    for folder in machine.found("sys/class/thermal/thermal_zone*"):
        zone = machine.text(f"{folder}/type") or ""
        millicelsius = machine.number(f"{folder}/temp")
        if millicelsius is None or not _PROCESSOR.match(zone):
            continue
        celsius = millicelsius / 1000
        if _LIKELY_C[0] < celsius < _LIKELY_C[1] and (hottest is None or celsius > hottest.celsius):
            hottest = Temperature(celsius, zone)
    return hottest
