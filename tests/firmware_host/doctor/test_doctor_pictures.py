"""What doctor says of camera and lamp: a camera of numbers, on a virtual clock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from firmware_host.camera.port import Frame
from firmware_host.clock import VirtualClock
from firmware_host.doctor.finding import Finding
from firmware_host.doctor.pictures import camera_and_lamp
from firmware_host.errors import HardwareError
from firmware_host.gpio.rpi_gpio import RpiGpio
from firmware_host.profile import Profile
from firmware_host.twin.board import EmulatedBoard


class Shot:
    def __init__(self, frame: Frame) -> None:
        self.read_out = lambda: frame


class Numbers:
    """A free-running camera that sees even grey: `level(lamp is on)`."""

    def __init__(self, clock: VirtualClock, size: tuple[int, int], lit: Callable[[], bool]) -> None:
        self.shape = size
        self.closed = False
        self.period_ns, self.exposure_ns = 25_000_000, 8_000_000
        self.levels = {False: 2, True: 180}
        self.vanishes_after: int | None = None
        self._clock, self._lit, self._taken = clock, lit, 0

    def expose(self, not_before_ns: int, timeout_s: float) -> Shot:
        if self._taken == self.vanishes_after:
            raise HardwareError(f"camera: no frame within {timeout_s:g} s; check its cable")
        start_ns = -(-not_before_ns // self.period_ns) * self.period_ns
        self._clock.wait_until(start_ns + self.exposure_ns, "expose")
        self._taken += 1
        image = np.full((*self.shape, 3), self.levels[self._lit()], np.uint8)
        return Shot(Frame(image, start_ns, self.exposure_ns, self._taken))

    def close(self) -> None:
        self.closed = True


class Bench:
    def __init__(self, profile: Profile) -> None:
        camera = profile.camera.model_copy(update={"trigger": False})
        self.profile = profile.model_copy(update={"camera": camera})
        self.clock = VirtualClock()
        self.board = EmulatedBoard(self.clock)
        self.gpio: RpiGpio | None = RpiGpio(self.board)
        self.camera = Numbers(self.clock, (768, 1024), lambda: self.board.duty(profile.lamp.pin) > 0)

    def look(self) -> dict[str, Finding]:
        found = camera_and_lamp(lambda: self.camera, self.gpio, self.clock, self.profile)  # type: ignore[arg-type,return-value]
        return {finding.check: finding for finding in found}


@pytest.fixture
def bench(emulated: Profile) -> Bench:
    return Bench(emulated)


def test_a_camera_as_the_profile_tells_is_green(bench: Bench) -> None:
    found = bench.look()
    assert list(found) == ["camera", "exposure", "frame rate", "lamp"]
    assert {finding.state for finding in found.values()} == {"green"}
    assert found["frame rate"].detail == "a frame every 25.0 ms, the profile says 25"
    assert bench.camera.closed
    assert bench.board.duty(bench.profile.lamp.pin) == 0


@pytest.mark.parametrize(
    ("change", "check", "state", "words"),
    [
        ({"shape": (760, 1014)}, "camera", "red", "frames of 1014 x 760, the profile says 1024 x 768"),
        ({"exposure_ns": 9_000_000}, "exposure", "red", "9.00 ms, asked for 8"),
        ({"period_ns": 33_300_000}, "frame rate", "yellow", "a frame every 33.3 ms"),
        ({"levels": {False: 2, True: 10}}, "lamp", "red", "mean level 10 of 255 with the lamp, 2 without"),
        ({"levels": {False: 2, True: 255}}, "lamp", "yellow", "100.0% saturated"),
        ({"levels": {False: 2, True: 40}}, "lamp", "yellow", "mean level 40"),
        ({"levels": {False: 90, True: 200}}, "lamp", "yellow", "90 without"),
    ],
)
def test_what_differs_is_told(bench: Bench, change: dict[str, Any], check: str, state: str, words: str) -> None:
    for name, value in change.items():
        setattr(bench.camera, name, value)
    found = bench.look()
    assert (found[check].state, bool(found[check].remedy)) == (state, True)
    assert words in found[check].detail


def test_a_camera_that_is_not_there_is_one_red_line(bench: Bench) -> None:
    def absent() -> Any:
        raise HardwareError("camera: none was found; check its cable")

    found = camera_and_lamp(absent, bench.gpio, bench.clock, bench.profile)
    assert found == [Finding("camera", "red", "none was found", "check its cable")]


@pytest.mark.parametrize("taken", [0, 1, 5, 12])
def test_a_camera_that_vanishes_is_red_and_lamp_and_camera_are_off(bench: Bench, taken: int) -> None:
    bench.camera.vanishes_after = taken
    found = bench.look()
    assert "red" in {finding.state for finding in found.values()}
    assert bench.camera.closed
    assert bench.board.duty(bench.profile.lamp.pin) == 0


def test_without_pins_the_lamp_is_left_alone(bench: Bench) -> None:
    bench.gpio = None
    assert list(bench.look()) == ["camera", "exposure", "frame rate"]
