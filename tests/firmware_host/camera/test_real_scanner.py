"""A scanner with real drivers, opened and closed: motors and lamp are off whatever happens."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest
from fake_picamera2 import FakePicamera2

from firmware_host import hardware
from firmware_host.cancel import CancelToken
from firmware_host.clock import VirtualClock
from firmware_host.errors import HardwareError, UsageError
from firmware_host.profile import Profile, load_profile
from firmware_host.profile_tables import AXES
from firmware_host.twin.board import EmulatedBoard


@pytest.fixture
def profile() -> Profile:
    return load_profile("rpi5-imx477-20x")


@pytest.fixture
def board(monkeypatch: pytest.MonkeyPatch) -> EmulatedBoard:
    """What stands for RPi.GPIO."""
    clock = VirtualClock()
    board, package = EmulatedBoard(clock), ModuleType("RPi")
    monkeypatch.setattr(package, "GPIO", board, raising=False)
    monkeypatch.setitem(sys.modules, "RPi", package)
    monkeypatch.setitem(sys.modules, "RPi.GPIO", board)
    monkeypatch.setattr(hardware, "MonotonicClock", lambda: clock)
    return board


@pytest.fixture
def camera(monkeypatch: pytest.MonkeyPatch, board: EmulatedBoard, profile: Profile) -> FakePicamera2:
    """What stands for picamera2."""
    fake = FakePicamera2(hardware.MonotonicClock(), (profile.camera.width_px, profile.camera.height_px))  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "picamera2", fake)
    return fake


def everything_is_off(board: EmulatedBoard, profile: Profile) -> bool:
    """High is off for drivers; pins are outputs, so that they stay so."""
    enables = [profile.axes.of(name).enable_pin for name in AXES]
    driven = all(board.gpio_function(pin) == board.OUT and board.level(pin) for pin in enables)
    return driven and board.duty(profile.lamp.pin) == 0 and not board.level(profile.lamp.pin)


def test_it_opens_with_everything_off_and_closes_the_same_way(
    profile: Profile, board: EmulatedBoard, camera: FakePicamera2
) -> None:
    scanner = hardware.open_scanner(profile, 1, None, CancelToken())
    assert everything_is_off(board, profile)
    assert scanner.truth is None
    settled_ns = scanner.clock.now_ns()
    assert scanner.camera.expose(settled_ns, 1.0).read_out().exposure_start_ns >= settled_ns
    scanner.lamp.on()
    scanner.close()
    scanner.close()
    assert everything_is_off(board, profile)
    assert not camera.opened[0].started


def test_without_a_camera_everything_stays_off(profile: Profile, board: EmulatedBoard, camera: FakePicamera2) -> None:
    camera.absent = True
    with pytest.raises(HardwareError, match="none was found"):
        hardware.open_scanner(profile, 1, None, CancelToken())
    assert everything_is_off(board, profile)


def test_a_camera_that_cannot_be_closed_does_not_keep_the_motors_on(
    profile: Profile, board: EmulatedBoard, camera: FakePicamera2, monkeypatch: pytest.MonkeyPatch
) -> None:
    scanner = hardware.open_scanner(profile, 1, None, CancelToken())
    scanner.lamp.on()

    def refuses() -> None:
        raise RuntimeError("camera is gone")

    monkeypatch.setattr(scanner.camera, "close", refuses)
    with pytest.raises(RuntimeError, match="camera is gone"):
        scanner.close()
    assert everything_is_off(board, profile)


@pytest.mark.parametrize("half", [{"gpio": "emulated"}, {"camera": "emulated"}])
def test_half_an_emulated_scanner_is_refused(profile: Profile, half: dict[str, str]) -> None:
    table = profile.hardware.model_copy(update=half)
    with pytest.raises(UsageError, match="are emulated both, or neither is"):
        hardware.open_scanner(profile.model_copy(update={"hardware": table}), 1, None, CancelToken())
