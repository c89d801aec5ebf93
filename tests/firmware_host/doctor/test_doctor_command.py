"""`wsi-host doctor` as a user starts it: on the twin, and on a scanner whose parts are missing."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from importlib import resources
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from firmware_host.cli import app
from firmware_host.doctor import examination, rig
from firmware_host.errors import HardwareError, UsageError
from firmware_host.gpio.rpi_gpio import RpiGpio
from firmware_host.profile import Profile, load_profile
from firmware_host.profile_tables import AXES
from firmware_host.twin.board import EmulatedBoard

FEW = ("--patches", "3")
REAL = load_profile("rpi5-imx477-20x")
LIMITS = {name: REAL.axes.of(name).limit_pin for name in AXES}


def doctor(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["doctor", *FEW, *arguments])


def findings(result: Result) -> dict[str, dict[str, str]]:
    listed = json.loads(result.stdout)
    assert all(list(entry) == ["check", "state", "detail", "remedy"] for entry in listed)
    named = {entry["check"]: entry for entry in listed}
    assert len(named) == len(listed), "two findings of one name"
    return named


@pytest.fixture
def boards(monkeypatch: pytest.MonkeyPatch) -> list[EmulatedBoard]:
    """The twin's boards that were opened."""
    opened: list[EmulatedBoard] = []

    def remembered(board: Any, *more: Any) -> RpiGpio:
        opened.append(board)
        return RpiGpio(board, *more)

    monkeypatch.setattr(rig, "RpiGpio", remembered)
    return opened


def never_moved(board: EmulatedBoard, profile: Profile) -> bool:
    tables = [profile.axes.of(name) for name in AXES]
    still = not any(board.history(table.step_pin) for table in tables)
    off = all([level for _, level in board.history(table.enable_pin)] == [True] for table in tables)
    return still and off and board.duty(profile.lamp.pin) == 0


def test_the_whole_preflight_on_the_twin(boards: list[EmulatedBoard], emulated: Profile) -> None:
    result = doctor("--profile", "emulated", "--json")
    assert result.exit_code == 0, result.output
    found = findings(result)
    assert {entry["state"] for entry in found.values()} <= {"green", "yellow"}
    whole = {
        *("board", "system", "python", "libraries", "time", "temperature", "supply", "disk", "GPIO", "camera"),
        *("exposure", "frame rate", "lamp", "bundle", "optics", "time of int8", "time of fp32", "agreement of fp32"),
        *(f"limit switch of axis {axis}" for axis in "xyz"),
        *(f"pin {pin}, {key}" for key, pin in emulated._pins()),
    }
    assert set(found) == whole
    wired = [entry for check, entry in found.items() if "pin" in check or "switch" in check or check == "lamp"]
    assert {entry["state"] for entry in wired} == {"green"}
    assert never_moved(boards[0], emulated)


def test_a_fault_on_the_twin_is_red_and_named_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    real = rig.rig_of

    def broken(profile: Profile) -> rig.Rig:
        made = real(profile)

        def with_fault() -> Any:
            gpio: Any = made.open_pins()
            gpio._board.drive(13, False)
            return gpio

        return replace(made, open_pins=with_fault)

    monkeypatch.setattr(examination, "rig_of", broken)
    result = doctor("--profile", "emulated", "--no-input")
    assert isinstance(result.exception, HardwareError)
    assert "1 to mend; first pin 13, axes.y.fault_pin: low: the driver reports a fault; check" in str(result.exception)
    assert "red    pin 13, axes.y.fault_pin: low: the driver reports a fault\n" in result.stdout
    assert "       -> check the driver's motor supply" in result.stdout


@pytest.fixture
def scanner(monkeypatch: pytest.MonkeyPatch) -> EmulatedBoard:
    """What stands for RPi.GPIO on a board without a camera."""
    from firmware_host.clock import VirtualClock

    clock = VirtualClock()
    board, package = EmulatedBoard(clock), ModuleType("RPi")
    monkeypatch.setattr(package, "GPIO", board, raising=False)
    monkeypatch.setitem(sys.modules, "RPi", package)
    monkeypatch.setitem(sys.modules, "RPi.GPIO", board)
    monkeypatch.setitem(sys.modules, "picamera2", None)
    monkeypatch.setattr(rig, "MonotonicClock", lambda: clock)
    return board


@pytest.fixture
def mine(tmp_path: Path) -> str:
    """The shipped Raspberry Pi's profile, over RPi.GPIO."""
    text = (resources.files("firmware_host") / "profiles" / "rpi5-imx477-20x.toml").read_text()
    assert 'gpio = "gpiod"' in text
    (tmp_path / "mine.toml").write_text(text.replace('gpio = "gpiod"', 'gpio = "rpi_gpio"'))
    return str(tmp_path / "mine.toml")


@pytest.mark.parametrize("arguments", [(), ("--no-input",), ("--no-input", "--press")])
def test_without_a_terminal_nobody_is_asked_and_nothing_waits(
    scanner: EmulatedBoard, mine: str, arguments: tuple[str, ...]
) -> None:
    result = doctor("--profile", mine, "--json", *arguments)
    assert isinstance(result.exception, HardwareError)
    found = findings(result)
    assert found["limit switch of axis x"]["state"] == "yellow"
    assert found["pin 22, axes.x.limit_pin"]["state"] == "green"
    assert found["camera"]["state"] == "red"
    assert "picamera2 cannot be imported" in found["camera"]["detail"]
    assert found["bundle"]["state"] == "green", "one failure does not hide the rest"
    assert never_moved(scanner, REAL)


def test_who_asks_for_presses_gets_them(scanner: EmulatedBoard, mine: str) -> None:
    result = doctor("--profile", mine, "--json", "--press")
    found = findings(result)
    assert found["limit switch of axis x"]["detail"] == "nothing seen on pin 22 within 30 s"
    assert "press the limit switch of axis y now and let it go (pin 12, 30 s)" in result.stderr


def test_wrong_input_is_told_at_once() -> None:
    result = doctor("--profile", "none")
    assert isinstance(result.exception, UsageError)
    assert result.stdout == ""


def test_a_bundle_that_is_missing_or_for_other_optics_is_red(tmp_path: Path) -> None:
    found = findings(doctor("--json", "--bundle", "none.wsimodel"))
    assert found["bundle"]["state"] == "red"
    assert "no such file" in found["bundle"]["detail"]
    low = (resources.files("firmware_host") / "profiles" / "emulated.toml").read_text().replace("na = 0.75", "na = 0.1")
    (tmp_path / "low.toml").write_text(low)
    found = findings(doctor("--profile", str(tmp_path / "low.toml"), "--json"))
    assert found["optics"]["state"] == "red"
    assert "the objective has 0.1" in found["optics"]["detail"]
