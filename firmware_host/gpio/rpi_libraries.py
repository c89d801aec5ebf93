"""The three libraries that are imported as RPi.GPIO: which one it is, what it cannot do, what its errors mean.

RPi.GPIO serves a Raspberry Pi up to the 4, rpi-lgpio any on a recent kernel, Jetson.GPIO a Jetson. Read from their
sources: RPi.GPIO 0.7.1, rpi-lgpio 0.6 over lgpio 0.2.2, Jetson.GPIO 2.1.13.
"""

from __future__ import annotations

import importlib.metadata
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firmware_host.errors import HardwareError
from firmware_host.gpio import chips

NAMES = ("RPi.GPIO", "rpi-lgpio", "Jetson.GPIO")
_MODEL = Path("/proc/device-tree/model")


@dataclass(frozen=True)
class Library:
    """:param errors: what it raises when it refuses; :param has_pulls: whether it switches pull resistors.

    :param max_pwm_hz: highest frequency that it dims at.
    """

    name: str
    errors: tuple[type[Exception], ...]
    has_pulls: bool = True
    max_pwm_hz: float = math.inf


def library_of(board: Any) -> Library:
    """Which of the three a module is, by what it alone has; what stands for RPi.GPIO counts as that."""
    if hasattr(board, "lgpio"):
        return Library("rpi-lgpio", (RuntimeError, ValueError, OSError, board.lgpio.error), max_pwm_hz=10_000)
    if hasattr(board, "JETSON_INFO"):  # which raises plain Exceptions too
        return Library("Jetson.GPIO", (Exception,), has_pulls=False)
    return Library("RPi.GPIO", (RuntimeError, ValueError, OSError))


def check_installed(folder_of: Callable[[str], str | None] | None = None, model: Path = _MODEL) -> None:
    """:raises HardwareError: two of them are in one folder: they overwrite each other's files, and neither is whole.

    An environment that sees the system's packages may have one of its own beside the system's, and imports its own.

    :param folder_of: where one of them is installed. :param model: file that tells what board this is.
    """
    folders = {name: folder for name in NAMES if (folder := (folder_of or _folder_of)(name)) is not None}
    for folder in folders.values():
        there = [name for name in folders if folders[name] == folder]
        if len(there) > 1:
            raise HardwareError(
                f"GPIO: {' and '.join(there)} are both installed in {folder}, and each is the package RPi: "
                f"pip uninstall -y {' '.join(there)}, then pip install {_fitting(model, there)}"
            )


def refusal_to_open(error: Exception) -> HardwareError:
    """What it means when the library cannot be imported, or does not take its pins' numbers."""
    if isinstance(error, ImportError):
        return HardwareError(
            "GPIO: RPi.GPIO is not installed; pip install rpi-lgpio (Raspberry Pi) or Jetson.GPIO (Jetson), "
            'or set hardware.gpio = "gpiod"'
        )
    return HardwareError(f"GPIO: RPi.GPIO refuses this board: {_one_line(error)}; {_remedy(error, _AT_OPENING)}")


def refusal(library: Library, pin: int, what: str, error: Exception) -> HardwareError:
    """What it means when the library refuses a call on a pin."""
    if library.name == "rpi-lgpio" and "GPIO busy" in str(error):
        return HardwareError(f"GPIO pin {pin}: in use by {_holder(pin)}; stop it, or choose another pin")
    return HardwareError(f"GPIO pin {pin}: cannot {what}: {_one_line(error)}; {_remedy(error, _ON_A_PIN)}")


def pinmux_refusal(pin: int) -> HardwareError:
    return HardwareError(
        f"GPIO pin {pin}: the Jetson's pin multiplexer does not give it to GPIO in this direction, so it would not "
        "move: sudo /opt/nvidia/jetson-io/jetson-io.py, or a device tree overlay (JetPack 6), then start again"
    )


_PERMISSION = f"{chips.NO_PERMISSION}; {chips.NO_GROUP}"
_USE_LGPIO = 'pip uninstall -y RPi.GPIO and pip install rpi-lgpio, or set hardware.gpio = "gpiod"'
_AT_OPENING = (
    (r"peripheral base address", f"it knows a Raspberry Pi up to the 4 only: {_USE_LGPIO}"),
    (r"/dev/mem|permission|can not open gpiochip", _PERMISSION),
    (r"\.lgd-nfy", "lgpio writes into the folder that it is started in: start it in one of yours, or set LG_WD to one"),
    (
        r"only be run on a Raspberry Pi|Jetson model",
        'install the library of this board, or set hardware.gpio = "gpiod"',
    ),
    (r"", 'on a Pi 5 install rpi-lgpio, on a Jetson Jetson.GPIO, or set hardware.gpio = "gpiod"'),
)
_ON_A_PIN = (
    (r"add edge detection", f"RPi.GPIO cannot on a kernel from 6.6 on, which numbers pins otherwise: {_USE_LGPIO}"),
    (r"\[Errno 16\]|busy", "another program or a kernel driver holds it: gpioinfo names it"),
    (r"\[Errno 13\]|permission", _PERMISSION),
    (r"is not a PWM", "this board dims at few pins, after jetson-io: set lamp.pwm_chip, or lamp.duty = 1.0"),
    (r"", "check the pin in the profile"),
)


def _remedy(error: Exception, known: tuple[tuple[str, str], ...]) -> str:
    said = f"{error}"
    return next(remedy for pattern, remedy in known if re.search(pattern, said))


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")


def _folder_of(name: str) -> str | None:
    try:
        return str(importlib.metadata.distribution(name).locate_file(""))
    except importlib.metadata.PackageNotFoundError:
        return None


def _fitting(model: Path, there: list[str]) -> str:
    """Which of the installed ones this board should keep: rpi-lgpio serves every Raspberry Pi."""
    try:
        is_jetson = "Jetson" in model.read_text(errors="replace")
    except OSError:
        is_jetson = "Jetson.GPIO" in there and "rpi-lgpio" not in there
    return "Jetson.GPIO" if is_jetson else "rpi-lgpio"


def _holder(line: int) -> str:
    """rpi-lgpio numbers its pins as the kernel's lines."""
    try:
        gpiod = chips.library()
        return chips.holder(chips.find("auto", gpiod), line, gpiod)
    except HardwareError:
        return "another program or a kernel driver (gpioinfo names it)"
