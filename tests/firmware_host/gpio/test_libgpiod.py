"""The driver over the kernel's GPIO character device, and each failure that its users know."""

from __future__ import annotations

import errno
import inspect
import sys
from pathlib import Path
from types import ModuleType

import fake_gpiod
import pytest
from conformance import IN, OUT, UNUSED, Bench, Edges, GpioConformance
from fake_gpiod import FakeGpiod

from firmware_host.clock import VirtualClock
from firmware_host.errors import HardwareError
from firmware_host.gpio import chips
from firmware_host.gpio.chips import Chip
from firmware_host.gpio.choice import open_port
from firmware_host.gpio.libgpiod import LibGpiod
from firmware_host.gpio.rpi_gpio import RpiGpio
from firmware_host.profile_tables import HardwareTable
from firmware_host.twin.board import EmulatedBoard

CHIP = "/dev/gpiochip0"


def over(fake: FakeGpiod, pulls: bool = True) -> LibGpiod:
    return LibGpiod(chips.find(CHIP, fake), fake, pulls, fake.ioctl)


class TestLibGpiod(GpioConformance):
    @pytest.fixture
    def bench(self) -> Bench:
        fake = FakeGpiod()
        return Bench(over(fake), fake.drive, lambda pin: fake.lines[pin].level, fake.wait_ms)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.ENODEV, f"GPIO chip {CHIP}: it is gone; start the scanner again"),
        (errno.EACCES, "no permission; sudo usermod -aG gpio"),
        (errno.EINVAL, "GPIO pin 17: cannot set as output: .*Invalid argument; check the pin in the profile"),
    ],
)
def test_what_the_kernel_says_becomes_what_to_do(code: int, words: str) -> None:
    fault = OSError(code, {errno.EINVAL: "Invalid argument"}.get(code, "?"))
    with pytest.raises(HardwareError, match=words):
        over(FakeGpiod(fault)).setup_output(OUT, False)


def test_who_holds_a_busy_pin_is_told() -> None:
    fake = FakeGpiod()
    fake.lines[OUT].consumer = "spi0 CS0"
    with pytest.raises(HardwareError, match="GPIO pin 17: in use by 'spi0 CS0'; stop it, or choose another pin"):
        over(fake).setup_output(OUT, False)


def test_who_holds_a_pin_may_stay_unknown() -> None:
    gone = FakeGpiod(refused={CHIP: OSError(errno.ENODEV, "gone")})
    assert chips.holder(Chip(CHIP, "", 54), OUT, gone) == "another program"


def test_dimming_is_refused_with_the_remedy() -> None:
    port = over(FakeGpiod())
    port.setup_output(OUT, False)
    with pytest.raises(HardwareError, match=r"cannot dim, only switch: set lamp\.pwm_chip .*, or lamp\.duty = 1\.0"):
        port.pwm(OUT, 20_000, 0.6)


def test_a_chip_that_goes_away_trips_who_watches_it_and_lets_go_of_the_rest() -> None:
    fake = FakeGpiod()
    port = over(fake)
    port.setup_input(IN, "up")
    port.setup_output(OUT, True)
    tripped = Edges()
    port.watch(IN, "falling", tripped)

    def gone(*_: object) -> None:
        raise OSError(errno.ENODEV, "No such device")

    port._requests[IN].read_edge_events = gone
    port._requests[OUT].reconfigure_lines = gone
    fake.drive(IN, False)
    tripped.wait_for(1)
    with pytest.raises(HardwareError, match=r"not watched any more: .*No such device; start the scanner again"):
        port.read(IN)
    port.close()
    assert [line.consumer for line in fake.lines] == [""] * len(fake.lines)


def test_a_tegra_has_no_pulls_that_the_kernel_would_switch() -> None:
    fake = FakeGpiod(labels={CHIP: "tegra234-gpio"})
    with pytest.raises(HardwareError, match=r'pin 5: cannot pull up: .*then set hardware\.pulls = "external"'):
        over(fake).setup_input(IN, "up")
    over(fake, pulls=False).setup_input(IN, "up")
    assert fake.lines[IN].settings.bias is fake_gpiod.Bias.DISABLED


@pytest.fixture
def devices(tmp_path: Path) -> Path:
    """A folder /dev as a Raspberry Pi 5 has it on an older kernel."""
    for number in range(5):
        (tmp_path / f"gpiochip{number}").touch()
    return tmp_path


def pi5(devices: Path, refused: dict[str, OSError] | None = None) -> FakeGpiod:
    labels = {str(devices / f"gpiochip{number}"): f"gpio-brcmstb@{number}" for number in range(4)}
    return FakeGpiod(labels={**labels, str(devices / "gpiochip4"): "pinctrl-rp1"}, refused=refused)


@pytest.mark.parametrize("wanted", ["auto", "pinctrl-rp1"])
def test_the_header_is_found_whatever_its_number(wanted: str, devices: Path) -> None:
    assert chips.find(wanted, pi5(devices), devices) == Chip(str(devices / "gpiochip4"), "pinctrl-rp1", 28)


def test_a_chip_that_may_not_be_opened_does_not_hide_the_header(devices: Path) -> None:
    refused: dict[str, OSError] = {str(devices / "gpiochip0"): PermissionError(errno.EACCES, "Permission denied")}
    assert chips.find("auto", pi5(devices, refused), devices).label == "pinctrl-rp1"


@pytest.mark.parametrize(
    ("wanted", "numbers", "refusal", "message"),
    [
        ("auto", [0, 1], None, r"none that is known as .*; name one .*gpiochip0 \[gpio-brcmstb@0, 28 lines\]"),
        ("pinctrl-x", [0], None, "none with the label pinctrl-x; .*there are: .*gpiochip0"),
        ("auto", [], None, "there are: none at all"),
        ("auto", [4], PermissionError(errno.EACCES, "Permission denied"), "gpiochip4: no permission; sudo usermod -aG"),
        ("auto", [4], OSError(errno.ENOTTY, "Not a chip"), r"not there, or no GPIO chip \(Not a chip\); set hardw"),
    ],
)  # fmt: skip
def test_without_the_header_what_there_is_is_told(
    wanted: str, numbers: list[int], refusal: OSError | None, message: str, tmp_path: Path
) -> None:
    for number in numbers:
        (tmp_path / f"gpiochip{number}").touch()
    refused = {str(tmp_path / f"gpiochip{number}"): refusal for number in numbers if refusal is not None}
    with pytest.raises(HardwareError, match=message) as caught:
        chips.find(wanted, pi5(tmp_path, refused), tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("harmless", [True, False])
@pytest.mark.parametrize("closed", [True, False], ids=["closed", "died"])
def test_an_output_rests_where_it_does_no_harm(harmless: bool, closed: bool) -> None:
    fake = FakeGpiod()
    port = over(fake)
    port.setup_output(OUT, harmless)
    port.write(OUT, not harmless)
    assert fake.lines[OUT].level is not harmless
    if closed:
        port.close()
    else:
        port._requests[OUT].release()
    assert fake.lines[OUT].level is harmless


def test_a_pin_that_has_become_an_output_trips_nobody() -> None:
    fake = FakeGpiod()
    port = over(fake)
    other, former = Edges(), Edges()

    def broken(_: int) -> None:
        raise ValueError("no such axis")

    for pin, callback in ((IN, former), (UNUSED, broken), (OUT, other)):
        port.setup_input(pin, "up")
        port.watch(pin, "falling", callback)
    port.setup_output(IN, True)
    fake.drive(UNUSED, False)
    other.wait_for(1)
    assert former.seen == []


@pytest.mark.parametrize(("gpio", "kind"), [("gpiod", LibGpiod), ("rpi_gpio", RpiGpio)])
def test_the_profile_names_the_driver(gpio: str, kind: type, monkeypatch: pytest.MonkeyPatch) -> None:
    board, package = EmulatedBoard(VirtualClock()), ModuleType("RPi")
    monkeypatch.setattr(package, "GPIO", board, raising=False)
    for name, module in (("gpiod", FakeGpiod()), ("RPi", package), ("RPi.GPIO", board)):
        monkeypatch.setitem(sys.modules, name, module)
    assert type(open_port(HardwareTable(gpio=gpio, camera="picamera2", gpio_chip=CHIP))) is kind  # type: ignore[arg-type]


def test_emulated_pins_are_not_opened_here() -> None:
    with pytest.raises(ValueError, match="belong to an emulation"):
        open_port(HardwareTable(gpio="emulated", camera="emulated"))


def test_without_the_library_the_user_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gpiod", None)
    with pytest.raises(HardwareError, match="gpiod is not installed; pip install"):
        chips.library()


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
    for ours, theirs in (
        (fake_gpiod.EdgeEvent, real.EdgeEvent),
        (fake_gpiod.LineInfo, real.LineInfo),
        (fake_gpiod.ChipInfo, real.ChipInfo),
    ):
        assert ours.__annotations__.keys() <= theirs.__annotations__.keys()
    for group in (fake_gpiod.Value, fake_gpiod.Direction, fake_gpiod.Bias, fake_gpiod.Edge):
        assert {each.name for each in group} <= {each.name for each in getattr(real.line, group.__name__)}
    assert "fd" in dir(real.LineRequest)
