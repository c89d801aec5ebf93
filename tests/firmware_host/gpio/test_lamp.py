"""The lamp: by the board's own PWM through sysfs, or by the GPIO driver. Off is off, whatever else fails."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from fake_pwm import Channel, FakePwmChip, serve

from firmware_host.clock import VirtualClock
from firmware_host.errors import HardwareError
from firmware_host.gpio.rpi_gpio import RpiGpio
from firmware_host.gpio.sysfs_pwm import SysfsPwm
from firmware_host.lamp import Lamp
from firmware_host.profile_tables import LampTable
from firmware_host.twin.board import EmulatedBoard

PI5, PIN, CHANNEL = "1f00098000.pwm", 18, 2
TABLE = LampTable(pin=PIN, frequency_hz=20_000, duty=0.6, pwm_chip=PI5, pwm_channel=CHANNEL)
LIT = Channel(period=50_000, duty_cycle=30_000, enable=1)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def chip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakePwmChip:
    chip = FakePwmChip(tmp_path / "pwmchip2", PI5)
    chip.make()
    serve(chip, monkeypatch)
    return chip


def pwm_of(chip: FakePwmChip, clock: VirtualClock, name: str = PI5, channel: int = CHANNEL, pin: int = PIN) -> SysfsPwm:
    return SysfsPwm(name, channel, pin, clock, chip.folder.parent)


def lamp_of(chip: FakePwmChip, clock: VirtualClock) -> tuple[Lamp, EmulatedBoard]:
    board = EmulatedBoard(clock)
    return Lamp(TABLE, RpiGpio(board), pwm_of(chip, clock)), board


def test_it_is_lit_as_the_profile_says_and_given_back_when_off(chip: FakePwmChip, clock: VirtualClock) -> None:
    lamp, board = lamp_of(chip, clock)
    for _ in range(2):
        lamp.on()
        assert chip.channels == {CHANNEL: LIT}
        lamp.off()
        lamp.off()
        assert chip.channels == {}
    assert board.gpio_function(PIN) == board.IN, "the pin is the PWM's"


def test_it_is_dark_before_it_is_given_back(chip: FakePwmChip, clock: VirtualClock) -> None:
    lamp, _ = lamp_of(chip, clock)
    lamp.on()
    chip.written.clear()
    lamp.off()
    assert chip.written == [("duty_cycle", "0"), ("enable", "0"), ("unexport", str(CHANNEL))]


@pytest.mark.parametrize(
    "left",
    [
        Channel(),
        Channel(period=1_000_000, duty_cycle=900_000, enable=1),
        Channel(period=10, duty_cycle=10),
        Channel(period=50_000, duty_cycle=10_000, enable=1, polarity="inversed"),
    ],
    ids=["untouched", "slow and lit", "quick", "inverted"],
)
def test_what_another_program_left_behind_is_taken_over(chip: FakePwmChip, clock: VirtualClock, left: Channel) -> None:
    chip.export(CHANNEL)
    chip.channels[CHANNEL] = left
    pwm_of(chip, clock).on(20_000, 0.6)
    assert chip.channels[CHANNEL] == LIT


def test_a_lamp_that_a_crash_left_on_is_off_once_the_scanner_is_opened(chip: FakePwmChip, clock: VirtualClock) -> None:
    chip.export(CHANNEL)
    chip.channels[CHANNEL] = replace(LIT)
    lamp_of(chip, clock)
    assert chip.channels == {}


@pytest.mark.parametrize("dead", ["duty_cycle", "enable", "unexport"])
def test_one_failing_file_does_not_keep_it_on(chip: FakePwmChip, clock: VirtualClock, dead: str) -> None:
    lamp, _ = lamp_of(chip, clock)
    lamp.on()
    channel = chip.channels[CHANNEL]
    chip.dead = {dead}
    lamp.off()
    assert channel.duty_cycle == 0 or not channel.enable


def test_a_lamp_that_cannot_be_switched_off_is_told(chip: FakePwmChip, clock: VirtualClock) -> None:
    lamp, _ = lamp_of(chip, clock)
    lamp.on()
    chip.dead = {"duty_cycle", "enable"}
    with pytest.raises(HardwareError, match=r"lamp may still be on: PWM .*, channel 2: .*; cut its power"):
        lamp.off()


@pytest.mark.parametrize("name", ["pwmchip2", PI5])
def test_a_chip_is_known_by_its_number_and_by_its_device(chip: FakePwmChip, clock: VirtualClock, name: str) -> None:
    pwm_of(chip, clock, name).on(20_000, 0.6)
    assert chip.channels == {CHANNEL: LIT}


@pytest.mark.parametrize(
    ("name", "pin", "remedy"),
    [
        ("fe20c000.pwm", 18, r"add dtoverlay=pwm,pin=18,func=2 to /boot/firmware/config\.txt and reboot; there is "),
        ("1f0009c000.pwm", 18, r"turn it on in the device tree, or .* there is pwmchip2 \(1f00098000\.pwm\)"),
        ("3f20c000.pwm", 13, r"add dtoverlay=pwm,pin=13,func=4 to"),
        ("32c0000.pwm", 43, r"give pin 43 to PWM: sudo /opt/nvidia/jetson-io/jetson-io\.py"),
        ("pwmchip0", 18, r"or name one that is there as lamp\.pwm_chip"),
    ],
)
def test_a_missing_chip_is_told_with_what_turns_it_on(
    chip: FakePwmChip, clock: VirtualClock, name: str, pin: int, remedy: str
) -> None:
    for call in (lambda: pwm_of(chip, clock, name, pin=pin).on(20_000, 0.6), pwm_of(chip, clock, name, pin=pin).off):
        with pytest.raises(HardwareError, match=f"PWM {name}, channel 2: not on this machine; .*{remedy}"):
            call()


def test_udev_is_waited_for(chip: FakePwmChip, clock: VirtualClock) -> None:
    chip.denied = 20
    pwm_of(chip, clock).on(20_000, 0.6)
    assert chip.channels == {CHANNEL: LIT}
    assert 0 < clock.now_ns() < 2e9


def test_udev_is_not_waited_for_for_ever(chip: FakePwmChip, clock: VirtualClock) -> None:
    chip.denied = 1_000_000
    with pytest.raises(HardwareError, match=r"no permission; sudo usermod -aG gpio .*/etc/udev/rules\.d/60-pwm\.rules"):
        pwm_of(chip, clock).on(20_000, 0.6)
    assert clock.now_ns() == pytest.approx(2e9, rel=0.01)


@pytest.mark.parametrize(
    ("channel", "frequency_hz", "message"),
    [
        (3, 20_000, "in use by a kernel driver, e.g. a fan's; choose another channel"),
        (4, 20_000, "the chip has no such channel; its file npwm tells how many"),
        (2, 3e9, r"refuses period 0; change lamp\.frequency_hz"),
    ],
)
def test_what_the_kernel_refuses_is_told(
    chip: FakePwmChip, clock: VirtualClock, channel: int, frequency_hz: float, message: str
) -> None:
    chip.held = {3}
    pwm = pwm_of(chip, clock, channel=channel)
    with pytest.raises(HardwareError, match=f"PWM {PI5}, channel {channel}: {message}"):
        pwm.on(frequency_hz, 0.6)
    pwm.off()
    assert chip.channels == {}


@pytest.mark.parametrize("duty", [0.25, 1.0])
def test_without_a_chip_the_gpio_driver_dims_or_switches(clock: VirtualClock, duty: float) -> None:
    board = EmulatedBoard(clock)
    lamp = Lamp(LampTable(pin=PIN, frequency_hz=1000, duty=duty), RpiGpio(board))
    assert board.duty(PIN) == 0
    lamp.on()
    assert board.duty(PIN) == duty
    assert (PIN in board._pwm) == (duty < 1), "a steady lamp is a plain level"
    lamp.off()
    assert board.duty(PIN) == 0


def test_a_pwm_that_cannot_be_stopped_is_overruled(clock: VirtualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    board = EmulatedBoard(clock)
    lamp = Lamp(LampTable(pin=PIN, frequency_hz=1000, duty=0.5), RpiGpio(board))
    lamp.on()

    def refuses() -> None:
        raise RuntimeError("its thread is gone")

    monkeypatch.setattr(board._pwm[PIN], "stop", refuses)
    monkeypatch.setattr(board, "duty", board.level)
    board._set(board._pins[PIN], True)
    lamp.off()
    assert not board.level(PIN)
