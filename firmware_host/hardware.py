"""The place that reads the profile and opens the scanner it describes. Nothing else knows whether it is real."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from firmware_host.camera.picamera2 import PiCamera
from firmware_host.camera.port import Camera, Frame
from firmware_host.cancel import CancelToken
from firmware_host.clock import Clock, MonotonicClock
from firmware_host.errors import HardwareError, UsageError
from firmware_host.gpio.choice import open_port
from firmware_host.gpio.port import GpioPort
from firmware_host.gpio.rpi_gpio import RpiGpio
from firmware_host.lamp import Lamp
from firmware_host.motion.stage import Stage
from firmware_host.profile import Profile


@dataclass(frozen=True)
class Scanner:
    """An open scanner.

    :param truth: on the twin, the true focus error of a frame in um (None: nothing to focus on); on hardware there
        is none. For reports only: nothing that moves may look at it.
    """

    profile: Profile
    clock: Clock
    camera: Camera
    stage: Stage
    lamp: Lamp
    gpio: GpioPort
    cancel: CancelToken
    truth: Callable[[Frame], float | None] | None

    def close(self) -> None:
        """The one way out: pulses end, drivers and lamp off, the camera given back. Safe to call twice.

        The pins are left as they are then. As inputs they would float, and most drivers take that for "on".
        """
        with ExitStack() as everything:  # each of them, whatever the others raise
            everything.callback(self.camera.close)
            everything.callback(self.lamp.off)
            everything.callback(self.stage.shutdown)


def open_scanner(profile: Profile, seed: int, slide: Path | None, cancel: CancelToken) -> Scanner:
    """Open the scanner that the profile describes; everything is off and nothing has moved.

    :param seed, slide: of the emulated slide; not used on hardware.
    :raises HardwareError: a driver is missing or does not answer. :raises UsageError: only half of it is emulated.
    """
    emulated = {profile.hardware.gpio == "emulated", profile.hardware.camera == "emulated"}
    if len(emulated) > 1:
        raise UsageError(f"profile {profile.name}: hardware.gpio and hardware.camera are emulated both, or neither is")
    return _emulated(profile, seed, slide, cancel) if True in emulated else _real(profile, cancel)


def _real(profile: Profile, cancel: CancelToken) -> Scanner:
    """Pins first, so that the motors are off while everything else starts."""
    clock = MonotonicClock()
    gpio = open_port(profile.hardware)
    stage = Stage(profile, gpio, clock, cancel)
    lamp = Lamp(profile.lamp, gpio)
    camera = PiCamera(profile.camera, clock)
    return Scanner(profile, clock, camera, stage, lamp, gpio, cancel, truth=None)


def _emulated(profile: Profile, seed: int, slide: Path | None, cancel: CancelToken) -> Scanner:
    try:
        from firmware_host.twin.emulation import Emulation
    except ImportError as error:
        raise HardwareError(f"the emulated scanner needs {error.name}: pip install 'wsi-scanner[twin]'") from error

    emulation = Emulation(profile, seed, slide)
    gpio = RpiGpio(emulation.board)
    stage = Stage(profile, gpio, emulation.clock, cancel)
    lamp = Lamp(profile.lamp, gpio)
    return Scanner(
        profile=profile,
        clock=emulation.clock,
        camera=emulation.camera,
        stage=stage,
        lamp=lamp,
        gpio=gpio,
        cancel=cancel,
        truth=emulation.focus_error_um,
    )
