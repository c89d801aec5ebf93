"""The reading end of the pipe into which `recorded_pins` writes, and a scanner whose axes are quick to home."""

from __future__ import annotations

import fcntl
import os
import select
import time
from collections.abc import Callable
from pathlib import Path

from recorded_pins import RECORD, Edge

from firmware_host.profile import Profile, load_profile
from firmware_host.profile_tables import AXES

HERE = Path(__file__).parent
LONG_S = 30.0
STOP_PIN = 4


def quick_profile() -> Profile:
    """Short ways to the switches; motors and patience that forgive a shared machine its interruptions."""
    shipped = load_profile("emulated")
    assert shipped.twin is not None
    tables = {name: shipped.axes.of(name).model_copy(update={"microsteps": 256}) for name in AXES}
    tables["z"] = tables["z"].model_copy(
        update={"steps_per_um": 5.0, "max_speed_um_s": 2000, "home_speed_um_s": 2000, "max_accel_um_s2": 200_000}
    )
    strong = {"motor_speed_um_s": 1e6, "motor_accel_um_s2": 1e8, "backlash_um": 0.0}
    starts = {"x": -190.0, "y": -190.0, "z": -45.0}
    machine = {
        name: getattr(shipped.twin, name).model_copy(update={**strong, "start_um": starts[name]}) for name in AXES
    }
    return shipped.model_copy(
        update={
            "axes": shipped.axes.model_copy(update=tables),
            "twin": shipped.twin.model_copy(update=machine),
            "emergency_stop_pin": STOP_PIN,
        }
    )


PROFILE = quick_profile()
STEPS = {PROFILE.axes.of(name).step_pin for name in AXES}
ENABLES = {PROFILE.axes.of(name).enable_pin for name in AXES}


class Edges:
    """The reading end of the pipe."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self._writer = os.open(path, os.O_RDWR)  # so that the pipe outlives all others
        self._pipe = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        fcntl.fcntl(self._pipe, fcntl.F_SETPIPE_SZ, 1 << 20)  # a writer that must wait would be late
        self.seen: list[Edge] = []
        self._rest = b""
        self._next = 0

    def read_until(self, wanted: Callable[[Edge], bool]) -> Edge:
        """The next edge that is wanted."""
        deadline_s = time.monotonic() + LONG_S
        while True:
            while self._next < len(self.seen):
                self._next += 1
                if wanted(self.seen[self._next - 1]):
                    return self.seen[self._next - 1]
            left_s = deadline_s - time.monotonic()
            assert left_s > 0, f"not seen among {len(self.seen)} edges; the last ones: {self.seen[-5:]}"
            if select.select([self._pipe], [], [], left_s)[0]:
                self._take()

    def drain(self) -> None:
        """Pass over what has come."""
        while select.select([self._pipe], [], [], 0)[0]:
            self._take()
        self._next = len(self.seen)

    def _take(self) -> None:
        self._rest += os.read(self._pipe, 1 << 16)
        whole = len(self._rest) // RECORD.size * RECORD.size
        self.seen += [Edge(*fields) for fields in RECORD.iter_unpack(self._rest[:whole])]
        self._rest = self._rest[whole:]

    def forget(self) -> None:
        self.drain()
        self.seen.clear()
        self._next = 0

    def assert_off(self) -> None:
        last = {edge.pin: edge.value for edge in self.seen}
        assert not any(last.get(pin) for pin in STEPS), "STEP is low"
        assert all(last[pin] for pin in ENABLES), "the drivers are disabled"
        assert last[PROFILE.lamp.pin] == 0, "the lamp is dark"

    def steps_after(self, time_ns: int) -> int:
        return sum(edge.pin in STEPS and edge.value == 1 and edge.time_ns > time_ns for edge in self.seen)


def is_step(edge: Edge) -> bool:
    return edge.pin in STEPS and edge.value == 1


def lamp_off(edge: Edge) -> bool:
    return edge.pin == PROFILE.lamp.pin and edge.value == 0
