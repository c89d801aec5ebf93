"""The transmitted light."""

from __future__ import annotations

from typing import Protocol

from firmware_host.clock import MonotonicClock
from firmware_host.gpio.port import GpioPort
from firmware_host.gpio.sysfs_pwm import SysfsPwm
from firmware_host.profile_tables import LampTable


class Light(Protocol):
    """A lamp, wherever it is driven from."""

    def on(self) -> None: ...

    def off(self) -> None: ...


class Lamp:
    """The transmitted light, dimmed by PWM; off until it is needed.

    By the board's own PWM where the profile names a channel of it; the pin is that channel's then, and not touched.
    Else by the GPIO driver, which dims in software or not at all.

    :param pwm: for tests; otherwise what the profile names.
    :raises HardwareError: it cannot be switched off.
    """

    def __init__(self, table: LampTable, gpio: GpioPort, pwm: SysfsPwm | None = None) -> None:
        self._table = table
        self._gpio = gpio
        self._pwm = pwm
        if table.pwm_chip is not None:
            self._pwm = pwm or SysfsPwm(table.pwm_chip, table.pwm_channel, table.pin, MonotonicClock())
            self._pwm.off()
        else:
            gpio.setup_output(table.pin, False)

    def on(self) -> None:
        """:raises HardwareError: it cannot be dimmed as the profile asks."""
        if self._pwm is not None:
            self._pwm.on(self._table.frequency_hz, self._table.duty)
        else:
            self._gpio.pwm(self._table.pin, self._table.frequency_hz, self._table.duty)

    def off(self) -> None:
        """:raises HardwareError: it may still be on."""
        if self._pwm is not None:
            self._pwm.off()
        else:
            self._gpio.pwm(self._table.pin, self._table.frequency_hz, 0.0)
