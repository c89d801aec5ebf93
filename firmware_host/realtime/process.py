"""The process itself: `python -m firmware_host.realtime.process`, started by `host`, by nobody else.

It holds the stage and the lamp, plays one call after the other, and ends when it is told to, when it gets SIGTERM, or
when the host is gone, however that went. Whatever ends it, the motors and the lamp are off then.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import ExitStack
from types import FrameType
from typing import Any

from firmware_host.clock import MonotonicClock
from firmware_host.errors import Cancelled, ScannerError
from firmware_host.lamp import Lamp
from firmware_host.motion.stage import Stage
from firmware_host.profile import Profile
from firmware_host.realtime.link import Link, LinkClosed, Message, StopByte
from firmware_host.realtime.pins import Pins, opener
from firmware_host.realtime.privileges import claim, idle

_HELLO_S = 30.0
_LOOK_S = 0.01  # between two looks at the safety inputs while nothing moves


class Orders:
    """Whether to stop: asked at every step. Also when the host has died, which changes whose child this process is."""

    def __init__(self, stop: StopByte, host: int) -> None:
        self._stop = stop
        self._host = host
        self.ended = False

    @property
    def requested(self) -> bool:
        return self._stop.is_set() or self.ended or os.getppid() != self._host

    @property
    def orphaned(self) -> bool:
        return os.getppid() != self._host

    @property
    def reason(self) -> str:
        return "asked by the host"

    def check(self) -> None:
        if self.requested:
            raise Cancelled(f"stopped: {self.reason}")

    def end(self, _: int, __: FrameType | None) -> None:
        """SIGTERM."""
        self.ended = True


class Server:
    """Answers the host's calls with the state of the stage, what was returned or raised, and what the user should know.

    :param notices: of what came up on the way; emptied by each answer.
    """

    def __init__(self, stage: Stage, lamp: Lamp, pins: Pins, notices: list[str]) -> None:
        self._stage = stage
        self._lamp = lamp
        self._lit = False
        self._notices = notices
        self._calls: dict[str, Callable[..., Any]] = {
            "home": stage.home,
            "move_to": stage.move_to,
            "nudge": stage.nudge,
            "shutdown": stage.shutdown,
            "lamp_on": self._lamp_on,
            "lamp_off": self._lamp_off,
            "lateness": self._lateness,
        }
        if pins.look is not None:
            self._calls["look"] = pins.look

    def answer(self, request: Message) -> Message:
        """Make one call. An error of the scanner is an answer, too; the lamp goes off with the motors."""
        value, error = None, None
        try:
            value = self._calls[request["call"]](**request["with"])
        except ScannerError as problem:
            error = [type(problem).__name__, str(problem)]
        self.look_after()
        return {"value": value, "error": error, **self.state()}

    def state(self) -> Message:
        stage = self._stage
        notices, self._notices[:] = list(self._notices), []
        return {
            "x_um": stage.x_um,
            "y_um": stage.y_um,
            "z_um": stage.z_um,
            "homed": stage.homed,
            "settled_ns": stage.settled_ns,
            "notices": notices,
        }

    def look_after(self) -> None:
        """A safety input that trips while nothing moves has its effect at once, not at the next move."""
        if self._stage.watch_at_rest() and self._lit:
            self._lamp_off()

    def _lamp_on(self) -> None:
        self._lit = True
        self._lamp.on()

    def _lamp_off(self) -> None:
        self._lit = False
        self._lamp.off()

    def _lateness(self) -> dict[str, float]:
        """Of all edges so far, us; how many steps that were, and how often they stood still."""
        late = self._stage.lateness
        shares = {f"p{percent:g}_us": late.percentile_us(percent) for percent in (50, 99, 99.9)}
        counts = {
            "edges": late.edges,
            "later_than_2_ms": late.later_than(2000),
            "steps": self._stage.steps,
            "stalls": self._stage.stalls,
        }
        return {**shares, "most_us": late.most_ns / 1000, **counts}


def serve(link: Link, orders: Orders, open_pins: Callable[[Profile], Pins]) -> None:
    """Until the host says goodbye, dies, or SIGTERM comes. :raises LinkClosed: the host is gone."""
    profile = Profile.model_validate(link.receive(_HELLO_S)["profile"])
    granted = claim(profile.pulses)
    notices = list(granted.refused)
    with ExitStack() as everything:
        try:
            pins = open_pins(profile)
            stage = Stage(profile, pins.port, MonotonicClock(granted.spin_ns), orders, notices.append)
            everything.callback(stage.shutdown)
            lamp = Lamp(profile.lamp, pins.port)
            everything.callback(lamp.off)
            everything.callback(stage.shutdown)  # the motors before the lamp; above, should there be no lamp
        except ScannerError as error:
            link.send({"error": [type(error).__name__, str(error)]})
            return
        server = Server(stage, lamp, pins, notices)
        link.send({"error": None, **server.state()})
        while not orders.ended and not orders.orphaned:
            try:
                request = link.receive(_LOOK_S)
            except TimeoutError:
                server.look_after()
                continue
            if request["call"] == "goodbye":
                return
            link.send(server.answer(request))
            idle()


def main(link: int, stop: int, host: int, open_pins: str) -> None:
    """:param link, stop: descriptors; :param host: number of its process; :param open_pins: name of what opens pins."""
    orders = Orders(StopByte(stop), host)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the host's to hear
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, orders.end)
    try:
        serve(Link(socket.socket(fileno=link)), orders, opener(open_pins))
    except LinkClosed:
        print("pins: the host is gone; motors and lamp are off", file=sys.stderr)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
