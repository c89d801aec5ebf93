"""What every GPIO driver must do. To test your own: inherit, and give a `bench` fixture.

`bench.port` is the driver under test, `bench.drive(pin, level)` a circuit outside that sets a pin, `bench.level(pin)` a
meter on it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from firmware_host.errors import HardwareError
from firmware_host.gpio.port import Edge, GpioPort, Pull

OUT, IN, UNUSED, NO_PIN = 17, 5, 4, 40
_WAIT_S = 5.0


@dataclass
class Bench:
    port: GpioPort
    drive: Callable[[int, bool], None]
    level: Callable[[int], bool]


class GpioConformance:
    @pytest.mark.parametrize("initial", [True, False])
    def test_an_output_starts_at_its_initial_level_and_follows(self, bench: Bench, initial: bool) -> None:
        bench.port.setup_output(OUT, initial)
        assert bench.level(OUT) is initial
        for level in (not initial, initial):
            bench.port.write(OUT, level)
            assert bench.level(OUT) is level

    @pytest.mark.parametrize(("pull", "level"), [("up", True), ("down", False)])
    def test_an_open_input_is_pulled(self, bench: Bench, pull: Pull, level: bool) -> None:
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
    def test_each_edge_is_reported_once_with_its_pin(self, bench: Bench, edge: Edge, calls: int) -> None:
        bench.port.setup_input(IN, "up")
        seen: list[int] = []
        all_of_them = threading.Event()

        def note(pin: int) -> None:
            seen.append(pin)
            if len(seen) == calls:
                all_of_them.set()

        bench.port.watch(IN, edge, note)
        for level in (False, True, False, True, False):
            bench.drive(IN, level)
        assert all_of_them.wait(_WAIT_S)
        bench.port.close()
        assert seen == [IN] * calls

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
