"""Whoever dies, and whatever trips: no step follows, motors and lamp are off. In real time, with real kills.

Every edge comes through a pipe that outlives both processes.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from edge_pipe import ENABLES, HERE, LONG_S, PROFILE, STOP_PIN, Edges, is_step, lamp_off
from recorded_pins import CAUSE

from firmware_host.cancel import CancelToken
from firmware_host.clock import MonotonicClock
from firmware_host.errors import Cancelled, HardwareError, SafetyStop, UsageError
from firmware_host.profile import Profile, load_profile
from firmware_host.realtime.host import PinsProcess, RemoteLamp, RemoteStage
from firmware_host.realtime.pins import REAL


class Opened:
    def __init__(self, profile: Profile = PROFILE) -> None:
        self.cancel = CancelToken()
        self.told: list[str] = []
        self.pins = PinsProcess(profile, self.cancel, "recorded_pins:open_pins", self.told.append)
        self.stage = RemoteStage(self.pins, profile, MonotonicClock())
        self.lamp = RemoteLamp(self.pins)


@pytest.fixture
def opened(edges: Edges, monkeypatch: pytest.MonkeyPatch) -> Iterator[Opened]:
    scanner = Opened()
    yield scanner
    scanner.pins.close()


def homed(scanner: Opened) -> Opened:
    scanner.stage.home()
    scanner.lamp.on()
    return scanner


def test_it_moves_knows_where_it_stands_and_closes_with_everything_off(opened: Opened, edges: Edges) -> None:
    homed(opened)
    settled_ns = opened.stage.move_to(x_um=30, y_um=20, z_um=4)
    assert (opened.stage.x_um, opened.stage.y_um, opened.stage.z_um) == pytest.approx((30, 20, 4), abs=0.2)
    assert opened.stage.homed
    assert settled_ns == opened.stage.settled_ns > time.monotonic_ns() - 10**9
    opened.stage.nudge("x", -8)
    assert opened.stage.x_um == pytest.approx(30 - 8 / 3.2, abs=0.2)
    late = opened.pins.call("lateness")
    assert late["edges"] > 200
    assert 0 <= late["p50_us"] <= late["p99_us"] <= late["p99.9_us"] <= late["most_us"] + 1
    opened.pins.close()
    opened.pins.close()
    edges.drain()
    edges.assert_off()
    with pytest.raises(HardwareError, match=r"their process has ended \(closed\)"):
        opened.stage.home()


def test_what_is_refused_there_is_refused_here_in_the_same_words(opened: Opened) -> None:
    with pytest.raises(HardwareError, match="axis x: not homed; home the stage before moving it"):
        opened.stage.move_to(x_um=10)
    with pytest.raises(UsageError, match=r"axis y: 99999\.000 um is outside its soft limits"):
        opened.stage.check(x_um=0, y_um=99_999)
    homed(opened)
    with pytest.raises(UsageError, match=r"axis y: 99999\.000 um is outside its soft limits"):
        opened.stage.move_to(y_um=99_999)
    assert not opened.stage.z_allowed(1e6)
    opened.stage.move_to(x_um=10)


def test_a_stop_reaches_the_pulses_before_the_next_step(opened: Opened, edges: Edges) -> None:
    homed(opened)
    edges.drain()
    asked_ns: list[int] = []

    def stop_soon(_: int, __: object) -> None:
        opened.cancel.request("Ctrl-C")
        asked_ns.append(time.monotonic_ns())

    before = signal.signal(signal.SIGALRM, stop_soon)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        with pytest.raises(Cancelled, match="stopped: Ctrl-C"):
            opened.stage.move_to(x_um=7000)
    finally:
        signal.signal(signal.SIGALRM, before)
    edges.drain()
    assert edges.steps_after(0) > 100
    assert edges.steps_after(asked_ns[0]) <= 1, "one may have been decided on already"
    assert 0 < opened.stage.x_um < 7000


@pytest.mark.parametrize(
    ("pin", "cause"),
    [
        (STOP_PIN, "emergency stop"),
        (PROFILE.axes.y.fault_pin, "fault of the driver of axis y"),
        (PROFILE.axes.y.limit_pin, "limit switch of axis y"),
    ],
)
def test_an_input_that_trips_in_a_move_ends_it_within_a_step(
    pin: int, cause: str, edges: Edges, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WSI_TRIP", f"{pin},400")
    scanner = homed(Opened())
    edges.forget()
    try:
        with pytest.raises(SafetyStop, match=f"motion stopped: {cause}"):
            scanner.stage.move_to(x_um=900)
        edges.read_until(lamp_off)
        edges.drain()
        cause_ns = next(edge.time_ns for edge in edges.seen if edge.pin == CAUSE)
        assert edges.steps_after(cause_ns) == 0
        edges.assert_off()
    finally:
        scanner.pins.close()


def test_a_safety_stop_is_told_even_when_a_stop_was_asked_for_too(opened: Opened, edges: Edges) -> None:
    """Found on reading: Ctrl-C hid that motors may still be on."""
    homed(opened)
    opened.pins.call("look", pin=STOP_PIN)
    edges.read_until(lamp_off)
    opened.cancel.request("Ctrl-C")
    with pytest.raises(HardwareError, match="it was shut down"):
        opened.stage.move_to(x_um=10)


@pytest.mark.parametrize("pin", [STOP_PIN, PROFILE.axes.z.fault_pin, PROFILE.axes.x.limit_pin])
def test_an_input_that_trips_at_rest_switches_off_at_once(opened: Opened, edges: Edges, pin: int) -> None:
    homed(opened)
    edges.forget()
    opened.pins.call("look", pin=pin)
    edges.read_until(lambda edge: edge.pin == CAUSE)
    edges.read_until(lamp_off)
    assert {edge.pin for edge in edges.seen if edge.value == 1} == ENABLES
    with pytest.raises(HardwareError, match="it was shut down"):
        opened.stage.move_to(x_um=10)
    opened.lamp.on()
    assert edges.read_until(lamp_off), "nor does the lamp come back"


Start = Callable[[str], tuple[subprocess.Popen[str], int]]


@pytest.fixture
def start_host(tmp_path: Path, edges: Edges) -> Iterator[Start]:
    """Starts a host of its own, homed and lit; gives it, and the number of its pins' process."""
    hosts: list[subprocess.Popen[str]] = []

    def start(what: str) -> tuple[subprocess.Popen[str], int]:
        described = tmp_path / "profile.json"
        described.write_text(PROFILE.model_dump_json())
        command = [sys.executable, HERE / "scanner_host.py", described, what]
        host = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        hosts.append(host)
        assert host.stdout is not None
        return host, int(host.stdout.readline())

    yield start
    for host in hosts:
        host.kill()
        host.wait()


def assert_ends(number: int) -> None:
    """The process with this number is gone soon, if it is not already."""
    try:
        process = os.pidfd_open(number)
    except ProcessLookupError:
        return
    assert select.select([process], [], [], LONG_S)[0], "it goes on"
    os.close(process)


@pytest.mark.parametrize("what", ["move", "rest"])
def test_the_host_is_killed(edges: Edges, start_host: Start, what: str) -> None:
    """Out of memory, or kill -9: nobody is left to switch off but the process that owns the pins."""
    host, pins = start_host(what)
    edges.forget()
    if what == "move":
        edges.read_until(is_step)
    host.kill()
    host.wait()
    dead_ns = time.monotonic_ns()
    edges.read_until(lamp_off)
    assert_ends(pins)
    edges.drain()
    assert {edge.pin for edge in edges.seen if edge.pin in ENABLES and edge.value} == ENABLES
    assert edges.steps_after(dead_ns) == 0


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize("what", ["move", "rest"])
def test_the_process_that_owns_the_pins_is_ended(edges: Edges, start_host: Start, what: str, number: int) -> None:
    """A crash leaves the pins as they are; the host, which is told of it at once, switches them off."""
    host, pins = start_host(what)
    edges.drain()
    if what == "move":
        edges.read_until(is_step)
    os.kill(pins, number)
    ended_ns = time.monotonic_ns()
    if number == signal.SIGTERM:
        edges.read_until(lamp_off)
        edges.assert_off()
        assert edges.steps_after(ended_ns) <= 5, "until the signal is delivered"
    else:
        # An emulated board dies with its process; a new one, opened by the host, tells that it is set.
        edges.read_until(lambda edge: edge.pin in ENABLES and edge.value == 1)
    if what == "rest":
        host.send_signal(signal.SIGTERM)
    assert host.wait(LONG_S) != 0
    assert_ends(pins)


@pytest.mark.parametrize(("what", "number"), [("move", signal.SIGINT), ("move", signal.SIGTERM), ("crash", None)])
def test_the_host_is_stopped_or_breaks(edges: Edges, start_host: Start, what: str, number: int | None) -> None:
    host, pins = start_host(what)
    edges.drain()
    if what == "move":
        edges.read_until(is_step)
    if number is not None:
        host.send_signal(number)
    edges.read_until(lamp_off)
    assert host.wait(LONG_S) != 0
    assert_ends(pins)
    edges.drain()
    edges.assert_off()


def test_pins_that_cannot_be_opened_are_told_of_once() -> None:
    profile = load_profile("jetson-orin-nano-20x")
    hardware = profile.hardware.model_copy(update={"gpio": "gpiod", "gpio_chip": "/dev/null"})
    told: list[str] = []
    with pytest.raises(HardwareError, match="GPIO chip /dev/null: not there, or no GPIO chip"):
        PinsProcess(profile.model_copy(update={"hardware": hardware}), CancelToken(), REAL, told.append)
    assert told == []
