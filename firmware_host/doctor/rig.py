"""How the preflight reaches pins and camera, one by one, as one may be broken: the scanner is not opened as a whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from firmware_host.camera.choice import open_camera, open_replay
from firmware_host.camera.port import Camera
from firmware_host.clock import Clock, MonotonicClock
from firmware_host.errors import HardwareError
from firmware_host.gpio.choice import open_port
from firmware_host.gpio.port import GpioPort
from firmware_host.gpio.rpi_gpio import RpiGpio
from firmware_host.profile import Profile

Hand = Callable[[int], None]
"""Presses and lets go the switch on a pin."""


@dataclass(frozen=True)
class Rig:
    """:param hand: on the twin, who presses its switches; None: a person must be asked."""

    profile: Profile
    clock: Clock
    open_pins: Callable[[], GpioPort]
    open_camera: Callable[[], Camera]
    hand: Hand | None


def rig_of(profile: Profile) -> Rig:
    """Nothing is opened yet.

    :raises HardwareError: the emulation's packages are missing.
    """
    if profile.hardware.is_emulated:
        return _emulated(profile)
    clock = MonotonicClock()
    return Rig(
        profile,
        clock,
        lambda: open_port(profile.hardware),
        lambda: open_camera(profile.hardware, profile.camera, clock),
        None,
    )


def _emulated(profile: Profile) -> Rig:
    try:
        from firmware_host.twin.emulation import Emulation
    except ImportError as error:
        raise HardwareError(f"the emulated scanner needs {error.name}; pip install 'wsi-scanner[twin]'") from error
    emulation = Emulation(profile, 1, None)

    def press(pin: int) -> None:
        before = emulation.board.level(pin)
        emulation.board.drive(pin, False)
        emulation.board.drive(pin, before)

    def camera() -> Camera:
        if profile.hardware.camera == "replay":
            z = profile.axes.z
            return open_replay(profile, emulation.clock, lambda: (0.0, 0.0, (z.soft_min_um + z.soft_max_um) / 2))
        return emulation.camera

    return Rig(profile, emulation.clock, lambda: RpiGpio(emulation.board), camera, press)
