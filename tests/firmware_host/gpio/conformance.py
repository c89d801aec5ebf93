"""What every GPIO driver must do. To test your own: inherit, and give a `bench` fixture.

`bench.port` is the driver under test, `bench.drive(pin, level)` a circuit outside that sets a pin, `bench.level(pin)` a
meter on it, and `bench.wait_ms(ms)` lets time pass on the clock that the driver goes by. A board without pull resistors
of its own sets `has_pulls = False`, and a bench where edges cannot be made `has_edges = False`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from firmware_host.errors import HardwareError
from firmware_host.gpio.port import Edge, GpioPort, Pull

OUT, IN, UNUSED, NO_PIN = 17, 5, 4, 400
_WAIT_S = 5.0
_DEBOUNCE_MS = 500


@dataclass
class Bench:
    port: GpioPort
    drive: Callable[[int, bool], None]
    level: Callable[[int], bool]
    wait_ms: Callable[[float], None]


class Edges:
    """A callback that can be waited for."""

    def __init__(self) -> None:
        self.seen: list[int] = []
        self._came = threading.Condition()

    def __call__(self, pin: int) -> None:
        with self._came:
            self.seen.append(pin)
            self._came.notify()

    def wait_for(self, count: int) -> None:
        with self._came:
            assert self._came.wait_for(lambda: len(self.seen) >= count, _WAIT_S), f"{len(self.seen)} of {count} edges"


def sleep_ms(ms: float) -> None:
    """`wait_ms` of a driver that goes by real time."""
    time.sleep(ms / 1e3)


class GpioConformance:
    has_pulls = True
    has_edges = True

    @pytest.fixture
    def edges(self) -> Edges:
        if not self.has_edges:
            pytest.skip("no edges can be made here")
        return Edges()

    @pytest.mark.parametrize("initial", [True, False])
    def test_an_output_starts_at_its_initial_level_and_follows(self, bench: Bench, initial: bool) -> None:
        bench.port.setup_output(OUT, initial)
        assert bench.level(OUT) is initial
        for level in (not initial, initial):
            bench.port.write(OUT, level)
            assert bench.level(OUT) is level

    @pytest.mark.parametrize(("pull", "level"), [("up", True), ("down", False)])
    def test_an_open_input_is_pulled(self, bench: Bench, pull: Pull, level: bool) -> None:
        if not self.has_pulls:
            pytest.skip("this board has no pull resistors that software switches")
        bench.port.setup_input(IN, pull)
        assert bench.port.read(IN) is level

    @pytest.mark.parametrize("pull", ["up", "down", "off"])
    def test_an_input_reads_what_drives_it(self, bench: Bench, pull: Pull) -> None:
        bench.port.setup_input(IN, pull)
        for level in (True, False, True):
            bench.drive(IN, level)
            assert bench.port.read(IN) is level

    def test_a_pin_may_change_its_direction(self, bench: Bench) -> None:
        bench.port.setup_output(OUT, True)
        bench.port.setup_input(OUT, "down")
        assert bench.port.read(OUT) is False
        bench.port.setup_output(OUT, True)
        assert bench.level(OUT) is True

    @pytest.mark.parametrize(("edge", "calls"), [("rising", 2), ("falling", 3), ("both", 5)])
    def test_each_edge_is_reported_once_with_its_pin(self, bench: Bench, edges: Edges, edge: Edge, calls: int) -> None:
        bench.port.setup_input(IN, "up")
        bench.drive(IN, True)
        bench.port.watch(IN, edge, edges)
        for level in (False, True, False, True, False):
            bench.drive(IN, level)
        edges.wait_for(calls)
        bench.port.close()
        assert edges.seen == [IN] * calls

    def test_a_bouncing_switch_is_reported_at_once_and_then_left_out_for_a_while(
        self, bench: Bench, edges: Edges
    ) -> None:
        bench.port.setup_input(IN, "up")
        bench.drive(IN, True)
        bench.port.watch(IN, "both", edges, debounce_ms=_DEBOUNCE_MS)
        bench.drive(IN, False)
        edges.wait_for(1)
        for level in (True, False, True, False):
            bench.drive(IN, level)
        bench.wait_ms(0.5 * _DEBOUNCE_MS)
        bench.drive(IN, True)
        bench.wait_ms(0.6 * _DEBOUNCE_MS)
        bench.drive(IN, False)
        edges.wait_for(2)
        bench.port.close()
        assert edges.seen == [IN, IN]

    def test_a_second_watch_takes_the_place_of_the_first(self, bench: Bench, edges: Edges) -> None:
        first, second = edges, Edges()
        for callback in (first, second):
            bench.port.setup_input(IN, "off")
            bench.drive(IN, True)
            bench.port.watch(IN, "falling", callback)
        bench.drive(IN, False)
        second.wait_for(1)
        third = Edges()
        bench.port.watch(IN, "rising", third)
        bench.drive(IN, True)
        third.wait_for(1)
        bench.port.close()
        assert (first.seen, second.seen, third.seen) == ([], [IN], [IN])

    def test_an_input_that_is_set_up_anew_is_not_watched(self, bench: Bench, edges: Edges) -> None:
        other = Edges()
        for pin, callback in ((IN, edges), (UNUSED, other)):
            bench.port.setup_input(pin, "up")
            bench.drive(pin, True)
            bench.port.watch(pin, "falling", callback)
        bench.port.setup_input(IN, "up")
        for pin in (IN, UNUSED):
            bench.drive(pin, False)
        other.wait_for(1)
        assert edges.seen == []

    def test_each_watched_input_is_read_as_itself(self, bench: Bench, edges: Edges) -> None:
        for pin in (IN, UNUSED):
            bench.port.setup_input(pin, "up")
            bench.port.watch(pin, "falling", edges)
        bench.port.setup_output(OUT, True)
        for levels in ((True, False), (False, True)):
            for pin, level in zip((IN, UNUSED), levels, strict=True):
                bench.drive(pin, level)
            assert (bench.port.read(IN), bench.port.read(UNUSED)) == levels

    def test_a_callback_that_raises_trips_the_others_and_outputs_can_still_be_switched(
        self, bench: Bench, edges: Edges
    ) -> None:
        def broken(_: int) -> None:
            raise ValueError("no such axis")

        bench.port.setup_output(OUT, True)
        for pin, callback in ((UNUSED, edges), (IN, broken)):
            bench.port.setup_input(pin, "up")
            bench.drive(pin, True)
            bench.port.watch(pin, "falling", callback)
        bench.drive(IN, False)
        edges.wait_for(1)
        with pytest.raises(HardwareError, match="inputs are not watched any more: no such axis"):
            bench.port.read(IN)
        bench.port.write(OUT, False)
        assert bench.level(OUT) is False

    def test_a_steady_lamp_can_be_switched(self, bench: Bench) -> None:
        bench.port.setup_output(OUT, False)
        bench.port.pwm(OUT, 20_000, 1.0)
        bench.port.pwm(OUT, 20_000, 0.0)
        assert bench.level(OUT) is False
        for duty in (-0.01, 1.01):
            with pytest.raises(ValueError, match="duty"):
                bench.port.pwm(OUT, 20_000, duty)

    @pytest.mark.parametrize(
        "call",
        [
            lambda port: port.setup_output(NO_PIN, False),
            lambda port: port.setup_input(NO_PIN, "up"),
            lambda port: port.write(UNUSED, True),
            lambda port: port.read(UNUSED),
            lambda port: port.watch(UNUSED, "both", print),
        ],
        ids=["output", "input", "write", "read", "watch"],
    )
    def test_a_refusal_names_the_pin(self, bench: Bench, call: Callable[[GpioPort], None]) -> None:
        with pytest.raises(HardwareError, match=f"GPIO pin ({NO_PIN}|{UNUSED}): cannot"):
            call(bench.port)

    def test_an_input_is_not_written(self, bench: Bench) -> None:
        bench.port.setup_input(IN, "up")
        with pytest.raises(HardwareError, match=f"GPIO pin {IN}: cannot write"):
            bench.port.write(IN, True)

    def test_closing_twice_is_no_fault_and_lets_go_of_outputs(self, bench: Bench) -> None:
        bench.port.setup_output(OUT, True)
        bench.port.close()
        bench.port.close()
        bench.drive(OUT, False)
        assert bench.level(OUT) is False
