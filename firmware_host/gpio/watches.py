"""Who is told of which pin's edges: debouncing, and what happens when watching ends. The same for all drivers."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

from firmware_host.errors import HardwareError


@dataclass
class _Watch:
    callback: Callable[[int], None]
    debounce_ns: int
    reported_ns: int | None = None


class Watches:
    """The callbacks of a driver's pins. The driver hands in every edge; it may do so from any thread.

    When a callback raises, or the driver cannot watch any more, each callback is made once, as if its edge had come,
    and `fault` is set: safety inputs that nobody watches stop the motion.
    """

    def __init__(self) -> None:
        self.fault: Exception | None = None
        self._of: dict[int, _Watch] = {}

    def __contains__(self, pin: int) -> bool:
        return pin in self._of

    def add(self, pin: int, callback: Callable[[int], None], debounce_ms: float) -> None:
        """:raises ValueError: a negative time."""
        if debounce_ms < 0:
            raise ValueError(f"debounce_ms {debounce_ms} is negative")
        self._of[pin] = _Watch(callback, round(debounce_ms * 1e6))

    def remove(self, pin: int) -> bool:
        """Whether the pin was watched."""
        return self._of.pop(pin, None) is not None

    def clear(self) -> None:
        self._of.clear()

    def edge(self, pin: int, time_ns: int) -> None:
        """An edge has come: its callback is made at once, unless one was made less than `debounce_ms` before."""
        watch = self._of.get(pin)
        if watch is None:
            return
        if watch.reported_ns is not None and time_ns - watch.reported_ns < watch.debounce_ns:
            return
        watch.reported_ns = time_ns
        try:
            watch.callback(pin)
        except Exception as error:
            self.lose(error)

    def lose(self, error: Exception) -> None:
        """Nobody watches any more."""
        if self.fault is None:
            self.fault = error
            for pin, watch in tuple(self._of.items()):
                with contextlib.suppress(Exception):  # the others are called whatever this one does
                    watch.callback(pin)

    def lost(self) -> HardwareError:
        """What to raise once `fault` is set."""
        return HardwareError(f"GPIO: its inputs are not watched any more: {self.fault}; start the scanner again")
