"""The GPIO port: the few calls that the rest of the host makes on pins. Drivers stand beside this file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol

Edge = Literal["rising", "falling", "both"]
Pull = Literal["up", "down", "off"]


PULLED_NS = 20_000_000
"""From `setup_input` until an open input's level is right: four times what 100 nF and a pull-up of 50 kOhm take."""


class GpioPort(Protocol):
    """Pins by their BCM (or board's line) number; levels are booleans, True = high.

    Every call raises HardwareError with the pin's number when the board refuses it.
    """

    def setup_output(self, pin: int, initial: bool) -> None:
        """Make the pin an output that starts at `initial`, the level where it does no harm."""

    def setup_input(self, pin: int, pull: Pull) -> None:
        """Make the pin an input with the given pull resistor."""

    def write(self, pin: int, level: bool) -> None:
        """Set an output pin. Called once per edge of a step pulse: it must be cheap."""

    def read(self, pin: int) -> bool:
        """Level at the pin now. Called once per step for the safety inputs: it must be cheap."""

    def watch(self, pin: int, edge: Edge, callback: Callable[[int], None], debounce_ms: float = 0) -> None:
        """Call `callback(pin)`, in another thread, at each such edge of an input pin; it replaces the pin's former one.

        :param debounce_ms: after an edge was reported, further ones are not for so long. None is ever put off.
        """

    def pwm(self, pin: int, frequency_hz: float, duty: float) -> None:
        """Drive an output pin with a duty cycle of 0.0 to 1.0; 0.0 stops and leaves the pin low."""

    def close(self) -> None:
        """Give all pins back as inputs. Safe to call twice."""
