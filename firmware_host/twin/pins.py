"""The emulated machine in the process that owns the pins: real time, the same board, the same motors."""

from __future__ import annotations

import functools
from typing import Any

from firmware_host.clock import MonotonicClock
from firmware_host.errors import UsageError
from firmware_host.gpio.rpi_gpio import RpiGpio
from firmware_host.profile import Profile
from firmware_host.profile_tables import AXES, AxisName
from firmware_host.realtime.host import PinsProcess
from firmware_host.realtime.pins import Pins
from firmware_host.twin.board import EmulatedBoard
from firmware_host.twin.mechanics import Machine

_KEPT_EDGES = 1000
_FOLLOWS = {"motor_speed_um_s": 1e6, "motor_accel_um_s2": 1e8}
"""Real edges jitter. A rotor's inertia smooths that over; the twin's motors would take each of them for a lost step."""


def emulated_pins(profile: Profile) -> Pins:
    """:raises UsageError: the profile has no table [twin]."""
    if profile.twin is None:
        raise UsageError(f"profile {profile.name}: it has no table [twin], so it cannot be emulated")
    twin = profile.twin.model_copy(
        update={name: getattr(profile.twin, name).model_copy(update=_FOLLOWS) for name in AXES}
    )
    board = EmulatedBoard(MonotonicClock(), _KEPT_EDGES)
    machine = Machine(board, profile, twin)
    made = dict.fromkeys(AXES, 0)

    def count(name: AxisName, _: int, level: bool) -> None:
        made[name] += level

    for name in AXES:
        board.connect(profile.axes.of(name).step_pin, functools.partial(count, name))

    def look(time_ns: int | None = None) -> Any:
        """True position at a time of the recent past, um; or what the drivers counted and where the lamp stands."""
        if time_ns is not None:
            return machine.position_um(time_ns)
        return {
            "pulses": made,
            "lost_steps": machine.lost_steps,
            "refused": sum(sum(vars(driver.counts).values()) for driver in machine.drivers.values()),
            "lamp": board.duty(profile.lamp.pin) / profile.lamp.duty,
        }

    return Pins(RpiGpio(board), look)


class RemoteMachine:
    """The same machine, seen from the host."""

    def __init__(self, process: PinsProcess) -> None:
        self._process = process

    def position_um(self, time_ns: int) -> tuple[float, float, float]:
        """True (x, y, z) of the stage at a time of the recent past, um."""
        x_um, y_um, z_um = self._process.call("look", time_ns=time_ns)
        return x_um, y_um, z_um

    def lamp(self) -> float:
        """Brightness of the lamp now, relative to its setting."""
        return float(self._process.call("look")["lamp"])
