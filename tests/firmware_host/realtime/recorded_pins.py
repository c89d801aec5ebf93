"""Emulated pins in a process of their own that write every edge into a pipe, where a test sees it whoever dies.

The pipe's path is in WSI_EDGES. WSI_TRIP="PIN,STEPS" pulls an input low after so many steps with the lamp on.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass

from firmware_host.clock import MonotonicClock
from firmware_host.gpio.rpi_gpio import RpiGpio
from firmware_host.profile import Profile
from firmware_host.profile_tables import AXES
from firmware_host.realtime.pins import Pins
from firmware_host.twin.board import EmulatedBoard
from firmware_host.twin.mechanics import Machine

RECORD = struct.Struct("<qhh")  # time_ns; pin, or CAUSE; level, or the duty in thousandths
CAUSE = -1


@dataclass(frozen=True)
class Edge:
    time_ns: int
    pin: int
    value: int


class _Recorder:
    def __init__(self, profile: Profile) -> None:
        assert profile.twin is not None
        self._pipe = os.open(os.environ["WSI_EDGES"], os.O_WRONLY)
        self.clock = MonotonicClock()
        self.board = EmulatedBoard(self.clock)
        Machine(self.board, profile, profile.twin)
        pin, steps = os.environ.get("WSI_TRIP", "0,0").split(",")
        self._trip, self._steps_left = int(pin), int(steps)
        self.lit = False
        for name in AXES:
            axis = profile.axes.of(name)
            self.board.connect(axis.step_pin, lambda time_ns, level, pin=axis.step_pin: self._step(time_ns, pin, level))
            self.board.connect(
                axis.enable_pin, lambda time_ns, level, pin=axis.enable_pin: self.write(time_ns, pin, level)
            )

    def write(self, time_ns: int, pin: int, value: int) -> None:
        os.write(self._pipe, RECORD.pack(time_ns, pin, value))

    def _step(self, time_ns: int, pin: int, level: bool) -> None:
        self.write(time_ns, pin, level)
        if level and self._steps_left and self.lit:
            self._steps_left -= 1
            if self._steps_left == 0:
                self.write(self.clock.now_ns(), CAUSE, 0)
                self.board.drive(self._trip, False)


class _Port(RpiGpio):
    """Its PWM has no edges, so the duty is recorded."""

    def __init__(self, recorder: _Recorder) -> None:
        super().__init__(recorder.board)
        self._recorder = recorder

    def pwm(self, pin: int, frequency_hz: float, duty: float) -> None:
        super().pwm(pin, frequency_hz, duty)
        self._recorder.lit = duty > 0
        self._recorder.write(self._recorder.clock.now_ns(), pin, round(1000 * duty))


def open_pins(profile: Profile) -> Pins:
    recorder = _Recorder(profile)

    def look(pin: int) -> None:
        """A circuit outside pulls the pin low."""
        recorder.write(recorder.clock.now_ns(), CAUSE, 0)
        recorder.board.drive(pin, False)

    return Pins(_Port(recorder), look)
