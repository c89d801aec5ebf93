"""The GPIO port over the kernel's GPIO character device: any board, by libgpiod 2. The only module that imports gpiod.

Unverified on a board: held against the package's own signatures (`tests/firmware_host/gpio/fake_gpiod.py`).
"""

from __future__ import annotations

import contextlib
import errno
import select
import threading
from collections.abc import Callable
from datetime import timedelta
from types import ModuleType
from typing import Any

from firmware_host.errors import HardwareError
from firmware_host.gpio.port import Edge, Pull

_CONSUMER = "wsi-scanner"
_DEBOUNCE = timedelta(milliseconds=1)  # a switch rings for longer only after the edge that counts
_POLL_S = 0.1


class LibGpiod:
    """GpioPort by the line numbers of one chip, which on a Raspberry Pi are the BCM numbers.

    Edges are reported by a thread of its own. When it ends, by a callback that raises or a chip that goes away, every
    callback is made once, as if its edge had come, and reading is refused from then on: safety inputs that nobody
    watches any more stop the motion. Writing is not, or nothing could be switched off.

    :param chip: device file, e.g. /dev/gpiochip0. :param library: gpiod, or what stands for it.
    :raises HardwareError: the library is not installed.
    """

    def __init__(self, chip: str, library: ModuleType | Any = None) -> None:
        self._chip = chip
        self._gpiod = library if library is not None else _library()
        self._requests: dict[int, Any] = {}
        self._pulls: dict[int, Pull] = {}
        self._callbacks: dict[int, Callable[[int], None]] = {}
        self._fault: Exception | None = None
        self._closing = threading.Event()
        self._watcher: threading.Thread | None = None
        values = self._gpiod.line.Value
        self._low, self._high = values.INACTIVE, values.ACTIVE

    def setup_output(self, pin: int, initial: bool) -> None:
        line = self._gpiod.line
        self._callbacks.pop(pin, None)
        self._pulls.pop(pin, None)
        self._set(
            pin,
            "set as output",
            self._gpiod.LineSettings(
                direction=line.Direction.OUTPUT, output_value=self._high if initial else self._low
            ),
        )

    def setup_input(self, pin: int, pull: Pull) -> None:
        self._callbacks.pop(pin, None)
        self._pulls[pin] = pull
        self._set(pin, "set as input", self._input(pull))

    def write(self, pin: int, level: bool) -> None:
        try:
            self._requests[pin].set_value(pin, self._high if level else self._low)
        except KeyError:
            raise HardwareError(f"GPIO pin {pin}: cannot write: set it as an output first") from None
        except OSError as error:
            raise self._refused(pin, "write", error) from error

    def read(self, pin: int) -> bool:
        if self._fault is not None:
            raise self._lost()
        try:
            return bool(self._requests[pin].get_value(pin) == self._high)
        except KeyError:
            raise HardwareError(f"GPIO pin {pin}: cannot read: set it as an input first") from None
        except OSError as error:
            raise self._refused(pin, "read", error) from error

    def watch(self, pin: int, edge: Edge, callback: Callable[[int], None]) -> None:
        if pin not in self._pulls or pin not in self._requests:
            raise HardwareError(f"GPIO pin {pin}: cannot watch: set it as an input first")
        edges = self._gpiod.line.Edge
        kind = {"rising": edges.RISING, "falling": edges.FALLING, "both": edges.BOTH}[edge]
        self._set(pin, "watch", self._input(self._pulls[pin], edge_detection=kind, debounce_period=_DEBOUNCE))
        self._callbacks[pin] = callback
        if self._watcher is None:
            self._watcher = threading.Thread(target=self._watch, name="gpio", daemon=True)
            self._watcher.start()

    def pwm(self, pin: int, frequency_hz: float, duty: float) -> None:  # noqa: ARG002
        if not 0.0 <= duty <= 1.0:
            raise ValueError(f"duty {duty} is outside 0.0 to 1.0")
        if duty not in (0.0, 1.0):
            raise HardwareError(
                f"GPIO pin {pin}: gpiod cannot dim, only switch: set the lamp's duty to 1.0, or use rpi_gpio"
            )
        self.write(pin, duty == 1.0)

    def close(self) -> None:
        self._closing.set()
        if self._watcher is not None:
            self._watcher.join(10 * _POLL_S)
            self._watcher = None
        self._callbacks.clear()
        for pin, request in self._requests.items():
            request.reconfigure_lines({pin: self._input("off")})
            request.release()
        self._requests.clear()

    def _input(self, pull: Pull, **more: Any) -> Any:
        line = self._gpiod.line
        bias = {"up": line.Bias.PULL_UP, "down": line.Bias.PULL_DOWN, "off": line.Bias.DISABLED}[pull]
        return self._gpiod.LineSettings(direction=line.Direction.INPUT, bias=bias, **more)

    def _set(self, pin: int, what: str, settings: Any) -> None:
        try:
            if pin in self._requests:
                self._requests[pin].reconfigure_lines({pin: settings})
            else:
                self._requests[pin] = self._gpiod.request_lines(self._chip, consumer=_CONSUMER, config={pin: settings})
        except (OSError, ValueError) as error:
            raise self._refused(pin, what, error) from error

    def _watch(self) -> None:
        """Until closed: hand each edge to its callback."""
        try:
            while not self._closing.is_set():
                watched = {self._requests[pin].fd: pin for pin in tuple(self._callbacks)}
                for ready in select.select(list(watched), [], [], _POLL_S)[0]:
                    for event in self._requests[watched[ready]].read_edge_events():
                        self._callbacks[event.line_offset](event.line_offset)
        except Exception as error:
            if not self._closing.is_set():
                self._fault = error
                for pin, callback in tuple(self._callbacks.items()):
                    with contextlib.suppress(Exception):  # the others are called whatever this one does
                        callback(pin)

    def _lost(self) -> HardwareError:
        return HardwareError(f"GPIO: its inputs are not watched any more: {self._fault}; start the scanner again")

    def _refused(self, pin: int, what: str, error: Exception) -> HardwareError:
        """What it means, and what to do."""
        code = error.errno if isinstance(error, OSError) else None
        if code in (errno.ENOENT, errno.ENODEV, errno.ENOTTY):
            return HardwareError(
                f"GPIO chip {self._chip}: not there, or no GPIO chip; name one of gpiodetect's as hardware.gpio_chip"
            )
        if code == errno.EACCES:
            return HardwareError(
                f"GPIO chip {self._chip}: no permission; sudo usermod -aG gpio $USER, then log in again"
            )
        if code == errno.EBUSY:
            return HardwareError(f"GPIO pin {pin}: in use by {self._user_of(pin)}; stop it, or choose another pin")
        return HardwareError(f"GPIO pin {pin}: cannot {what}: {error}; check the pin in the profile")

    def _user_of(self, pin: int) -> str:
        try:
            chip = self._gpiod.Chip(self._chip)
            try:
                return f"'{chip.get_line_info(pin).consumer}'"
            finally:
                chip.close()
        except OSError:
            return "another program"


def _library() -> Any:
    try:
        import gpiod
    except ImportError as error:
        raise HardwareError("GPIO: gpiod is not installed; pip install 'gpiod>=2.2'") from error
    return gpiod
