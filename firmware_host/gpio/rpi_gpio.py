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
    """

    def __init__(self, board: Any) -> None:
        self._board = board
        self._pwm: dict[int, Any] = {}
        board.setwarnings(False)
        board.setmode(board.BCM)
        self.write: Callable[[int, bool], None] = board.output

    def setup_output(self, pin: int, initial: bool) -> None:
        self._do(pin, "set as output", lambda: self._board.setup(pin, self._board.OUT, initial=int(initial)))

    def setup_input(self, pin: int, pull: Pull) -> None:
        board = self._board
        resistor = {"up": board.PUD_UP, "down": board.PUD_DOWN, "off": board.PUD_OFF}[pull]
        self._do(pin, "set as input", lambda: board.setup(pin, board.IN, pull_up_down=resistor))

    def read(self, pin: int) -> bool:
        return bool(self._board.input(pin))

    def watch(self, pin: int, edge: Edge, callback: Callable[[int], None]) -> None:
        board = self._board
        edges = {"rising": board.RISING, "falling": board.FALLING, "both": board.BOTH}[edge]
        self._do(pin, "watch", lambda: board.add_event_detect(pin, edges, callback=callback))

    def pwm(self, pin: int, frequency_hz: float, duty: float) -> None:
        if not 0.0 <= duty <= 1.0:
            raise ValueError(f"duty {duty} is outside 0.0 to 1.0")
        if duty == 0.0:
            running = self._pwm.pop(pin, None)
            if running is not None:
                running.stop()
            return
        if pin not in self._pwm:
            self._do(pin, "drive", lambda: self._pwm.update({pin: self._board.PWM(pin, frequency_hz)}))
            self._pwm[pin].start(duty * 100)
        else:
            self._pwm[pin].ChangeFrequency(frequency_hz)
            self._pwm[pin].ChangeDutyCycle(duty * 100)

    def close(self) -> None:
        for running in self._pwm.values():
            running.stop()
        self._pwm.clear()
        self._board.cleanup()

    def _do(self, pin: int, what: str, call: Callable[[], Any]) -> None:
        try:
            call()
        except (RuntimeError, ValueError) as error:
            raise HardwareError(f"GPIO pin {pin}: cannot {what}: {error}; check the pin in the profile") from error
