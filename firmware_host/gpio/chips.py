"""The kernel's GPIO chips: which is the board's header, who holds a line. The only module that imports gpiod."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firmware_host.errors import HardwareError

# Raspberry Pi 5; 4; 3 and older; Jetson Orin. Numbers of chips change with the kernel, labels do not.
HEADERS = ("pinctrl-rp1", "pinctrl-bcm2711", "pinctrl-bcm2835", "tegra234-gpio")
NO_PERMISSION = "no permission; sudo usermod -aG gpio $USER, then log in again"
NO_PULLS = (
    "this board's pull resistors are not switched by software; fit one from each input to 3.3 V, then set "
    'hardware.pulls = "external"'
)
NO_GROUP = (
    "without a group gpio: sudo groupadd -r gpio, and as /etc/udev/rules.d/60-gpio.rules "
    'SUBSYSTEM=="gpio", KERNEL=="gpiochip*", GROUP="gpio", MODE="0660"'
)


@dataclass(frozen=True)
class Chip:
    """:param path: its device file."""

    path: str
    label: str
    lines: int

    def __str__(self) -> str:
        return f"{self.path} [{self.label}, {self.lines} lines]"

    @property
    def has_pulls(self) -> bool:
        """Whether its driver switches pull resistors: a Tegra's leaves them to the device tree, and says nothing."""
        return not self.label.startswith("tegra")


def library() -> Any:
    """:raises HardwareError: gpiod is not installed."""
    try:
        import gpiod
    except ImportError as error:
        raise HardwareError("GPIO: gpiod is not installed; pip install 'gpiod>=2.2'") from error
    return gpiod


def find(wanted: str, gpiod: Any, devices: Path = Path("/dev")) -> Chip:
    """The chip that a profile names.

    :param wanted: a device file, a label, or `auto` for that of a known board's header.
    :param gpiod: the library, or what stands for it. :param devices: folder of the device files.
    :raises HardwareError: there is none, or no permission.
    """
    if wanted.startswith("/"):
        return _look(wanted, gpiod)
    found, refused = [], None
    for path in sorted(devices.glob("gpiochip*")):
        try:
            found.append(_look(str(path), gpiod))
        except HardwareError as error:
            refused = error
    labels = HEADERS if wanted == "auto" else (wanted,)
    for chip in found:
        if chip.label in labels:
            return chip
    if refused is not None:
        raise refused
    there = ", ".join(map(str, found)) or "none at all"
    what = "none that is known as a board's header" if wanted == "auto" else f"none with the label {wanted}"
    raise HardwareError(f"GPIO chips: {what}; name one as hardware.gpio_chip; there are: {there}")


def holder(chip: Chip, line: int, gpiod: Any) -> str:
    """Who holds a line, as a quoted name; "another program" where nobody can tell."""
    try:
        opened = gpiod.Chip(chip.path)
        try:
            return f"'{opened.get_line_info(line).consumer}'"
        finally:
            opened.close()
    except (OSError, ValueError):
        return "another program"


def _look(path: str, gpiod: Any) -> Chip:
    try:
        opened = gpiod.Chip(path)
        try:
            info = opened.get_info()
            return Chip(path, info.label, info.num_lines)
        finally:
            opened.close()
    except PermissionError as error:
        raise HardwareError(f"GPIO chip {path}: {NO_PERMISSION}; {NO_GROUP}") from error
    except OSError as error:
        raise HardwareError(
            f"GPIO chip {path}: not there, or no GPIO chip ({error.strerror}); "
            'set hardware.gpio_chip = "auto", or name one of gpiodetect\'s'
        ) from error
