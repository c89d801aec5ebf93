"""The GPIO drivers against the kernel's own GPIO, in the Linux that `make gpio-test` boots; not part of `make test`.

Three libraries in turn, told by the environment: gpiod, rpi-lgpio, Jetson.GPIO. The last line gives what a call costs.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conformance import IN, OUT, Bench, GpioConformance, sleep_ms
from sim import SimulatedChip

from firmware_host.errors import HardwareError
from firmware_host.gpio import chips
from firmware_host.gpio.libgpiod import LibGpiod
from firmware_host.gpio.port import GpioPort
from firmware_host.gpio.rpi_gpio import open_rpi_gpio

LIBRARY = os.environ["GPIO_LIBRARY"]
NOBODY = 65534
JETSON_LINES = {4: 144, 17: 112, 5: 105}  # BCM number -> line of an Orin Nano, as Jetson.GPIO has it


def line_of(pin: int) -> int:
    return JETSON_LINES[pin] if LIBRARY == "jetson" else pin


@pytest.fixture
def outside() -> SimulatedChip:
    chip = SimulatedChip("jetson" if LIBRARY == "jetson" else "pi")
    for pin in JETSON_LINES:
        chip.drive(line_of(pin), False)
    return chip


def opened(pulls: bool) -> GpioPort:
    if LIBRARY != "gpiod":
        return open_rpi_gpio(pulls)
    gpiod = chips.library()
    return LibGpiod(chips.find("auto", gpiod), gpiod, pulls)


@pytest.fixture
def port() -> Iterator[GpioPort]:
    port = opened(LIBRARY != "jetson")
    yield port
    port.close()


class TestKernel(GpioConformance):
    has_pulls = LIBRARY != "jetson"

    @pytest.fixture
    def bench(self, port: GpioPort, outside: SimulatedChip) -> Bench:
        def drive(pin: int, level: bool) -> None:
            outside.drive(line_of(pin), level)
            if LIBRARY == "jetson":  # it reads one edge each time that it is woken, and loses sight of a burst's others
                sleep_ms(30)

        return Bench(
            port,
            drive,
            lambda pin: outside.level(line_of(pin)),
            sleep_ms,
        )


def test_the_header_is_found_by_its_label() -> None:
    gpiod = chips.library()
    pi, jetson = SimulatedChip("pi"), SimulatedChip("jetson")
    assert chips.find("auto", gpiod).path == f"/dev/{pi.chip}"
    assert chips.find("tegra234-gpio", gpiod) == chips.Chip(f"/dev/{jetson.chip}", "tegra234-gpio", 164)
    with pytest.raises(HardwareError, match=r"none with the label pinctrl-x.*\[pinctrl-bcm2711, 58 lines\]"):
        chips.find("pinctrl-x", gpiod)
    with pytest.raises(HardwareError, match="/dev/null: not there, or no GPIO chip"):
        chips.find("/dev/null", gpiod)


def test_a_user_without_permission_is_told_the_group() -> None:
    os.seteuid(NOBODY)
    try:
        with pytest.raises(HardwareError, match="no permission; sudo usermod -aG gpio"):
            chips.find("auto", chips.library())
    finally:
        os.seteuid(0)


def test_who_holds_a_busy_line_is_told(port: GpioPort, outside: SimulatedChip) -> None:
    gpiod = chips.library()
    settings = {line_of(OUT): gpiod.LineSettings()}
    told = "gpioinfo names it" if LIBRARY == "jetson" else "GPIO pin 17: in use by 'a fan'"
    other = gpiod.request_lines(f"/dev/{outside.chip}", config=settings, consumer="a fan")
    with other, pytest.raises(HardwareError, match=told):
        port.setup_output(OUT, False)


def test_an_output_of_a_process_that_is_killed_rests_where_it_does_no_harm(outside: SimulatedChip) -> None:
    """gpio-sim gives a line that nobody holds to its pull resistor, as some boards' chips do."""
    if LIBRARY != "gpiod":
        pytest.skip("the libraries named RPi.GPIO pull no outputs")
    program = f"import kernel_gpio; port = kernel_gpio.opened(True); port.setup_output({OUT}, True); print(); input()"
    environment = os.environ | {"PYTHONPATH": ":".join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert outside.level(OUT)
        process.kill()
    assert outside.level(OUT)


def test_what_a_call_costs(port: GpioPort, outside: SimulatedChip) -> None:
    """Figures, no check: the machine is emulated, so only their ratios tell."""
    port.setup_output(OUT, False)
    port.setup_input(IN, "off")
    figures = {"write": cost_us(lambda: port.write(OUT, True)), "read": cost_us(lambda: port.read(IN))}
    if isinstance(port, LibGpiod):
        request: Any = port._requests[OUT]
        active = chips.library().line.Value.ACTIVE
        figures["gpiod's own set_value"] = cost_us(lambda: request.set_value(OUT, active))
        figures["gpiod's own get_value"] = cost_us(lambda: port._requests[IN].get_value(IN))
    figures["an empty call"] = cost_us(lambda: None)
    told = ", ".join(f"{name} {us:.2f}" for name, us in figures.items())
    sys.stdout.write(f"\n{LIBRARY}, us a call: {told}\n")


def cost_us(call: Callable[[], object], times: int = 2000, rounds: int = 5) -> float:
    """Of the quickest round."""
    best = float("inf")
    for _ in range(rounds):
        began = time.perf_counter()
        for _ in range(times):
            call()
        best = min(best, time.perf_counter() - began)
    return best / times * 1e6


def test_these_are_the_real_libraries() -> None:
    if LIBRARY != "gpiod":
        import RPi.GPIO

        assert str(Path(RPi.GPIO.__file__ or "").parents[2]) == f"/libraries/{LIBRARY}"
