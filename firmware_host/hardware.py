"""The place that reads the profile and opens the scanner it describes. Nothing else knows whether it is real."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from firmware_host.camera.port import Camera, Frame
from firmware_host.cancel import CancelToken
from firmware_host.clock import Clock
from firmware_host.errors import HardwareError
from firmware_host.gpio.port import GpioPort
from firmware_host.motion.stage import Stage
from firmware_host.profile import LampTable, Profile


class Lamp:
    """The transmitted light, dimmed by PWM; off until it is needed."""

    def __init__(self, table: LampTable, gpio: GpioPort) -> None:
        self._table = table
        self._gpio = gpio
        gpio.setup_output(table.pin, False)

    def on(self) -> None:
        self._gpio.pwm(self._table.pin, self._table.frequency_hz, self._table.duty)

    def off(self) -> None:
        self._gpio.pwm(self._table.pin, self._table.frequency_hz, 0.0)


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
        """The one way out: pulses end, drivers and lamp off, camera and pins given back. Safe to call twice."""
        self.stage.shutdown()
        self.lamp.off()
        self.camera.close()


def open_scanner(profile: Profile, seed: int, slide: Path | None, cancel: CancelToken) -> Scanner:
    """Open the scanner that the profile describes; everything is off and nothing has moved.

    :param seed, slide: of the emulated slide; not used on hardware.
    :raises HardwareError: a driver is missing or does not answer.
    """
    from firmware_host.gpio.rpi_gpio import RpiGpio

    if profile.hardware.gpio != "emulated":
        raise HardwareError(
            f"profile {profile.name}: the drivers {profile.hardware.gpio} and {profile.hardware.camera} "
            "are not part of this version yet; scan with the profile 'emulated'"
        )
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
