"""One thing at a time, on the emulated scanner."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from firmware_host.cli import app, manual
from firmware_host.clock import VirtualClock
from firmware_host.errors import HardwareError, UsageError
from firmware_host.hardware import Scanner, open_scanner
from firmware_host.profile import load_profile
from firmware_host.profile_tables import AXES
from firmware_host.twin.board import EmulatedBoard

EMULATED = ("--profile", "emulated")


@pytest.fixture(autouse=True)
def scanners(monkeypatch: pytest.MonkeyPatch) -> list[Scanner]:
    """Those that were opened."""
    opened: list[Scanner] = []

    def remembered(*arguments: Any) -> Scanner:
        opened.append(open_scanner(*arguments))
        return opened[-1]

    monkeypatch.setattr(manual, "open_scanner", remembered)
    return opened


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, [*arguments, *EMULATED])
    if result.exception is not None:
        raise result.exception
    return result.output


def test_homing_ends_at_zero() -> None:
    assert run("home") == "x 0 um  y 0 um  z 0 um\n"


def test_the_stage_goes_where_it_is_sent_and_is_shut_down(scanners: list[Scanner]) -> None:
    place = json.loads(run("jog", "--x", "1000", "--z", "20.5", "--json"))
    assert place == pytest.approx({"x_um": 1000, "y_um": 0, "z_um": 20.5}, abs=0.2)
    (scanner,) = scanners
    with pytest.raises(HardwareError, match="shut down"):
        scanner.stage.home()


def test_beyond_the_limits_it_does_not_move(scanners: list[Scanner]) -> None:
    with pytest.raises(UsageError, match=r"axis z: 601\.000 um is outside its soft limits"):
        run("jog", "--x", "1000", "--z", "601")
    assert scanners[0].stage.x_um == 0


def test_the_lamp_is_on_for_as_long_as_asked(scanners: list[Scanner]) -> None:
    assert run("lamp", "--seconds", "2.5") == "lamp on, duty 0.6\nlamp off\n"
    assert scanners[0].clock.now_ns() == pytest.approx(2.5e9)


@pytest.mark.parametrize("name", ["frame.png", "frame.jpg", "frame.tif"])
def test_a_frame_is_taken_with_the_lamp_on(tmp_path: Path, name: str) -> None:
    out = tmp_path / name
    told = json.loads(run("capture", "--out", str(out), "--z", "330", "--json"))
    image = np.asarray(Image.open(out))
    assert image.shape == (768, 1024, 3)
    assert told["mean_level"] == pytest.approx(image.mean(), abs=1)
    assert 60 < told["mean_level"] < 250
    assert told["saturated_percent"] < 5


def test_a_sharp_frame_is_told_from_a_blurred_one(tmp_path: Path) -> None:
    found = json.loads(run("focus", "--json"))["z_um"]
    sharp, blurred = (
        json.loads(run("capture", "--out", str(tmp_path / f"{z}.png"), "--z", str(z), "--json"))["brenner"]
        for z in (found, found + 15)
    )
    assert sharp > 2 * blurred


def test_where_there_is_only_glass_no_focus_is_made_up() -> None:
    with pytest.raises(
        HardwareError, match="focus: nothing sharp within 88 um of z = 300 um; check that there is tissue"
    ):
        run("focus", "--x", "100", "--y", "100")


@pytest.mark.parametrize(
    ("name", "words"), [("frame.gif", "give it one of the endings"), ("there.png", "is there already")]
)
def test_an_output_that_cannot_be_is_told_before_anything_moves(
    tmp_path: Path, name: str, words: str, scanners: list[Scanner]
) -> None:
    (tmp_path / "there.png").write_bytes(b"mine")
    with pytest.raises(UsageError, match=words):
        run("capture", "--out", str(tmp_path / name))
    assert (tmp_path / "there.png").read_bytes() == b"mine"
    assert not scanners


def test_off_switches_off_what_a_dead_program_has_left_on(monkeypatch: pytest.MonkeyPatch) -> None:
    profile = load_profile("rpi5-imx477-20x")
    board, package = EmulatedBoard(VirtualClock()), ModuleType("RPi")
    monkeypatch.setattr(package, "GPIO", board, raising=False)
    monkeypatch.setitem(sys.modules, "RPi", package)
    monkeypatch.setitem(sys.modules, "RPi.GPIO", board)
    lamp = profile.lamp.model_copy(update={"pwm_chip": None})
    pins = profile.hardware.model_copy(update={"gpio": "rpi_gpio"})
    monkeypatch.setattr(manual, "load_profile", lambda _: profile.model_copy(update={"lamp": lamp, "hardware": pins}))
    board.setmode(board.BCM)
    enables = [profile.axes.of(name).enable_pin for name in AXES]
    board.setup([*enables, lamp.pin], board.OUT, initial=0)
    board.output(lamp.pin, True)
    done = CliRunner().invoke(app, ["off", "--profile", "mine.toml"])
    assert (done.exit_code, done.stdout) == (0, "motors and lamp are off\n")
    assert all(board.level(pin) for pin in enables)
    assert not board.level(lamp.pin)
    assert all(board.gpio_function(pin) == board.OUT for pin in enables), "floating, they might mean on"


def test_off_is_no_command_for_an_emulated_scanner() -> None:
    done = CliRunner().invoke(app, ["off", "--profile", "emulated"])
    assert isinstance(done.exception, UsageError)
