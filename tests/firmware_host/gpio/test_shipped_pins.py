"""The pins of the shipped profiles against what the boards' documents say of them."""

from __future__ import annotations

import pytest
from test_rpi_libraries import orin_nano_lines

from firmware_host.profile import Profile, load_profile
from firmware_host.profile_tables import AXES

# BCM2835 ARM Peripherals, table 6-31: pulled up, or down, from power-on until a program sets them.
UP_AT_BOOT, DOWN_AT_BOOT = range(9), range(9, 28)
EEPROM, CONSOLE = {0, 1}, {14, 15}
RP1_PWM = {12: 0, 13: 1, 18: 2, 19: 3}  # channel of 1f00098000.pwm by BCM number


def pins_of(profile: Profile) -> set[int]:
    axes = [profile.axes.of(name) for name in AXES]
    pins = [pin for axis in axes for pin in (axis.step_pin, axis.dir_pin, axis.enable_pin, axis.limit_pin)]
    return {*pins, *(axis.fault_pin for axis in axes if axis.fault_pin is not None), profile.lamp.pin}


def test_a_raspberry_pis_motors_and_lamp_are_off_while_it_boots() -> None:
    profile = load_profile("rpi5-imx477-20x")
    axes = [profile.axes.of(name) for name in AXES]
    assert all(axis.enable_pin in UP_AT_BOOT for axis in axes)
    assert all(axis.step_pin in DOWN_AT_BOOT for axis in axes)
    assert profile.lamp.pin in DOWN_AT_BOOT
    assert not pins_of(profile) & (EEPROM | CONSOLE)


def test_a_raspberry_pi_5s_lamp_is_on_the_channel_of_its_pin() -> None:
    lamp = load_profile("rpi5-imx477-20x").lamp
    assert (lamp.pwm_chip, lamp.pwm_channel) == ("1f00098000.pwm", RP1_PWM[lamp.pin])


def test_a_jetsons_pins_are_lines_of_its_header() -> None:
    profile = load_profile("jetson-orin-nano-20x")
    assert pins_of(profile) <= orin_nano_lines().keys()
    assert orin_nano_lines()[profile.lamp.pin] == (profile.lamp.pwm_chip, profile.lamp.pwm_channel)


@pytest.mark.parametrize("name", ["rpi5-imx477-20x", "jetson-orin-nano-20x"])
def test_the_lamp_is_dimmed_by_hardware(name: str) -> None:
    """rpi-lgpio dims at up to 10 kHz and gpiod not at all."""
    assert load_profile(name).lamp.pwm_chip is not None
