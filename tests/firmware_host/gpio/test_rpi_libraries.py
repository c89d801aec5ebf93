"""The three libraries that are imported as RPi.GPIO: the port over each, and every failure that their users know."""

from __future__ import annotations

import ast
import importlib.metadata
import inspect
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from conformance import IN, OUT, UNUSED, Bench, Edges, GpioConformance
from fake_rpi_libraries import FakeJetsonGpio, FakeRpiLgpio, LgpioError

from firmware_host.clock import VirtualClock
from firmware_host.errors import HardwareError
from firmware_host.gpio import chips, rpi_libraries
from firmware_host.gpio.port import GpioPort
from firmware_host.gpio.rpi_gpio import RpiGpio, open_rpi_gpio
from firmware_host.twin.board import EmulatedBoard

DOWNLOADED = Path(__file__).parents[3] / "build" / "gpio-test" / "libraries"  # by `make gpio-test`


def bench_over(board: FakeRpiLgpio | FakeJetsonGpio, pulls: bool) -> Bench:
    def wait_ms(ms: float) -> None:
        board.clock.wait_until(board.clock.now_ns() + round(ms * 1e6), "wait")

    return Bench(RpiGpio(board, pulls, board.clock.now_ns), board.drive, board.level, wait_ms)


class TestRpiLgpio(GpioConformance):
    @pytest.fixture
    def bench(self) -> Bench:
        return bench_over(FakeRpiLgpio(), pulls=True)


class TestJetsonGpio(GpioConformance):
    has_pulls = False

    @pytest.fixture
    def bench(self) -> Bench:
        return bench_over(FakeJetsonGpio(), pulls=False)


@pytest.mark.parametrize(
    ("board", "name"),
    [
        (EmulatedBoard(VirtualClock()), "RPi.GPIO"),
        (FakeRpiLgpio(), "rpi-lgpio"),
        (FakeJetsonGpio(), "Jetson.GPIO"),
    ],
)
def test_each_library_is_known_by_what_it_alone_has(board: EmulatedBoard, name: str) -> None:
    assert rpi_libraries.library_of(board).name == name


def refuses(method: str, error: Exception) -> EmulatedBoard:
    """A board that refuses one call."""

    def refuse(*_: object, **__: object) -> None:
        raise error

    board = EmulatedBoard(VirtualClock())
    setattr(board, method, refuse)
    return board


def watched(port: GpioPort) -> None:
    port.setup_input(IN, "off")
    port.watch(IN, "falling", print)


def dimmed(pin: int, hz: float) -> Callable[[GpioPort], None]:
    def dim(port: GpioPort) -> None:
        port.setup_output(pin, False)
        port.pwm(pin, hz, 0.5)

    return dim


@pytest.mark.parametrize(
    ("board", "call", "message"),
    [
        (
            refuses("add_event_detect", RuntimeError("Failed to add edge detection")),
            watched,
            r"GPIO pin 5: cannot watch: .*kernel from 6\.6 on.*pip install rpi-lgpio, or set hardware\.gpio",
        ),
        (
            FakeRpiLgpio(busy=[OUT]),
            lambda port: port.setup_output(OUT, False),
            "GPIO pin 17: in use by another program",
        ),
        (
            FakeJetsonGpio(busy=[OUT]),
            lambda port: port.setup_output(OUT, False),
            r"GPIO pin 17: cannot set as output: \[Errno 16\].*gpioinfo names it",
        ),
        (
            refuses("setup", PermissionError(13, "Permission denied")),
            lambda port: port.setup_output(OUT, False),
            r"GPIO pin 17: .*sudo usermod -aG gpio .*/etc/udev/rules.d/60-gpio\.rules",
        ),
        (
            FakeRpiLgpio(),
            dimmed(18, 20_000),
            r"GPIO pin 18: rpi-lgpio dims at up to 10000 Hz, not at 20000: set lamp\.pwm_chip",
        ),
        (FakeJetsonGpio(), dimmed(18, 1000), r"Channel 18 is not a PWM; .*jetson-io: set lamp\.pwm_chip"),
        (
            FakeJetsonGpio(pinmux=[OUT]),
            lambda port: port.setup_output(OUT, False),
            r"GPIO pin 17: the Jetson's pin multiplexer .*jetson-io\.py",
        ),
        (FakeJetsonGpio(pinmux=[IN]), lambda port: port.setup_input(IN, "off"), "GPIO pin 5: the Jetson's pin multi"),
        (
            FakeJetsonGpio(),
            lambda port: port.setup_input(IN, "up"),
            r'GPIO pin 5: cannot pull up: .*from each input to 3\.3 V, then set hardware\.pulls = "external"',
        ),
    ],
)
def test_each_known_failure_says_what_to_do(
    board: EmulatedBoard, call: Callable[[GpioPort], None], message: str
) -> None:
    port = RpiGpio(board)
    with pytest.raises(HardwareError, match=message) as caught:
        call(port)
    assert "\n" not in str(caught.value)


def test_a_pin_that_the_multiplexer_keeps_is_given_back() -> None:
    board = FakeJetsonGpio(pinmux=[OUT])
    with pytest.raises(HardwareError, match="multiplexer"):
        RpiGpio(board).setup_output(OUT, True)
    assert board.gpio_function(OUT) == board.IN


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ModuleNotFoundError("No module named 'RPi'"), "not installed; pip install rpi-lgpio .* or Jetson.GPIO"),
        (RuntimeError("Cannot determine SOC peripheral base address"), "up to the 4 only: pip uninstall -y RPi.GPIO"),
        (RuntimeError("No access to /dev/mem.  Try running as root!"), "sudo usermod -aG gpio"),
        (LgpioError("can not open gpiochip"), "sudo usermod -aG gpio"),
        (RuntimeError("The current user does not have permissions set to access"), "sudo usermod -aG gpio"),
        (FileNotFoundError(2, "No such file or directory", ".lgd-nfy-3"), "start it in one of yours, or set LG_WD"),
        (RuntimeError("This module can only be run on a Raspberry Pi!"), "install the library of this board"),
        (Exception("Could not determine Jetson model"), "install the library of this board"),
        (
            NotImplementedError("old-style\nrevision codes"),
            'old-style revision codes; .*or set hardware.gpio = "gpiod"',
        ),
    ],
)
def test_what_a_library_says_when_it_is_opened_becomes_what_to_do(error: Exception, message: str) -> None:
    told = str(rpi_libraries.refusal_to_open(error))
    assert re.search(message, told)
    assert "\n" not in told


def test_a_chip_that_cannot_be_opened_is_told() -> None:
    with pytest.raises(HardwareError, match=r"can not open gpiochip; no permission; sudo usermod"):
        RpiGpio(FakeRpiLgpio(opens=LgpioError("can not open gpiochip")))


@pytest.mark.parametrize(
    ("installed", "model", "remedy"),
    [
        ({"RPi.GPIO", "rpi-lgpio"}, "Raspberry Pi 5 Model B", "RPi.GPIO and rpi-lgpio .*then pip install rpi-lgpio$"),
        ({"RPi.GPIO", "Jetson.GPIO"}, "NVIDIA Jetson Orin Nano", "then pip install Jetson.GPIO$"),
        ({"rpi-lgpio", "Jetson.GPIO"}, "Raspberry Pi 4 Model B", "then pip install rpi-lgpio$"),
        (
            set(rpi_libraries.NAMES),
            None,
            "pip uninstall -y RPi.GPIO rpi-lgpio Jetson.GPIO, then pip install rpi-lgpio$",
        ),
        ({"RPi.GPIO", "Jetson.GPIO"}, None, "then pip install Jetson.GPIO$"),
    ],
)
def test_two_libraries_of_one_name_are_refused(
    installed: set[str], model: str | None, remedy: str, tmp_path: Path
) -> None:
    file = tmp_path / "model"
    if model is not None:
        file.write_bytes(model.encode() + b"\0")
    with pytest.raises(HardwareError, match=remedy):
        rpi_libraries.check_installed(dict.fromkeys(installed, "site-packages").get, file)


@pytest.mark.parametrize("name", [None, *rpi_libraries.NAMES])
def test_one_library_or_none_is_no_clash(name: str | None) -> None:
    rpi_libraries.check_installed(lambda each: "site-packages" if each == name else None)


def test_the_systems_library_beside_the_environments_is_no_clash() -> None:
    """As on Raspberry Pi OS, where picamera2 comes from the system and its RPi.GPIO with it."""
    rpi_libraries.check_installed({"RPi.GPIO": "dist-packages", "rpi-lgpio": "site-packages"}.get)
    with pytest.raises(HardwareError, match=r"RPi\.GPIO and Jetson\.GPIO are both installed in dist-packages"):
        rpi_libraries.check_installed(
            {"RPi.GPIO": "dist-packages", "rpi-lgpio": "site-packages", "Jetson.GPIO": "dist-packages"}.get
        )


def test_what_is_installed_is_asked_of_python_when_the_port_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    anywhere = importlib.metadata.distribution("pytest")
    monkeypatch.setattr(importlib.metadata, "distribution", lambda _: anywhere)
    with pytest.raises(HardwareError, match="are both installed"):
        open_rpi_gpio()


def test_who_holds_a_line_of_rpi_lgpio_is_asked_of_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    pi = chips.Chip("/dev/gpiochip4", "pinctrl-rp1", 54)
    monkeypatch.setattr(chips, "library", object)
    monkeypatch.setattr(chips, "find", lambda *_: pi)
    monkeypatch.setattr(chips, "holder", lambda chip, line, _: f"'line {line} of {chip.label}'")
    with pytest.raises(HardwareError, match="GPIO pin 17: in use by 'line 17 of pinctrl-rp1'"):
        RpiGpio(FakeRpiLgpio(busy=[OUT])).setup_output(OUT, False)


def test_a_jetsons_pin_is_an_output_again_after_dimming() -> None:
    board = FakeJetsonGpio()
    port = RpiGpio(board)
    port.setup_output(12, False)
    port.pwm(12, 1000, 0.5)
    assert board.duty(12) == 0.5
    port.pwm(12, 1000, 0.0)
    assert board.duty(12) == 0.0
    port.write(12, True)
    assert board.level(12)


def test_a_pin_that_is_set_up_anew_dims_no_more() -> None:
    board = FakeRpiLgpio()
    port = RpiGpio(board)
    port.setup_output(OUT, False)
    port.pwm(OUT, 1000, 0.5)
    port.setup_output(OUT, False)
    assert board.duty(OUT) == 0.0


def test_a_watch_that_is_refused_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: int) -> None:
        raise ValueError("no such axis")

    board = EmulatedBoard(VirtualClock())
    port = RpiGpio(board)
    for pin in (IN, UNUSED):
        port.setup_input(pin, "up")
    port.watch(UNUSED, "falling", broken)
    monkeypatch.setattr(board, "add_event_detect", refuses("x", RuntimeError("Failed to add edge detection")).x)  # type: ignore[attr-defined]
    refused = Edges()
    with pytest.raises(HardwareError, match="GPIO pin 5: cannot watch"):
        port.watch(IN, "falling", refused)
    board.drive(UNUSED, False)
    assert refused.seen == []


def test_external_pulls_leave_the_boards_own_alone() -> None:
    board = EmulatedBoard(VirtualClock())
    RpiGpio(board, pulls=False).setup_input(UNUSED, "up")
    assert not board.level(UNUSED)


def source_of(distribution: str, folder: str, file: str) -> Path:
    """A file of a real package: installed, or downloaded by `make gpio-test`."""
    for found in (DOWNLOADED / folder / file, _installed(distribution, file)):
        if found is not None and found.is_file():
            return found
    pytest.skip(f"needs {distribution}'s source: make gpio-test downloads it")


def _installed(distribution: str, file: str) -> Path | None:
    try:
        return Path(str(importlib.metadata.distribution(distribution).locate_file(file)))
    except importlib.metadata.PackageNotFoundError:
        return None


def signatures(source: Path) -> dict[str, list[str]]:
    """Argument names of the functions and of PWM's methods in a module."""
    tree = ast.parse(source.read_text())
    pwm = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "PWM")
    found = {node.name: node.args for node in tree.body if isinstance(node, ast.FunctionDef)}
    found |= {f"PWM.{node.name}": node.args for node in pwm.body if isinstance(node, ast.FunctionDef)}
    return {name: [each.arg for each in args.args] for name, args in found.items()}


@pytest.mark.parametrize(
    ("fake", "distribution", "folder", "file"),
    [
        (FakeRpiLgpio(), "rpi-lgpio", "rpi-lgpio", "RPi/GPIO/__init__.py"),
        (FakeJetsonGpio(), "Jetson.GPIO", "jetson", "Jetson/GPIO/gpio.py"),
    ],
)
def test_the_fakes_take_what_the_real_library_takes(
    fake: EmulatedBoard, distribution: str, folder: str, file: str
) -> None:
    source = source_of(distribution, folder, file)
    real = signatures(source)
    real["PWM"] = real["PWM.__init__"][1:]
    used = ("setwarnings", "setmode", "setup", "output", "input", "add_event_detect", "remove_event_detect", "PWM")
    for name in used:
        if name in vars(type(fake)):
            ours = list(inspect.signature(getattr(fake, name)).parameters)
            assert ours == real[name], name
        assert name in real, name
    assert {"PWM.start", "PWM.stop", "PWM.ChangeDutyCycle", "PWM.ChangeFrequency"} <= real.keys()


@pytest.mark.parametrize(
    ("distribution", "folder", "file", "words"),
    [
        ("rpi-lgpio", "rpi-lgpio", "RPi/GPIO/__init__.py", ["import lgpio\n", "can only be run on a Raspberry Pi!"]),
        ("lgpio", "rpi-lgpio", "lgpio.py", ["class error(Exception)", "0.1-10000", ".lgd-nfy"]),
        (
            "Jetson.GPIO",
            "jetson",
            "Jetson/GPIO/gpio.py",
            [
                "JETSON_INFO",
                "is not a PWM",
                "is invalid",
                "does not have permissions",
                "ignores setup()'s pull_up_down",
            ],
        ),
        ("Jetson.GPIO", "jetson", "Jetson/GPIO/gpio_cdev.py", ["set to output in pinmux", "set to input in pinmux"]),
        ("Jetson.GPIO", "jetson", "Jetson/GPIO/gpio_pin_data.py", ["Could not determine Jetson model"]),
    ],
)
def test_the_words_that_failures_are_known_by_are_the_real_librarys(
    distribution: str, folder: str, file: str, words: list[str]
) -> None:
    text = source_of(distribution, folder, file).read_text()
    assert [each for each in words if each not in text] == []


def orin_nano_header() -> list[tuple[object, ...]]:
    """Jetson.GPIO's table: line, name, chip, header pin, BCM number, two more names, PWM device, channel, register."""
    text = source_of("Jetson.GPIO", "jetson", "Jetson/GPIO/gpio_pin_data.py").read_text()
    rows: list[tuple[object, ...]] = ast.literal_eval(
        text.partition("JETSON_ORIN_NX_PIN_DEFS = ")[2].partition("\n]")[0] + "\n]"
    )
    return rows


def orin_nano_lines() -> dict[object, tuple[object, object]]:
    """(PWM device, channel) of each line on the header; both None where it has none."""
    return {row[0]: (row[7], row[8]) for row in orin_nano_header()}


def test_the_fake_jetson_has_the_pins_of_its_library() -> None:
    assert {row[4] for row in orin_nano_header()} == FakeJetsonGpio._HEADER
    assert {row[4] for row in orin_nano_header() if row[7] is not None} == FakeJetsonGpio._DIMS
