"""rpi-lgpio and Jetson.GPIO where they differ from RPi.GPIO, as the emulated board stands for that.

Held against the real packages' sources in `test_rpi_libraries.py`; the packages themselves run in `make gpio-test`.
"""

from __future__ import annotations

import errno
import warnings
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any

from firmware_host.clock import VirtualClock
from firmware_host.twin.board import EmulatedBoard

_NOT_GIVEN = object()


class LgpioError(Exception):
    """lgpio.error: no RuntimeError."""


class FakeRpiLgpio(EmulatedBoard):
    """rpi-lgpio over lgpio: errors of its own, old watchers that stay, a limit to its PWM.

    :param opens: what opening the chip raises. :param busy: channels that another program holds.
    """

    lgpio = SimpleNamespace(error=LgpioError)

    def __init__(self, opens: Exception | None = None, busy: Iterable[int] = ()) -> None:
        self.clock = VirtualClock()
        super().__init__(self.clock)
        self._opens = opens
        self._busy = set(busy)

    def setmode(self, new_mode: int) -> None:
        if self._opens is not None:
            raise self._opens
        super().setmode(new_mode)

    def setup(self, chanlist: Any, direction: int, pull_up_down: int = 20, initial: int | None = None) -> None:
        if chanlist in self._busy:
            raise LgpioError("GPIO busy")
        super().setup(chanlist, direction, pull_up_down, -1 if initial is None else initial)

    def add_event_detect(
        self, channel: int, edge: int, callback: Callable[[int], None] | None = None, bouncetime: int | None = None
    ) -> None:
        """The same edge twice: both callbacks are made from then on."""
        assert bouncetime is None, "it would put every edge off"
        pin = self._input_pin(channel)
        if pin.detects == edge and callback is not None:
            pin.callbacks.append(callback)
        else:
            super().add_event_detect(channel, edge, callback)

    def PWM(self, channel: int, frequency: float) -> Any:  # noqa: N802 - the library's name
        if frequency > 10_000:
            raise LgpioError("bad PWM frequency")
        return super().PWM(channel, frequency)


class FakeJetsonGpio(EmulatedBoard):
    """Jetson.GPIO on an Orin Nano: no pulls, few pins that dim, and these are taken from GPIO meanwhile.

    :param pinmux: channels that the pin multiplexer does not give to GPIO. :param busy: as above.
    """

    JETSON_INFO = {"TYPE": "Jetson Orin Nano"}  # noqa: RUF012 - a constant of the library
    _HEADER = frozenset((4, 17, 18, 27, 22, 23, 24, 10, 9, 25, 11, 8, 7, 5, 6, 12, 13, 19, 16, 26, 20, 21))
    _DIMS = frozenset((22, 12, 13))

    def __init__(self, pinmux: Iterable[int] = (), busy: Iterable[int] = ()) -> None:
        self.clock = VirtualClock()
        super().__init__(self.clock)
        self._pinmux = set(pinmux)
        self._busy = set(busy)
        self._warns = True
        self._dimming: set[int] = set()

    def setwarnings(self, state: bool) -> None:
        self._warns = state

    def setup(
        self,
        channels: Any,
        direction: int,
        pull_up_down: Any = _NOT_GIVEN,
        initial: int | None = None,
        consumer: str = "Jetson-gpio",
    ) -> None:
        self._check(channels)
        if pull_up_down is not _NOT_GIVEN:
            warnings.warn("Jetson.GPIO ignores setup()'s pull_up_down parameter", stacklevel=2)
        if channels in self._busy:
            raise OSError(errno.EBUSY, "Opening output line handle: Device or resource busy")
        self._dimming.discard(channels)
        super().setup(channels, direction, initial=-1 if initial is None else initial)
        if self._warns:
            warnings.warn("Could not open /dev/mem for pinmux check.", stacklevel=2)
            if channels in self._pinmux:
                other = "input" if direction == self.OUT else "output"
                warnings.warn(f"\n[WARNING] User requested ..., but it is set to {other} in pinmux.\n", stacklevel=2)

    def output(self, channels: Any, values: Any) -> None:
        self._check(channels)
        if channels in self._dimming:
            raise RuntimeError("The GPIO channel has not been set up as an OUTPUT")
        super().output(channels, values)

    def add_event_detect(
        self,
        channel: int,
        edge: int,
        callback: Callable[[int], None] | None = None,
        bouncetime: int | None = None,
        polltime: float = 0.2,
    ) -> None:
        """A second time: a warning, and the first one stays."""
        if self._input_pin(channel).detects is not None:
            warnings.warn("Warning: event is already added, ignore new added event", RuntimeWarning, stacklevel=2)
        else:
            super().add_event_detect(channel, edge, callback)

    def remove_event_detect(self, channel: int, timeout: float = 0.5) -> None:
        super().remove_event_detect(channel)

    def PWM(self, channel: int, frequency_hz: float) -> Any:  # noqa: N802 - the library's name
        self._check(channel)
        if channel not in self._DIMS:
            raise ValueError(f"Channel {channel} is not a PWM")
        self._dimming.add(channel)
        return super().PWM(channel, frequency_hz)

    def _check(self, channel: int) -> None:
        if channel not in self._HEADER:
            raise ValueError(f"Channel {channel} is invalid")
