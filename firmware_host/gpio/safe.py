"""Everything off: the writes that make a scanner safe, each of them tried whatever the others do."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from firmware_host.errors import HardwareError
from firmware_host.gpio.port import GpioPort
from firmware_host.profile_tables import AxisTable


def motors_off(gpio: GpioPort, axes: Iterable[AxisTable]) -> None:
    """Disable all drivers, and end a pulse that is high.

    :raises HardwareError: after all of them were tried; it names the pins that refused.
    """
    writes: list[Callable[[], None]] = []
    for axis in axes:
        writes.append(lambda pin=axis.enable_pin: gpio.write(pin, True))  # type: ignore[misc]
        writes.append(lambda pin=axis.step_pin: gpio.write(pin, False))  # type: ignore[misc]
    refusals = [refusal for write in writes if (refusal := _refusal(write))]
    if refusals:
        raise HardwareError(f"motors may still be on: {'; '.join(refusals)}; cut their power")


def _refusal(write: Callable[[], None]) -> str:
    try:
        write()
    except HardwareError as error:
        return str(error)
    return ""
