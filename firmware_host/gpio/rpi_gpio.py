"""The GPIO port over anything with the functions of RPi.GPIO: the library, its stand-ins, the twin's board."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from firmware_host.errors import HardwareError
from firmware_host.gpio.port import Edge, GpioPort, Pull


def open_rpi_gpio() -> GpioPort:
    """The port over the RPi.GPIO library of this machine.

    :raises HardwareError: it is not installed, or refuses this board.
    """
    try:
        import RPi.GPIO
    except ImportError as error:
        raise HardwareError(
            "GPIO: RPi.GPIO is not installed; pip install 'wsi-scanner[raspberry-pi]' (rpi-lgpio on a Pi 5)"
        ) from error
    except RuntimeError as error:
        raise HardwareError(f"GPIO: RPi.GPIO refuses this board: {error}; on a Pi 5 install rpi-lgpio") from error
    return RpiGpio(RPi.GPIO)


class RpiGpio:
    """GpioPort in BCM numbering.

    :param board: a module or object with RPi.GPIO's functions and constants.
    :raises HardwareError: the board is in use with other pin numbers.
    """

    def __init__(self, board: Any) -> None:
        self._board = board
        self._output = board.output  # looked up once: it is called at every edge
        self._pwm: dict[int, Any] = {}
        board.setwarnings(False)
        try:
            board.setmode(board.BCM)
        except ValueError as error:
            raise HardwareError("GPIO: this program already numbers its pins by BOARD; make it use BCM") from error

    def setup_output(self, pin: int, initial: bool) -> None:
        self._do(pin, "set as output", lambda: self._board.setup(pin, self._board.OUT, initial=int(initial)))

    def setup_input(self, pin: int, pull: Pull) -> None:
        board = self._board
        resistor = {"up": board.PUD_UP, "down": board.PUD_DOWN, "off": board.PUD_OFF}[pull]
        self._do(pin, "set as input", lambda: board.setup(pin, board.IN, pull_up_down=resistor))

    def write(self, pin: int, level: bool) -> None:
        try:
            self._output(pin, level)
        except (RuntimeError, ValueError) as error:
            raise _refused(pin, "write", error) from error

    def read(self, pin: int) -> bool:
        try:
            return bool(self._board.input(pin))
        except (RuntimeError, ValueError) as error:
            raise _refused(pin, "read", error) from error

    def watch(self, pin: int, edge: Edge, callback: Callable[[int], None]) -> None:
        board = self._board
        edges = {"rising": board.RISING, "falling": board.FALLING, "both": board.BOTH}[edge]
        self._do(pin, "watch", lambda: board.add_event_detect(pin, edges, callback=callback))

    def pwm(self, pin: int, frequency_hz: float, duty: float) -> None:
        if not 0.0 <= duty <= 1.0:
            raise ValueError(f"duty {duty} is outside 0.0 to 1.0")
        running = self._pwm.get(pin)
        if duty == 0.0:
            if running is not None:
                running.stop()
                del self._pwm[pin]
            self.write(pin, False)
        elif running is None:
            self._do(pin, "drive", lambda: self._start_pwm(pin, frequency_hz, duty))
        else:
            running.ChangeFrequency(frequency_hz)
            running.ChangeDutyCycle(duty * 100)

    def close(self) -> None:
        for running in self._pwm.values():
            running.stop()
        self._pwm.clear()
        self._board.cleanup()

    def _start_pwm(self, pin: int, frequency_hz: float, duty: float) -> None:
        self._pwm[pin] = self._board.PWM(pin, frequency_hz)
        self._pwm[pin].start(duty * 100)

    def _do(self, pin: int, what: str, call: Callable[[], Any]) -> None:
        try:
            call()
        except (RuntimeError, ValueError) as error:
            raise _refused(pin, what, error) from error


def _refused(pin: int, what: str, error: Exception) -> HardwareError:
    return HardwareError(f"GPIO pin {pin}: cannot {what}: {error}; check the pin in the profile")
