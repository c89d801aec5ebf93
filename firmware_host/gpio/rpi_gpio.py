"""The GPIO port over anything with the functions of RPi.GPIO: the three libraries of that name, the twin's board."""

from __future__ import annotations

import contextlib
import time
import warnings
from collections.abc import Callable
from typing import Any

from firmware_host.errors import HardwareError
from firmware_host.gpio import chips, rpi_libraries
from firmware_host.gpio.port import Edge, GpioPort, Pull
from firmware_host.gpio.watches import Watches


def open_rpi_gpio(pulls: bool = True) -> GpioPort:
    """The port over this machine's library of that name.

    :param pulls: False: resistors outside pull the inputs.
    :raises HardwareError: it is not installed, refuses this board, or two of them are installed.
    """
    rpi_libraries.check_installed()
    try:
        import RPi.GPIO
    except Exception as error:  # each library has errors of its own
        raise rpi_libraries.refusal_to_open(error) from error
    return RpiGpio(RPi.GPIO, pulls)


class RpiGpio:
    """GpioPort in BCM numbering.

    Debouncing is done here: RPi.GPIO and Jetson.GPIO drop edges after one, as the port wants it, but by the wall clock;
    rpi-lgpio puts every edge off until the pin has been still.

    :param board: a module or object with RPi.GPIO's functions and constants.
    :param pulls: False: resistors outside pull the inputs.
    :param now_ns: clock that debouncing goes by.
    :raises HardwareError: the board is in use with other pin numbers, or cannot be opened.
    """

    def __init__(self, board: Any, pulls: bool = True, now_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._board = board
        self._library = rpi_libraries.library_of(board)
        self._errors = self._library.errors
        self._pulls = pulls
        self._now_ns = now_ns
        self._output, self._input = board.output, board.input  # looked up once: they are called at every step
        self._pwm: dict[int, Any] = {}
        self._watches = Watches()
        board.setwarnings(self._library.name == "Jetson.GPIO")  # which warns of its pin multiplexer
        try:
            board.setmode(board.BCM)
        except ValueError as error:
            raise HardwareError("GPIO: this program already numbers its pins by BOARD; make it use BCM") from error
        except self._errors as error:
            raise rpi_libraries.refusal_to_open(error) from error

    def setup_output(self, pin: int, initial: bool) -> None:
        self._release(pin)
        self._setup(pin, "set as output", self._board.OUT, initial=int(initial))

    def setup_input(self, pin: int, pull: Pull) -> None:
        board = self._board
        self._release(pin)
        pull = pull if self._pulls else "off"
        if self._library.has_pulls:
            resistor = {"up": board.PUD_UP, "down": board.PUD_DOWN, "off": board.PUD_OFF}[pull]
            self._setup(pin, "set as input", board.IN, pull_up_down=resistor)
        elif pull == "off":
            self._setup(pin, "set as input", board.IN)
        else:
            raise HardwareError(f"GPIO pin {pin}: cannot pull {pull}: {chips.NO_PULLS}")

    def write(self, pin: int, level: bool) -> None:
        try:
            self._output(pin, level)
        except self._errors as error:
            raise self._refused(pin, "write", error) from error

    def read(self, pin: int) -> bool:
        if self._watches.fault is not None:
            raise self._watches.lost()
        try:
            return bool(self._input(pin))
        except self._errors as error:
            raise self._refused(pin, "read", error) from error

    def watch(self, pin: int, edge: Edge, callback: Callable[[int], None], debounce_ms: float = 0) -> None:
        board = self._board
        edges = {"rising": board.RISING, "falling": board.FALLING, "both": board.BOTH}[edge]
        self._unwatch(pin)
        self._watches.add(pin, callback, debounce_ms)  # first: an edge may come at once
        try:
            self._do(pin, "watch", lambda: board.add_event_detect(pin, edges, callback=self._edge))
        except HardwareError:
            self._watches.remove(pin)
            raise

    def pwm(self, pin: int, frequency_hz: float, duty: float) -> None:
        if not 0.0 <= duty <= 1.0:
            raise ValueError(f"duty {duty} is outside 0.0 to 1.0")
        running = self._pwm.get(pin)
        if duty in (0.0, 1.0):
            self._end_pwm(pin)
            self.write(pin, duty == 1.0)
        elif frequency_hz > self._library.max_pwm_hz:
            raise HardwareError(
                f"GPIO pin {pin}: {self._library.name} dims at up to {self._library.max_pwm_hz:g} Hz, not at "
                f"{frequency_hz:g}: set lamp.pwm_chip to dim by the board's own PWM, or a lower lamp.frequency_hz"
            )
        elif running is None:
            self._do(pin, "drive", lambda: self._start_pwm(pin, frequency_hz, duty))
        else:
            self._do(pin, "drive", lambda: running.ChangeFrequency(frequency_hz))
            self._do(pin, "drive", lambda: running.ChangeDutyCycle(duty * 100))

    def close(self) -> None:
        self._watches.clear()
        with contextlib.suppress(*self._errors):  # the clean-up drives the pins no more
            for running in self._pwm.values():
                running.stop()
        self._pwm.clear()
        with warnings.catch_warnings(action="ignore"):
            self._board.cleanup()

    def _setup(self, pin: int, what: str, direction: int, **more: int) -> None:
        with warnings.catch_warnings(record=True, action="always") as said:
            self._do(pin, what, lambda: self._board.setup(pin, direction, **more))
        if any("set to" in str(each.message) and "in pinmux" in str(each.message) for each in said):
            self._board.cleanup(pin)
            raise rpi_libraries.pinmux_refusal(pin)

    def _edge(self, pin: int) -> None:
        self._watches.edge(pin, self._now_ns())

    def _start_pwm(self, pin: int, frequency_hz: float, duty: float) -> None:
        self._pwm[pin] = self._board.PWM(pin, frequency_hz)
        self._pwm[pin].start(duty * 100)

    def _end_pwm(self, pin: int) -> None:
        """Low, and an output again: Jetson.GPIO takes a pin from GPIO while it dims."""
        running = self._pwm.pop(pin, None)
        if running is not None:
            with contextlib.suppress(*self._errors):
                running.stop()
            del running  # which ends what its own `__del__` would end later
            self._setup(pin, "set as output", self._board.OUT, initial=self._board.LOW)

    def _release(self, pin: int) -> None:
        """End what the pin did: not all libraries do so when it is set up anew."""
        self._unwatch(pin)
        if pin in self._pwm:
            self._end_pwm(pin)

    def _unwatch(self, pin: int) -> None:
        if self._watches.remove(pin):
            self._do(pin, "stop watching", lambda: self._board.remove_event_detect(pin))

    def _do(self, pin: int, what: str, call: Callable[[], Any]) -> None:
        try:
            call()
        except self._errors as error:
            raise self._refused(pin, what, error) from error

    def _refused(self, pin: int, what: str, error: Exception) -> HardwareError:
        return rpi_libraries.refusal(self._library, pin, what, error)
