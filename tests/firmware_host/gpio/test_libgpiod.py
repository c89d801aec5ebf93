"""The driver over the kernel's GPIO character device, and each failure that its users know."""

from __future__ import annotations

import errno
import inspect
import sys
from types import ModuleType

import fake_gpiod
import pytest
from conformance import IN, OUT, UNUSED, Bench, GpioConformance
from fake_gpiod import FakeGpiod

from firmware_host.clock import VirtualClock
from firmware_host.errors import HardwareError
from firmware_host.gpio.choice import open_port
from firmware_host.gpio.libgpiod import LibGpiod
from firmware_host.gpio.rpi_gpio import RpiGpio
from firmware_host.profile_tables import HardwareTable
from firmware_host.twin.board import EmulatedBoard

CHIP = "/dev/gpiochip0"


class TestLibGpiod(GpioConformance):
    @pytest.fixture
    def bench(self) -> Bench:
        fake = FakeGpiod()
        return Bench(LibGpiod(CHIP, fake), fake.drive, lambda pin: fake.lines[pin].level)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.ENOENT, f"GPIO chip {CHIP}: not there, or no GPIO chip; name one of gpiodetect"),
        (errno.ENODEV, "not there, or no GPIO chip"),
        (errno.EACCES, "no permission; sudo usermod -aG gpio"),
        (errno.EINVAL, "GPIO pin 17: cannot set as output: .*Invalid argument; check the pin in the profile"),
    ],
)
def test_what_the_kernel_says_becomes_what_to_do(code: int, words: str) -> None:
    fault = OSError(code, {errno.EINVAL: "Invalid argument"}.get(code, "?"))
    with pytest.raises(HardwareError, match=words):
        LibGpiod(CHIP, FakeGpiod(fault)).setup_output(OUT, False)


def test_who_holds_a_busy_pin_is_told() -> None:
    fake = FakeGpiod()
    fake.lines[OUT].consumer = "spi0 CS0"
    with pytest.raises(HardwareError, match="GPIO pin 17: in use by 'spi0 CS0'; stop it, or choose another pin"):
        LibGpiod(CHIP, fake).setup_output(OUT, False)


def test_dimming_is_refused_with_the_remedy() -> None:
    port = LibGpiod(CHIP, FakeGpiod())
    port.setup_output(OUT, False)
    with pytest.raises(HardwareError, match=r"cannot dim, only switch: set the lamp's duty to 1\.0"):
        port.pwm(OUT, 20_000, 0.6)


def test_inputs_that_are_not_watched_any_more_trip_and_outputs_can_still_be_switched_off() -> None:
    fake = FakeGpiod()
    port = LibGpiod(CHIP, fake)
    port.setup_output(OUT, True)
    for pin in (IN, UNUSED):
        port.setup_input(pin, "up")
    tripped: list[int] = []

    def broken(_: int) -> None:
        raise ValueError("no such axis")

    port.watch(UNUSED, "falling", tripped.append)
    port.watch(IN, "falling", broken)
    fake.drive(IN, False)
    assert port._watcher is not None
    port._watcher.join(5)
    assert tripped == [UNUSED]
    with pytest.raises(HardwareError, match="inputs are not watched any more: no such axis"):
        port.read(IN)
    port.write(OUT, False)
    assert not fake.lines[OUT].level


@pytest.mark.parametrize(("gpio", "kind"), [("gpiod", LibGpiod), ("rpi_gpio", RpiGpio)])
def test_the_profile_names_the_driver(gpio: str, kind: type, monkeypatch: pytest.MonkeyPatch) -> None:
    board, package = EmulatedBoard(VirtualClock()), ModuleType("RPi")
    monkeypatch.setattr(package, "GPIO", board, raising=False)
    for name, module in (("gpiod", FakeGpiod()), ("RPi", package), ("RPi.GPIO", board)):
        monkeypatch.setitem(sys.modules, name, module)
    assert type(open_port(HardwareTable(gpio=gpio, camera="picamera2"))) is kind  # type: ignore[arg-type]


def test_emulated_pins_are_not_opened_here() -> None:
    with pytest.raises(ValueError, match="belong to an emulation"):
        open_port(HardwareTable(gpio="emulated", camera="emulated"))


def test_without_the_library_the_user_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gpiod", None)
    with pytest.raises(HardwareError, match="gpiod is not installed; pip install"):
        LibGpiod(CHIP)


def test_the_fake_has_no_call_and_no_argument_that_the_package_lacks() -> None:
    real = pytest.importorskip("gpiod")
    for ours, theirs in (
        (fake_gpiod.LineRequest, real.LineRequest),
        (fake_gpiod.Chip, real.Chip),
        (fake_gpiod.LineSettings, real.LineSettings),
    ):
        for name, call in vars(ours).items():
            if inspect.isfunction(call) and (not name.startswith("_") or ours is fake_gpiod.LineSettings):
                if name in ("__repr__", "__eq__", "__replace__"):
                    continue
                assert (
                    inspect.signature(call).parameters.keys()
                    <= inspect.signature(getattr(theirs, name)).parameters.keys()
                )
    assert (
        inspect.signature(FakeGpiod().request_lines).parameters.keys()
        <= inspect.signature(real.request_lines).parameters.keys()
    )
    for group in (fake_gpiod.Value, fake_gpiod.Direction, fake_gpiod.Bias, fake_gpiod.Edge):
        assert {each.name for each in group} <= {each.name for each in getattr(real.line, group.__name__)}
    assert "line_offset" in real.EdgeEvent.__annotations__
    assert "consumer" in real.LineInfo.__annotations__
    assert "fd" in dir(real.LineRequest)
