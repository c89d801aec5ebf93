"""The transmitted light."""

from __future__ import annotations

from firmware_host.gpio.port import GpioPort
from firmware_host.profile_tables import LampTable


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
