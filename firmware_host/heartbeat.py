"""What a service tells systemd: that it is ready, what it does, and that it gets on with it. No dependency, no timer.

Datagrams to the socket that NOTIFY_SOCKET names (man sd_notify); nothing happens without it. A beat is sent where work
got one step further, so a scan that hangs is found out and ended.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable, Mapping

Tell = Callable[[str, float, float | None], None]
"""Progress: what is being done, the share done (0 to 1), seconds left on the scanner's clock (None: not known)."""

_MARGIN = 2.0  # the watchdog should wait this many times the longest step


class Heartbeat:
    """One service's line to its manager.

    :param environment: where NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID are looked up.
    :param warn: told once when the manager cannot be reached; that is no reason to stop.
    """

    def __init__(self, environment: Mapping[str, str] | None = None, warn: Callable[[str], None] = print) -> None:
        found = os.environ if environment is None else environment
        self._warn = warn
        self._address = _address(found.get("NOTIFY_SOCKET", ""))
        self._ready = False
        self.watchdog_s = _watchdog_s(found) if self._address else None

    def expect(self, longest_s: float) -> None:
        """Warn when the watchdog does not wait for a step of `longest_s`, should the machine be half as quick."""
        if self.watchdog_s is not None and self.watchdog_s < _MARGIN * longest_s:
            self._warn(
                f"watchdog: WatchdogSec is {self.watchdog_s:g} s, one step of the work may take {longest_s:.0f} s; "
                f"make it {_MARGIN * longest_s:.0f} s or more in the unit"
            )

    def following(self, tell: Tell, long_s: Mapping[str, float]) -> Tell:
        """`tell`, and a beat each time.

        The service counts as ready with the first step that is not a long one.

        :param long_s: what of the work takes long in one step, and how long at most: that much time is asked for.
        """

        def told(what: str, share: float, seconds_left: float | None) -> None:
            tell(what, share, seconds_left)
            lines = [f"STATUS={what} {share:.0%}"]
            if what in long_s:
                lines.append(f"EXTEND_TIMEOUT_USEC={round(long_s[what] * 1e6)}")
            elif not self._ready:
                lines.append("READY=1")
            sent = self._send(*lines, "WATCHDOG=1")
            self._ready = self._ready or (sent and "READY=1" in lines)

        return told

    def stopping(self) -> None:
        """The work is over; what follows is the end of the program."""
        self._send("STOPPING=1")

    def _send(self, *lines: str) -> bool:
        """Whether it was taken: a manager that is slow to read misses some, and does not hold up the scan."""
        if self._address is None:
            return False
        text = "\n".join(" ".join(line.splitlines()) for line in lines)
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line:
                line.setblocking(False)
                line.sendto(text.encode(), self._address)
        except BlockingIOError:
            return False
        except OSError as error:
            self._address = None
            self._warn(f"systemd: cannot be told anything ({error.strerror}); check NOTIFY_SOCKET")
            return False
        return True


def _address(text: str) -> str | bytes | None:
    """A path, or an abstract name, which begins with @ here and with a zero byte for the kernel."""
    if text.startswith("@"):
        return b"\0" + os.fsencode(text[1:])
    return text if text.startswith("/") else None


def _watchdog_s(found: Mapping[str, str]) -> float | None:
    """None: the manager watches nothing, or another process."""
    if found.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    with contextlib.suppress(ValueError):
        return int(found.get("WATCHDOG_USEC", "")) * 1e-6 or None
    return None
