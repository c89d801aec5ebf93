"""What the process that owns the pins is given to open, by name, as it starts anew in an interpreter of its own."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from firmware_host.gpio.choice import open_port
from firmware_host.gpio.port import GpioPort
from firmware_host.profile import Profile

REAL = "firmware_host.realtime.pins:real_pins"
EMULATED = "firmware_host.twin.pins:emulated_pins"


@dataclass(frozen=True)
class Pins:
    """Open pins.

    :param look: what only an emulation can answer: takes and returns what JSON can hold; None on hardware.
    """

    port: GpioPort
    look: Callable[[Any], Any] | None = None


def real_pins(profile: Profile) -> Pins:
    """Those that the profile names."""
    return Pins(open_port(profile.hardware))


def opener(name: str) -> Callable[[Profile], Pins]:
    """The function of a name like `package.module:function`."""
    module, _, function = name.partition(":")
    found: Callable[[Profile], Pins] = getattr(importlib.import_module(module), function)
    return found
