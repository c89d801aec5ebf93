"""The 40-pin headers of the boards: which line is on which pin, and what else that pin does.

Raspberry Pi: BCM numbers. While it boots BCM 0 to 8 are pulled up and the others down (BCM2835 ARM Peripherals, table
6-31; the same on later boards). Jetson Orin Nano and NX developer kits: the lines of `tegra234-gpio` and the PWM
devices as in Jetson.GPIO 2.1.13 (`gpio_pin_data.py`, JETSON_ORIN_NX_PIN_DEFS, which serves both).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from firmware_host.profile_tables import HardwareTable

GROUND = "ground"


@dataclass(frozen=True)
class Line:
    """One line of the GPIO chip that is on the header.

    :param pin: of the header, 1 to 40. :param number: as profiles name it.
    :param function: what else the pin is for; empty: nothing that is on by default, or likely to be switched on.
    :param at_boot: where it is pulled until software sets it; None: that is not known.
    :param pwm: channel of the board's own PWM on this pin, by device.
    """

    pin: int
    number: int
    function: str = ""
    at_boot: Literal["up", "down"] | None = None
    pwm: Mapping[str, int] | None = None


@dataclass(frozen=True)
class Header:
    """:param numbers: what profiles count its lines by, before the number.

    :param lines: by number. :param fixed: the pins that no profile can name, by header pin: supplies, ground, buses.
    :param has_pulls: whether software switches the board's pull-up resistors.
    :param buffered: whether the header's own level shifters are too weak for a driver's or a switch's wire.
    """

    board: str
    numbers: str
    lines: Mapping[int, Line]
    fixed: Mapping[int, str]
    has_pulls: bool
    buffered: bool

    def pins_of(self, name: str) -> list[int]:
        """Pins of a supply or of ground."""
        return [pin for pin, what in sorted(self.fixed.items()) if what == name]


def header_of(hardware: HardwareTable) -> Header:
    """The header that a profile's pins are on: a Jetson's where it names a Tegra's chip, else a Raspberry Pi's."""
    is_jetson = hardware.gpio == "gpiod" and hardware.gpio_chip.startswith("tegra")
    return JETSON_ORIN if is_jetson else RASPBERRY_PI


def _raspberry_pi_lines() -> dict[int, Line]:
    lines = {}
    for number, pin in _BCM_PINS.items():
        function = next((what for numbers, what in _BCM_FUNCTIONS.items() if number in numbers), "")
        at_boot: Literal["up", "down"] = "up" if number <= 8 else "down"
        lines[number] = Line(pin, number, function, at_boot, _BCM_PWM.get(number))
    return lines


_SUPPLIES = {1: "3.3 V", 2: "5 V", 4: "5 V", 17: "3.3 V"}
_FIXED = _SUPPLIES | dict.fromkeys((6, 9, 14, 20, 25, 30, 34, 39), GROUND)

_BCM_PINS = {
    0: 27, 1: 28, 2: 3, 3: 5, 4: 7, 5: 29, 6: 31, 7: 26, 8: 24, 9: 21, 10: 19, 11: 23, 12: 32, 13: 33,
    14: 8, 15: 10, 16: 36, 17: 11, 18: 12, 19: 35, 20: 38, 21: 40, 22: 15, 23: 16, 24: 18, 25: 22, 26: 37, 27: 13,
}  # fmt: skip
_BCM_FUNCTIONS = {
    (0, 1): "ID EEPROM",
    (2, 3): "I2C",
    (7, 8, 9, 10, 11): "SPI",
    (14, 15): "UART",
}
# Pi 5; 4; 3 and older.
_BCM_PWM = {
    12: {"1f00098000.pwm": 0, "fe20c000.pwm": 0, "3f20c000.pwm": 0},
    13: {"1f00098000.pwm": 1, "fe20c000.pwm": 1, "3f20c000.pwm": 1},
    18: {"1f00098000.pwm": 2, "fe20c000.pwm": 0, "3f20c000.pwm": 0},
    19: {"1f00098000.pwm": 3, "fe20c000.pwm": 1, "3f20c000.pwm": 1},
}
RASPBERRY_PI = Header("Raspberry Pi", "GPIO", _raspberry_pi_lines(), _FIXED, has_pulls=True, buffered=False)

_ORIN_LINES = (
    Line(7, 144),
    Line(11, 112, "UART1_RTS"),
    Line(12, 50, "I2S0_SCLK"),
    Line(13, 122, "SPI1_SCK"),
    Line(15, 85, pwm={"3280000.pwm": 0}),
    Line(16, 126, "SPI1_CS1"),
    Line(18, 125, "SPI1_CS0"),
    Line(19, 135, "SPI0_MOSI"),
    Line(21, 134, "SPI0_MISO"),
    Line(22, 123, "SPI1_MISO"),
    Line(23, 133, "SPI0_SCK"),
    Line(24, 136, "SPI0_CS0"),
    Line(26, 137, "SPI0_CS1"),
    Line(29, 105),
    Line(31, 106),
    Line(32, 41, pwm={"32e0000.pwm": 0}),
    Line(33, 43, pwm={"32c0000.pwm": 0}),
    Line(35, 53, "I2S0_FS"),
    Line(36, 113, "UART1_CTS"),
    Line(37, 124, "SPI1_MOSI"),
    Line(38, 52, "I2S0_SDIN"),
    Line(40, 51, "I2S0_SDOUT"),
)
_ORIN_BUSES = dict.fromkeys((3, 5, 27, 28), "I2C") | dict.fromkeys((8, 10), "UART")
JETSON_ORIN = Header(
    "Jetson Orin Nano or NX developer kit",
    "line",
    {line.number: line for line in _ORIN_LINES},
    _FIXED | _ORIN_BUSES,
    has_pulls=False,
    buffered=True,
)
