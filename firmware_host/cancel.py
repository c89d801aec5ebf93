"""A request to stop that everything long-running looks at. Setting it is safe from a signal handler."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from firmware_host.errors import Cancelled


class StopRequest(Protocol):
    """What long-running work asks."""

    @property
    def requested(self) -> bool: ...

    @property
    def reason(self) -> str: ...

    def check(self) -> None:
        """:raises Cancelled: when a stop was requested."""


class CancelToken:
    """Set once by Ctrl-C or SIGTERM; read at every step pulse and before every wait."""

    def __init__(self) -> None:
        self.requested = False
        self.reason = ""
        self._heirs: list[Callable[[], None]] = []

    def hand_on(self, heir: Callable[[], None]) -> None:
        """Call it when a stop is requested, in whatever thread or signal handler that is; at once if it was."""
        self._heirs.append(heir)
        if self.requested:
            heir()

    def request(self, reason: str) -> None:
        """Ask to stop. The first reason is kept."""
        if not self.requested:
            self.reason = reason
            self.requested = True
            for heir in self._heirs:
                heir()

    def check(self) -> None:
        """:raises Cancelled: when a stop was requested."""
        if self.requested:
            raise Cancelled(f"stopped: {self.reason}")
