"""An emulated Raspberry Pi header with the functions of RPi.GPIO, and the wires on its other side.

It keeps every edge with its exact time and refuses what the real library refuses. Circuits (`driver`, `mechanics`)
connect from outside; the host cannot tell it from the library.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable
from typing import Any

from firmware_host.clock import Clock

# Physical pin of the 40-pin header -> BCM channel.
_HEADER = {
    3: 2, 5: 3, 7: 4, 8: 14, 10: 15, 11: 17, 12: 18, 13: 27, 15: 22, 16: 23, 18: 24, 19: 10, 21: 9, 22: 25, 23: 11,
    24: 8, 26: 7, 27: 0, 28: 1, 29: 5, 31: 6, 32: 12, 33: 13, 35: 19, 36: 16, 37: 26, 38: 20, 40: 21,
}  # fmt: skip
_CHANNELS = frozenset(range(28))
_NO_MODE = "Please set pin numbering mode using GPIO.setmode(GPIO.BOARD) or GPIO.setmode(GPIO.BCM)"
_INVALID = "The channel sent is invalid on a Raspberry Pi"
_NO_BOUNCE = -666  # the library's own default
_POLL_NS = 1_000_000

Listener = Callable[[int, bool], None]


class _Pin:
    """One channel: its direction, its level, who listens, and the history of its edges."""

    __slots__ = (
        "callbacks",
        "detected",
        "detects",
        "driven",
        "is_output",
        "level",
        "levels",
        "listeners",
        "pull",
        "times",
    )

    def __init__(self) -> None:
        self.is_output: bool | None = None
        self.level = False
        self.driven: bool | None = None
        self.pull = False
        self.listeners: list[Listener] = []
        self.detects: int | None = None
        self.detected = False
        self.callbacks: list[Callable[[int], None]] = []
        self.times = array("q")
        self.levels = array("b")


class EmulatedBoard:
    """RPi.GPIO as an object; several boards may exist side by side.

    :param clock: gives every edge its time.
    :param keep_edges: each pin remembers at least this many of its last edges; None: all of them.
    """

    BOARD, BCM, UNKNOWN = 10, 11, -1
    OUT, IN, SERIAL, SPI, I2C, HARD_PWM = 0, 1, 40, 41, 42, 43
    LOW, HIGH = 0, 1
    PUD_OFF, PUD_DOWN, PUD_UP = 20, 21, 22
    RISING, FALLING, BOTH = 31, 32, 33
    VERSION = "0.7.1"
    RPI_REVISION = 3
    RPI_INFO = {  # noqa: RUF012 - a constant of the library
        "P1_REVISION": 3,
        "REVISION": "c03114",
        "TYPE": "Pi 4 Model B",
        "MANUFACTURER": "Emulated",
        "PROCESSOR": "BCM2711",
        "RAM": "4G",
    }

    def __init__(self, clock: Clock, keep_edges: int | None = None) -> None:
        self._clock = clock
        self._trim_at = None if keep_edges is None else 2 * keep_edges
        self._mode: int | None = None
        self._pins = {channel: _Pin() for channel in _CHANNELS}
        self._pwm: dict[int, _Pwm] = {}

    # --- the library's side -------------------------------------------------------------------------------------

    def setwarnings(self, flag: bool) -> None:
        """Warnings are never printed here."""

    def setmode(self, mode: int) -> None:
        if mode not in (self.BOARD, self.BCM):
            raise ValueError("An invalid mode was passed to setmode()")
        if self._mode is not None and mode != self._mode:
            raise ValueError("A different mode has already been set!")
        self._mode = mode

    def getmode(self) -> int | None:
        return self._mode

    def setup(
        self,
        channel: int | Iterable[int],
        direction: int,
        pull_up_down: int = PUD_OFF,
        initial: int = -1,
    ) -> None:
        if direction not in (self.IN, self.OUT):
            raise ValueError("An invalid direction was passed to setup()")
        if direction == self.OUT and pull_up_down != self.PUD_OFF:
            raise ValueError("pull_up_down parameter is not valid for outputs")
        if direction == self.IN and initial != -1:
            raise ValueError("initial parameter is not valid for inputs")
        if pull_up_down not in (self.PUD_OFF, self.PUD_DOWN, self.PUD_UP):
            raise ValueError("Invalid value for pull_up_down - should be either PUD_OFF, PUD_UP or PUD_DOWN")
        for number in _each(channel):
            pin = self._pins[self._bcm(number)]
            pin.is_output = direction == self.OUT
            if pin.is_output:
                if initial != -1:
                    self._set(pin, bool(initial))
            else:
                pin.pull = pull_up_down == self.PUD_UP
                self._set(pin, pin.pull if pin.driven is None else pin.driven)

    def output(self, channel: int | Iterable[int], value: int | bool | Iterable[int]) -> None:
        if isinstance(channel, int) and self._mode == self.BCM:  # the common case, once per edge
            pin = self._pins.get(channel)
            if pin is not None and pin.is_output:
                self._set(pin, bool(value))
                return
        numbers = _each(channel)
        if not isinstance(value, int | Iterable):
            raise ValueError("Value must be an integer/boolean or a list/tuple of integers/booleans")
        values = [value] * len(numbers) if isinstance(value, int) else list(value)
        if len(values) != len(numbers):
            raise RuntimeError("Number of channels != number of values")
        for number, level in zip(numbers, values, strict=True):
            pin = self._pins[self._bcm(number)]
            if not pin.is_output:
                raise RuntimeError("The GPIO channel has not been set up as an OUTPUT")
            self._set(pin, bool(level))

    def input(self, channel: int) -> int:
        pin = self._pins[self._bcm(channel)]
        if pin.is_output is None:
            raise RuntimeError("You must setup() the GPIO channel first")
        return int(pin.level)

    def add_event_detect(
        self, channel: int, edge: int, callback: Callable[[int], None] | None = None, bouncetime: int = _NO_BOUNCE
    ) -> None:
        pin = self._input_pin(channel)
        if callback is not None and not callable(callback):
            raise TypeError("Parameter must be callable")
        self._check_edge(edge, bouncetime)
        if pin.detects is not None:
            raise RuntimeError("Conflicting edge detection already enabled for this GPIO channel")
        pin.detects, pin.detected = edge, False
        pin.callbacks = [callback] if callback else []

    def add_event_callback(self, channel: int, callback: Callable[[int], None]) -> None:
        pin = self._input_pin(channel)
        if pin.detects is None:
            raise RuntimeError("Add event detection using add_event_detect first before adding a callback")
        if not callable(callback):
            raise TypeError("Parameter must be callable")
        pin.callbacks.append(callback)

    def remove_event_detect(self, channel: int) -> None:
        pin = self._pins[self._bcm(channel)]
        pin.detects, pin.callbacks = None, []

    def event_detected(self, channel: int) -> bool:
        pin = self._pins[self._bcm(channel)]
        seen, pin.detected = pin.detected, False
        return seen

    def wait_for_edge(
        self, channel: int, edge: int, bouncetime: int = _NO_BOUNCE, timeout: int | None = None
    ) -> int | None:
        """The channel once the edge has come; None after `timeout` ms of the clock."""
        pin = self._input_pin(channel)
        self._check_edge(edge, bouncetime)
        if timeout is not None and timeout <= 0:
            raise ValueError("Timeout must be greater than 0")
        if pin.detects is not None:
            raise RuntimeError("Conflicting edge detection events already exist for this GPIO channel")
        pin.detects, pin.detected = edge, False
        end_ns = None if timeout is None else self._clock.now_ns() + timeout * 1_000_000
        try:
            while not pin.detected:
                now_ns = self._clock.now_ns()
                if end_ns is not None and now_ns >= end_ns:
                    return None
                self._clock.wait_until(now_ns + _POLL_NS, "wait")
        finally:
            pin.detects = None
        return channel

    def gpio_function(self, channel: int) -> int:
        return self.OUT if self._pins[self._bcm(channel)].is_output else self.IN

    def PWM(self, channel: int, frequency: float) -> _Pwm:  # noqa: N802 - the library's name
        bcm = self._bcm(channel)
        if not self._pins[bcm].is_output:
            raise RuntimeError("You must setup() the GPIO channel as an output first")
        if bcm in self._pwm:
            raise RuntimeError("A PWM object already exists for this GPIO channel")
        self._pwm[bcm] = _Pwm(self, bcm, frequency)
        return self._pwm[bcm]

    def cleanup(self, channel: int | Iterable[int] | None = None) -> None:
        for number in self._pins if channel is None else [self._bcm(each) for each in _each(channel)]:
            pin = self._pins[number]
            pin.is_output, pin.detects, pin.callbacks, pin.pull = None, None, [], False
            self._pwm.pop(number, None)
            self._set(pin, bool(pin.driven))
        if channel is None:
            self._mode = None

    # --- the wires' side ----------------------------------------------------------------------------------------

    def connect(self, channel: int, listener: Listener) -> None:
        """Call `listener(time_ns, level)` at every edge of a BCM channel."""
        self._pins[channel].listeners.append(listener)

    def drive(self, channel: int, level: bool | None) -> None:
        """An outside circuit holds a BCM channel at a level; None lets go, and the pull resistor decides."""
        pin = self._pins[channel]
        pin.driven = level
        if pin.is_output is not True:
            before = pin.level
            self._set(pin, pin.pull if level is None else level)
            if pin.detects is not None and pin.level != before:
                self._detect(channel, pin)

    def level(self, channel: int) -> bool:
        """Level of a BCM channel, whoever holds it."""
        return self._pins[channel].level

    def duty(self, channel: int) -> float:
        """Share of the time that a BCM channel is high: its PWM's duty cycle, or else its level."""
        pwm = self._pwm.get(channel)
        return pwm.duty if pwm is not None else float(self._pins[channel].level)

    def history(self, channel: int) -> list[tuple[int, bool]]:
        """The edges of a BCM channel that are remembered, oldest first: (time_ns, level after the edge)."""
        pin = self._pins[channel]
        return [(time, bool(level)) for time, level in zip(pin.times, pin.levels, strict=True)]

    # --- inside -------------------------------------------------------------------------------------------------

    def _set(self, pin: _Pin, level: bool) -> None:
        if pin.level is not level:
            pin.level = level
            now_ns = self._clock.now_ns()
            pin.times.append(now_ns)
            pin.levels.append(level)
            if len(pin.times) == self._trim_at:
                del pin.times[: self._trim_at // 2], pin.levels[: self._trim_at // 2]
            for listener in pin.listeners:
                listener(now_ns, level)

    def _detect(self, channel: int, pin: _Pin) -> None:
        if pin.detects in (self.BOTH, self.RISING if pin.level else self.FALLING):
            pin.detected = True
            number = channel if self._mode == self.BCM else next(key for key, bcm in _HEADER.items() if bcm == channel)
            for callback in list(pin.callbacks):
                callback(number)

    def _bcm(self, channel: int) -> int:
        if self._mode is None:
            raise RuntimeError(_NO_MODE)
        bcm = channel if self._mode == self.BCM else _HEADER.get(channel, -1)
        if isinstance(channel, bool) or bcm not in _CHANNELS:
            raise ValueError(_INVALID)
        return bcm

    def _check_edge(self, edge: int, bouncetime: int) -> None:
        if edge not in (self.RISING, self.FALLING, self.BOTH):
            raise ValueError("The edge must be set to RISING, FALLING or BOTH")
        if bouncetime <= 0 and bouncetime != _NO_BOUNCE:
            raise ValueError("Bouncetime must be greater than 0")

    def _input_pin(self, channel: int) -> _Pin:
        pin = self._pins[self._bcm(channel)]
        if pin.is_output is not False:
            raise RuntimeError("You must setup() the GPIO channel as an input first")
        return pin


class _Pwm:
    """RPi.GPIO.PWM: the duty cycle is kept, its edges are not played."""

    def __init__(self, board: EmulatedBoard, channel: int, frequency: float) -> None:
        self._board, self._channel = board, channel
        self.duty = 0.0
        self.ChangeFrequency(frequency)

    def start(self, dutycycle: float) -> None:
        self.ChangeDutyCycle(dutycycle)

    def ChangeDutyCycle(self, dutycycle: float) -> None:  # noqa: N802 - the library's name
        if not 0.0 <= dutycycle <= 100.0:
            raise ValueError("dutycycle must have a value from 0.0 to 100.0")
        self.duty = dutycycle / 100

    def ChangeFrequency(self, frequency: float) -> None:  # noqa: N802 - the library's name
        if frequency <= 0.0:
            raise ValueError("frequency must be greater than 0.0")
        self.frequency = frequency

    def stop(self) -> None:
        self.duty = 0.0
        if self._board._pwm.get(self._channel) is self:
            del self._board._pwm[self._channel]


def _each(channel: Any) -> list[int]:
    if isinstance(channel, int):
        return [channel]
    if isinstance(channel, Iterable) and not isinstance(channel, str | bytes):
        return list(channel)
    raise ValueError("Channel must be an integer or list/tuple of integers")
