"""The GPIO port over the RPi.GPIO functions, here those of the emulated board."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from conformance import Bench, GpioConformance

from firmware_host.clock import VirtualClock
from firmware_host.errors import HardwareError
from firmware_host.gpio.rpi_gpio import RpiGpio, open_rpi_gpio
from firmware_host.twin.board import EmulatedBoard

OUT, IN, UNUSED = 17, 5, 4


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def board(clock: VirtualClock) -> EmulatedBoard:
    return EmulatedBoard(clock)


@pytest.fixture
def port(board: EmulatedBoard) -> RpiGpio:
    """A port with one output, low, and one pulled-up input."""
    port = RpiGpio(board)
    port.setup_output(OUT, False)
    port.setup_input(IN, "up")
    return port


class TestRpiGpio(GpioConformance):
    @pytest.fixture
    def bench(self, board: EmulatedBoard, clock: VirtualClock) -> Bench:
        def wait_ms(ms: float) -> None:
            clock.wait_until(clock.now_ns() + round(ms * 1e6), "wait")

        return Bench(RpiGpio(board, now_ns=clock.now_ns), board.drive, board.level, wait_ms)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda port: port.setup_output(40, False), "GPIO pin 40: cannot set as output: .*invalid"),
        (lambda port: port.setup_input(40, "up"), "GPIO pin 40: cannot set as input: .*invalid"),
        (lambda port: port.write(IN, True), "GPIO pin 5: cannot write: .*not been set up as an OUTPUT"),
        (lambda port: port.read(UNUSED), r"GPIO pin 4: cannot read: You must setup\(\)"),
        (lambda port: port.watch(OUT, "both", print), "GPIO pin 17: cannot watch: .*as an input first"),
        (lambda port: port.pwm(UNUSED, 100, 0.5), "GPIO pin 4: cannot drive: .*as an output first"),
        (lambda port: port.pwm(OUT, 0, 0.5), "GPIO pin 17: cannot drive: frequency must be greater"),
    ],
)
def test_each_refusal_names_the_pin_and_what_to_do(
    port: RpiGpio, call: Callable[[RpiGpio], None], message: str
) -> None:
    with pytest.raises(HardwareError, match=message + ".*; check the pin in the profile"):
        call(port)


def test_a_board_that_is_numbered_by_place_is_refused(board: EmulatedBoard) -> None:
    board.setmode(board.BOARD)
    with pytest.raises(HardwareError, match="BOARD"):
        RpiGpio(board)


def test_pwm_starts_changes_and_stops_low(port: RpiGpio, board: EmulatedBoard) -> None:
    port.write(OUT, True)
    for duty in (0.6, 0.2, 1.0):
        port.pwm(OUT, 20_000, duty)
        assert board.duty(OUT) == pytest.approx(duty)
    for _ in range(2):
        port.pwm(OUT, 20_000, 0.0)
        assert board.duty(OUT) == 0.0
        assert not board.level(OUT)
    with pytest.raises(ValueError, match="duty"):
        port.pwm(OUT, 20_000, 1.01)


def test_close_gives_all_pins_back_and_may_be_called_twice(port: RpiGpio, board: EmulatedBoard) -> None:
    port.pwm(OUT, 100, 0.5)
    port.close()
    port.close()
    assert board.duty(OUT) == 0.0
    assert board.getmode() is None
    board.setmode(board.BCM)
    assert board.gpio_function(OUT) == board.IN


def test_without_the_library_the_user_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "RPi", None)
    with pytest.raises(HardwareError, match=r"RPi\.GPIO is not installed; pip install"):
        open_rpi_gpio()


def test_a_board_that_the_library_refuses_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """On a Pi 5 the import itself ends in this RuntimeError."""
    package = tmp_path / "RPi"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "GPIO.py").write_text("raise RuntimeError('Cannot determine SOC peripheral base address')\n")
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("RPi", "RPi.GPIO"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    with pytest.raises(HardwareError, match=r"Cannot determine SOC.*up to the 4 only.*pip install rpi-lgpio"):
        open_rpi_gpio()


def test_the_librarys_module_serves_as_the_board(monkeypatch: pytest.MonkeyPatch, board: EmulatedBoard) -> None:
    package = ModuleType("RPi")
    monkeypatch.setattr(package, "GPIO", board, raising=False)
    monkeypatch.setitem(sys.modules, "RPi", package)
    monkeypatch.setitem(sys.modules, "RPi.GPIO", board)
    port = open_rpi_gpio()
    port.setup_output(OUT, True)
    assert board.level(OUT)
