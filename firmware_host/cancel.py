"""A request to stop that everything long-running looks at. Setting it is safe from a signal handler."""

from __future__ import annotations

from firmware_host.errors import Cancelled


class CancelToken:
    """Set once by Ctrl-C, SIGTERM or a safety input; read at every step pulse and before every wait."""

    def __init__(self) -> None:
        self.requested = False
        self.reason = ""

    def request(self, reason: str) -> None:
        """Ask to stop. The first reason is kept."""
        if not self.requested:
            self.reason = reason
            self.requested = True

    def check(self) -> None:
        """:raises Cancelled: when a stop was requested."""
        if self.requested:
            raise Cancelled(f"stopped: {self.reason}")
