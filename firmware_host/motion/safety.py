"""The inputs that stop all motion: limit switches, the drivers' fault pins, the emergency stop.

Active low with a pull-up. Their falling edges trip, and so do their levels: drivers lose edges, and a callback may come
late. What has tripped stays so.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from firmware_host.gpio.port import GpioPort
from firmware_host.profile import Profile
from firmware_host.profile_tables import AXES, AxisName


@dataclass(frozen=True)
class _Input:
    """:param limit_of: the axis whose limit switch it is."""

    pin: int
    what: str
    limit_of: AxisName | None = None


class SafetyInputs:
    """All of a scanner's.

    Axes that are not homed may stand on their limit switches, so the levels of these count only where it is asked for.

    :raises HardwareError: a pin cannot be watched.
    """

    def __init__(self, profile: Profile, gpio: GpioPort) -> None:
        self.tripped = ""
        """The first input that has tripped; empty while none has."""
        self.sought: AxisName | None = None
        """The axis whose switch homing looks for: its edges do not count."""
        self._gpio = gpio
        self._inputs: list[_Input] = []
        for name in AXES:
            table = profile.axes.of(name)
            self._watch(_Input(table.limit_pin, f"limit switch of axis {name}", name))
            if table.fault_pin is not None:
                self._watch(_Input(table.fault_pin, f"fault of the driver of axis {name}"))
        if profile.emergency_stop_pin is not None:
            self._watch(_Input(profile.emergency_stop_pin, "emergency stop"))
        self._in_turn = itertools.cycle(self._inputs)

    def glance(self, limits: bool) -> bool:
        """Whether any has tripped; looks at the level of one of them, another one at each call."""
        return bool(self.tripped) or self._is_low(next(self._in_turn), limits)

    def look(self, limits: bool) -> bool:
        """The same, with the levels of all."""
        for each in self._inputs:
            self._is_low(each, limits)
        return bool(self.tripped)

    def _is_low(self, safety: _Input, limits: bool) -> bool:
        if (limits or safety.limit_of is None) and not self._gpio.read(safety.pin):
            self._trip(safety)
        return bool(self.tripped)

    def _watch(self, safety: _Input) -> None:
        def fell(_: int) -> None:
            if safety.limit_of is None or safety.limit_of != self.sought:
                self._trip(safety)

        self._gpio.setup_input(safety.pin, "up")
        self._inputs.append(safety)
        self._gpio.watch(safety.pin, "falling", fell)

    def _trip(self, safety: _Input) -> None:
        self.tripped = self.tripped or f"{safety.what} (pin {safety.pin})"
