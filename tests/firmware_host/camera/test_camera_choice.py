"""The profile names the camera; what does not go together is refused before anything is opened."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from fake_cv2 import FakeCv2
from fake_picamera2 import FakePicamera2

from firmware_host.camera.choice import open_camera, reopener
from firmware_host.camera.opencv import OpenCvCamera
from firmware_host.camera.picamera2 import PiCamera
from firmware_host.clock import VirtualClock
from firmware_host.errors import UsageError
from firmware_host.profile import Profile, load_profile, parse_profile
from firmware_host.profile_tables import HardwareTable


@pytest.mark.parametrize(("camera", "kind"), [("picamera2", PiCamera), ("opencv", OpenCvCamera)])
def test_the_profile_names_the_driver(
    emulated: Profile, camera: str, kind: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = VirtualClock(start_ns=1_000_000_000_000)
    table = emulated.camera.model_copy(update={"trigger": False, "source": "0"})
    monkeypatch.setitem(sys.modules, "cv2", FakeCv2(clock, table))  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "picamera2", FakePicamera2(clock, (table.width_px, table.height_px)))  # type: ignore[arg-type]
    hardware = HardwareTable(gpio="gpiod", camera=camera)  # type: ignore[arg-type]
    opened = open_camera(hardware, table, clock)
    assert type(opened) is kind
    opened.close()
    again = reopener(hardware, table, clock)
    assert again is not None
    reopened = again()
    assert type(reopened) is kind
    assert reopened is not opened
    reopened.close()


@pytest.mark.parametrize("camera", ["emulated", "replay"])
def test_a_camera_that_is_not_there_is_not_opened_here(emulated: Profile, camera: str) -> None:
    with pytest.raises(ValueError, match="belong to an emulation"):
        open_camera(HardwareTable(gpio="emulated", camera=camera), emulated.camera, VirtualClock())  # type: ignore[arg-type]
    assert reopener(HardwareTable(gpio="emulated", camera=camera), emulated.camera, VirtualClock()) is None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("gpio", "camera", "source", "words"),
    [
        ("emulated", "picamera2", "", "gpio and camera are emulated both, or neither is"),
        ("emulated", "opencv", "0", "gpio and camera are emulated both, or neither is"),
        ("gpiod", "emulated", "", "gpio and camera are emulated both, or neither is"),
        ("gpiod", "replay", "stacks", "replay goes with emulated gpio"),
        ("emulated", "replay", "", r"camera\.source is needed with hardware\.camera = 'replay'"),
        ("gpiod", "opencv", "", r"camera\.source is needed with hardware\.camera = 'opencv'"),
        ("gpiod", "nikon", "", "hardware.camera = 'nikon'"),
    ],
)
def test_what_does_not_go_together_is_refused(
    emulated: Profile, gpio: str, camera: str, source: str, words: str
) -> None:
    data: dict[str, Any] = emulated.model_dump()
    data["hardware"] |= {"gpio": gpio, "camera": camera}
    data["camera"] |= {"source": source}
    with pytest.raises(UsageError, match=f"^profile mine.toml: .*{words}"):
        parse_profile(data, "mine.toml")


@pytest.mark.parametrize(("gpio", "camera"), [("emulated", "emulated"), ("emulated", "replay"), ("gpiod", "opencv")])
def test_what_goes_together_is_taken(emulated: Profile, gpio: str, camera: str) -> None:
    data: dict[str, Any] = emulated.model_dump()
    data["hardware"] |= {"gpio": gpio, "camera": camera}
    data["camera"] |= {"source": "somewhere"}
    assert parse_profile(data, "mine.toml").hardware.camera == camera


def test_a_jetson_is_shipped_with_a_pipeline_in_which_nothing_is_automatic() -> None:
    profile = load_profile("jetson-orin-nano-20x")
    clock = VirtualClock(start_ns=1_000_000_000_000)
    assert profile.hardware.camera == "opencv"
    library = FakeCv2(clock, profile.camera)

    class Parked(OpenCvCamera):
        def _drain(self) -> bool:
            return False

    frame = Parked(profile.camera, clock, library).expose(clock.now_ns(), profile.camera.timeout_s).read_out()
    assert frame.exposure_ns == profile.camera.exposure_ms * 1e6
    for written in (f"width={profile.camera.width_px}", f"height={profile.camera.height_px}"):
        assert written in profile.camera.source
