"""Which driver serves the pins of this machine."""

from __future__ import annotations

from firmware_host.gpio import chips
from firmware_host.gpio.libgpiod import LibGpiod
from firmware_host.gpio.port import GpioPort
from firmware_host.gpio.rpi_gpio import open_rpi_gpio
from firmware_host.profile_tables import HardwareTable


def open_port(hardware: HardwareTable) -> GpioPort:
    """The port over real pins that the profile names.

    :raises HardwareError: its library is missing or refuses this board. :raises ValueError: the pins are emulated.
    """
    pulls = hardware.pulls == "board"
    if hardware.gpio == "gpiod":
        gpiod = chips.library()
        return LibGpiod(chips.find(hardware.gpio_chip, gpiod), gpiod, pulls)
    if hardware.gpio == "rpi_gpio":
        return open_rpi_gpio(pulls)
    raise ValueError("emulated pins belong to an emulation")
