"""One reading of all that the board tells of itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from firmware_host.health.machine import Machine
from firmware_host.health.memory import Memory, read_memory
from firmware_host.health.power import Power, read_power
from firmware_host.health.temperature import Temperature, read_temperature


@dataclass(frozen=True)
class Readings:
    """:param temperature: of the processor, None where the kernel tells of none; :param memory: likewise."""

    temperature: Temperature | None = None
    power: Power = field(default_factory=Power)
    memory: Memory | None = None


class Sensors(Protocol):
    """What the watch asks."""

    def read(self) -> Readings:
        """What is told now. Never fails, and takes two seconds at the very most."""


class BoardSensors:
    """Those of the machine that this program runs on."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def read(self) -> Readings:
        machine = self._machine
        return Readings(read_temperature(machine), read_power(machine), read_memory(machine))


class NoSensors:
    """Of an emulated scanner, which does not care how hot the computer is that emulates it."""

    def read(self) -> Readings:
        return Readings()
