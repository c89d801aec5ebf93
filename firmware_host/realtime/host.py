"""The host's side: starts the process that owns the pins, calls it, and makes the scanner safe when it dies."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

from firmware_host import errors
from firmware_host.cancel import CancelToken
from firmware_host.clock import Clock, MonotonicClock
from firmware_host.errors import Cancelled, HardwareError, ScannerError
from firmware_host.lamp import Lamp
from firmware_host.motion.axis import Axis
from firmware_host.motion.stage import Stage
from firmware_host.profile import Profile
from firmware_host.profile_tables import AXES, AxisName
from firmware_host.realtime.link import Link, LinkClosed, Message, StopByte
from firmware_host.realtime.pins import Pins, opener

_START_S = 30.0
_ANSWER_S = 10.0  # of what does not move
_GOODBYE_S = 5.0
_DEATH_S = 0.5  # after its end of the link is closed
_STDERR = 2
_SPARE = 6.0  # times the way there and back at homing speed: slowed down, interrupted, and homed again
_ERRORS: dict[str, type[ScannerError]] = {
    kind.__name__: kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, ScannerError)
}


class PinsProcess:
    """The other process. One call at a time; any thread may make it.

    :param cancel: a stop that is requested of it reaches the pulses before the next step.
    :param open_pins: name of what opens the pins there, `package.module:function`.
    :param tell: told what the user should know.
    :raises HardwareError: it does not start, or its pins cannot be opened.
    """

    def __init__(self, profile: Profile, cancel: CancelToken, open_pins: str, tell: Callable[[str], None]) -> None:
        self._profile = profile
        self._open_pins = open_pins
        self._cancel = cancel
        self._tell = tell
        self._lock = threading.Lock()
        self._over = ""
        self._pins: Pins | None = None  # opened here after the process died; pins that are let go of may float
        self._closing = False
        self.state: Message = {}
        ours, theirs = socket.socketpair()
        memory = StopByte.memory()
        stop = StopByte(memory)
        self._link = Link(ours)
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "firmware_host.realtime.process"),
                *(str(theirs.fileno()), str(memory), str(os.getpid()), open_pins),
            ],
            pass_fds=(theirs.fileno(), memory),
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=_STDERR,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        )
        theirs.close()
        os.close(memory)
        cancel.hand_on(stop.set)
        threading.Thread(target=self._outlive, name="pins", daemon=True).start()
        try:
            self._exchange({"profile": json.loads(profile.model_dump_json())}, _START_S)
        except BaseException:
            self.close()
            raise

    @property
    def number(self) -> int:
        """Of the process, as the system counts them."""
        return self._process.pid

    def call(self, name: str, timeout_s: float = _ANSWER_S, **arguments: Any) -> Any:
        """What the call returns there.

        :raises HardwareError: the process is gone, or does not answer in time and was ended; motors and lamp are off.
        :raises ScannerError: what the call raised there.
        """
        with self._lock:
            return self._exchange({"call": name, "with": arguments}, timeout_s)

    def close(self) -> None:
        """Everything off; the process has ended afterwards. Safe to call twice."""
        with self._lock:
            if self._closing:
                return
            self._closing = True
            with contextlib.suppress(LinkClosed):  # it is on its way out already
                self._link.send({"call": "goodbye"})
            self._end(_GOODBYE_S)
            self._link.close()
            self._over = self._over or "closed"

    def _exchange(self, message: Message, timeout_s: float) -> Any:
        if self._over:
            raise HardwareError(f"pins: their process has ended ({self._over}); start the scanner again")
        try:
            self._link.send(message)
            answer = self._link.receive(timeout_s)
        except LinkClosed:
            self._over = "it died"
            self._end(_DEATH_S)
            raise HardwareError(
                "pins: their process died; motors and lamp were switched off, start the scanner again"
            ) from None
        except TimeoutError:
            self._over = "it did not answer"
            self._end(0)
            raise HardwareError(
                f"pins: no answer within {timeout_s:.0f} s; motors and lamp were switched off, start the scanner again"
            ) from None
        for notice in answer.get("notices", ()):
            self._tell(notice)
        if "x_um" in answer:
            self.state = answer
        if answer["error"] is not None:
            kind, text = answer["error"]
            if kind == Cancelled.__name__:
                self._cancel.check()  # it knows why
            raise _ERRORS[kind](text)
        return answer.get("value")

    def _end(self, patience_s: float) -> None:
        """For good, whatever state it is in; what it did not get done is done here."""
        try:
            ended = self._process.wait(patience_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            ended = self._process.wait()
        if ended != 0:
            self._make_safe()

    def _outlive(self) -> None:
        """The process may die while nobody calls it: lamp and motors must not stay on until somebody does."""
        ended = self._process.wait()
        with self._lock:
            if not self._closing and not self._over:
                self._over = "it died"
                if ended != 0:
                    self._make_safe()

    def _make_safe(self) -> None:
        try:
            self._pins = everything_off(self._profile, self._open_pins)
        except ScannerError as error:
            self._tell(f"the scanner may still be on: {error}; cut its power")


def everything_off(profile: Profile, open_pins: str) -> Pins:
    """Open the pins here, and switch motors and lamp off. For when the process that owned them is gone.

    :raises HardwareError: a pin refuses.
    """
    pins = opener(open_pins)(profile)
    try:
        Stage(profile, pins.port, MonotonicClock(), CancelToken()).shutdown()
    finally:  # whatever became of the motors
        Lamp(profile.lamp, pins.port).off()
    return pins


class RemoteStage:
    """The stage over there, with the calls of `Stage`."""

    def __init__(self, process: PinsProcess, profile: Profile, clock: Clock) -> None:
        self._process = process
        self._clock = clock
        self._axes = {name: Axis(name, profile.axes.of(name)) for name in AXES}  # their limits, to refuse here already
        there_and_back_s = sum(
            2 * (axis.table.soft_max_um - axis.table.soft_min_um) / axis.table.home_speed_um_s
            for axis in self._axes.values()
        )
        self._longest_s = _ANSWER_S + _SPARE * there_and_back_s

    @property
    def homed(self) -> bool:
        return bool(self._process.state["homed"])

    @property
    def x_um(self) -> float:
        return float(self._process.state["x_um"])

    @property
    def y_um(self) -> float:
        return float(self._process.state["y_um"])

    @property
    def z_um(self) -> float:
        return float(self._process.state["z_um"])

    @property
    def settled_ns(self) -> int:
        return int(self._process.state["settled_ns"])

    def home(self) -> None:
        with self._clock.work("move"):
            self._process.call("home", self._longest_s)

    def move_to(self, *, x_um: float | None = None, y_um: float | None = None, z_um: float | None = None) -> int:
        with self._clock.work("move"):
            self._process.call("move_to", self._longest_s, x_um=x_um, y_um=y_um, z_um=z_um)
        return self.settled_ns

    def nudge(self, axis: AxisName, steps: int) -> int:
        with self._clock.work("move"):
            self._process.call("nudge", self._longest_s, axis=axis, steps=steps)
        return self.settled_ns

    def check(self, *, x_um: float, y_um: float) -> None:
        self._axes["x"].check(x_um)
        self._axes["y"].check(y_um)

    def z_allowed(self, z_um: float) -> bool:
        return self._axes["z"].allows(z_um)

    def shutdown(self, reason: str = "closed") -> None:
        self._process.call("shutdown", reason=reason)


class RemoteLamp:
    """The lamp over there."""

    def __init__(self, process: PinsProcess) -> None:
        self._process = process

    def on(self) -> None:
        self._process.call("lamp_on")

    def off(self) -> None:
        self._process.call("lamp_off")
