"""The GPIO port over the kernel's GPIO character device: any board, by libgpiod 2.

Lines are set up by the library. Levels are read and written by the kernel's own calls on the library's file
descriptors, GPIO_V2_LINE_GET_VALUES_IOCTL and GPIO_V2_LINE_SET_VALUES_IOCTL of its linux/gpio.h: once per step, the
library's way through Python costs up to four times as much (`make gpio-test` prints both).
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import select
import struct
import threading
from collections.abc import Callable
from typing import Any

from firmware_host.errors import HardwareError
from firmware_host.gpio import chips
from firmware_host.gpio.chips import Chip
from firmware_host.gpio.port import Edge, Pull
from firmware_host.gpio.watches import Watches

_CONSUMER = "wsi-scanner"
_JOIN_S = 1.0
_GET_VALUES, _SET_VALUES = 0xC010B40E, 0xC010B40F
# struct gpio_v2_line_values { bits, mask }: of a request that has one line.
_LOW, _HIGH = struct.pack("=QQ", 0, 1), struct.pack("=QQ", 1, 1)


class LibGpiod:
    """GpioPort by the line numbers of one chip, which on a Raspberry Pi are the BCM numbers.

    Edges are reported by a thread of its own, and debounced by the kernel's time stamps. When it ends, by a callback
    that raises or a chip that goes away, every callback is made once, as if its edge had come, and reading is refused
    from then on. Writing is not, or nothing could be switched off.

    An output is also pulled towards the level that it starts at, which is the one where it does no harm: when this
    process is killed the kernel makes it an input (a Raspberry Pi's with `dtparam=strict_gpiod` in config.txt; without
    it the last level stays), and most motor drivers take an open enable pin for "on".

    :param library: gpiod, or what stands for it; :param ioctl: likewise.
    :param pulls: False: resistors outside pull the inputs.
    """

    def __init__(self, chip: Chip, library: Any, pulls: bool = True, ioctl: Callable[..., Any] = fcntl.ioctl) -> None:
        self._chip = chip
        self._gpiod = library
        self._pulls = pulls
        self._ioctl = ioctl
        self._requests: dict[int, Any] = {}
        self._fds: dict[int, int] = {}
        self._inputs: dict[int, Pull] = {}
        self._rest: dict[int, Pull] = {}  # where an output goes when nobody drives it
        self._watches = Watches()
        self._poll = select.epoll()
        self._wake = os.eventfd(0)
        self._poll.register(self._wake, select.EPOLLIN)
        self._watcher: threading.Thread | None = None
        self._closed = False

    def setup_output(self, pin: int, initial: bool) -> None:
        line = self._gpiod.line
        level = line.Value.ACTIVE if initial else line.Value.INACTIVE
        self._unwatch(pin)
        self._inputs.pop(pin, None)
        self._rest[pin] = "up" if initial else "down"
        bias = self._bias(self._rest[pin])
        settings = self._gpiod.LineSettings(direction=line.Direction.OUTPUT, output_value=level, bias=bias)
        self._set(pin, "set as output", settings)

    def setup_input(self, pin: int, pull: Pull) -> None:
        pull = pull if self._pulls else "off"
        if pull != "off" and not self._chip.has_pulls:
            raise HardwareError(f"GPIO pin {pin}: cannot pull {pull}: {chips.NO_PULLS}")
        self._unwatch(pin)
        self._rest.pop(pin, None)
        self._set(pin, "set as input", self._input(pull))
        self._inputs[pin] = pull

    def write(self, pin: int, level: bool) -> None:
        try:
            self._ioctl(self._fds[pin], _SET_VALUES, _HIGH if level else _LOW)
        except KeyError:
            raise HardwareError(f"GPIO pin {pin}: cannot write: set it as an output first") from None
        except OSError as error:
            raise self._refused(pin, "write", error) from error

    def read(self, pin: int) -> bool:
        if self._watches.fault is not None:
            raise self._watches.lost()
        try:
            return bool(self._ioctl(self._fds[pin], _GET_VALUES, _LOW) == _HIGH)
        except KeyError:
            raise HardwareError(f"GPIO pin {pin}: cannot read: set it as an input first") from None
        except OSError as error:
            raise self._refused(pin, "read", error) from error

    def watch(self, pin: int, edge: Edge, callback: Callable[[int], None], debounce_ms: float = 0) -> None:
        if pin not in self._inputs:
            raise HardwareError(f"GPIO pin {pin}: cannot watch: set it as an input first")
        edges = self._gpiod.line.Edge
        kind = {"rising": edges.RISING, "falling": edges.FALLING, "both": edges.BOTH}[edge]
        self._unwatch(pin)
        self._watches.add(pin, callback, debounce_ms)
        self._set(pin, "watch", self._input(self._inputs[pin], edge_detection=kind))
        self._poll.register(self._fds[pin], select.EPOLLIN)
        if self._watcher is None:
            self._watcher = threading.Thread(target=self._watch, name="gpio", daemon=True)
            self._watcher.start()

    def pwm(self, pin: int, frequency_hz: float, duty: float) -> None:  # noqa: ARG002
        if not 0.0 <= duty <= 1.0:
            raise ValueError(f"duty {duty} is outside 0.0 to 1.0")
        if duty not in (0.0, 1.0):
            raise HardwareError(
                f"GPIO pin {pin}: gpiod cannot dim, only switch: set lamp.pwm_chip to dim by the board's own PWM, or "
                "lamp.duty = 1.0"
            )
        self.write(pin, duty == 1.0)

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._watches.clear()
        os.eventfd_write(self._wake, 1)
        if self._watcher is not None:
            self._watcher.join(_JOIN_S)
        self._fds.clear()
        for pin, request in self._requests.items():
            with contextlib.suppress(OSError):  # a chip that is gone has no outputs left
                request.reconfigure_lines({pin: self._input(self._rest.get(pin, "off"))})
            request.release()
        self._requests.clear()
        self._inputs.clear()
        self._poll.close()
        os.close(self._wake)

    def _input(self, pull: Pull, **more: Any) -> Any:
        return self._gpiod.LineSettings(direction=self._gpiod.line.Direction.INPUT, bias=self._bias(pull), **more)

    def _bias(self, pull: Pull) -> Any:
        bias = self._gpiod.line.Bias
        return {"up": bias.PULL_UP, "down": bias.PULL_DOWN, "off": bias.DISABLED}[pull]

    def _set(self, pin: int, what: str, settings: Any) -> None:
        try:
            if pin in self._requests:
                self._requests[pin].reconfigure_lines({pin: settings})
            else:
                request = self._gpiod.request_lines(self._chip.path, consumer=_CONSUMER, config={pin: settings})
                self._requests[pin], self._fds[pin] = request, request.fd
        except (OSError, ValueError) as error:
            raise self._refused(pin, what, error) from error

    def _unwatch(self, pin: int) -> None:
        if self._watches.remove(pin):
            self._poll.unregister(self._fds[pin])

    def _watch(self) -> None:
        """Until closed: hand in each edge."""
        pins = {}
        try:
            while not self._closed:
                ready = self._poll.poll()
                pins = {fd: pin for pin, fd in tuple(self._fds.items())}
                for fd, _ in ready:
                    if fd in pins:
                        for event in self._requests[pins[fd]].read_edge_events():
                            self._watches.edge(event.line_offset, event.timestamp_ns)
                if self._watches.fault is not None:
                    return
        except Exception as error:
            if not self._closed:
                self._watches.lose(error)

    def _refused(self, pin: int, what: str, error: Exception) -> HardwareError:
        """What it means, and what to do."""
        code = error.errno if isinstance(error, OSError) else None
        if code in (errno.ENOENT, errno.ENODEV, errno.ENOTTY):
            return HardwareError(f"GPIO chip {self._chip.path}: it is gone; start the scanner again")
        if code == errno.EACCES:
            return HardwareError(f"GPIO chip {self._chip.path}: {chips.NO_PERMISSION}")
        if code == errno.EBUSY:
            who = chips.holder(self._chip, pin, self._gpiod)
            return HardwareError(f"GPIO pin {pin}: in use by {who}; stop it, or choose another pin")
        return HardwareError(f"GPIO pin {pin}: cannot {what}: {error}; check the pin in the profile")
