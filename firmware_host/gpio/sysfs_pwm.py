"""A channel of the board's own PWM, through /sys/class/pwm: exact to the nanosecond, and no work for the processor.

The kernel's rules (drivers/pwm/sysfs.c): a channel is exported before it has files, by one user at a time; the duty
cycle never exceeds the period, not even on the way; a channel without a period cannot be enabled.

Unverified on a board: held against the kernel's PWM core over a chip without hardware (`make gpio-test`).
"""

from __future__ import annotations

import contextlib
import errno
from pathlib import Path

from firmware_host.clock import Clock
from firmware_host.errors import HardwareError
from firmware_host.gpio import chips

SYSFS = Path("/sys/class/pwm")
_PERMISSION_S = 2.0  # udev hands a new channel to the group gpio, after it has appeared
_POLL_NS = 5_000_000
# Devices of the PWM on the headers' pins; from each board's device tree.
_PI, _JETSON = ("1f00098000.pwm", "fe20c000.pwm", "3f20c000.pwm"), ("3280000.pwm", "32c0000.pwm", "32e0000.pwm")
_NO_PERMISSION = (
    f"{chips.NO_PERMISSION}; where udev does not hand it to that group, as /etc/udev/rules.d/60-pwm.rules "
    'SUBSYSTEM=="pwm", PROGRAM="/bin/sh -c \'chgrp -R gpio /sys%p; chmod -R g+w /sys%p\'"'
)
_FUNCTIONS = {12: 4, 13: 4, 18: 2, 19: 2}  # of the overlay, by pin


class SysfsPwm:
    """One channel; off, and not exported, unless it is `on`.

    :param chip: `pwmchipN`, whose number changes with the kernel, or its device, e.g. `1f00098000.pwm`.
    :param pin: where it comes out, for what the user is told.
    """

    def __init__(self, chip: str, channel: int, pin: int, clock: Clock, sysfs: Path = SYSFS) -> None:
        self._name = f"PWM {chip}, channel {channel}"
        self._chip = chip
        self._channel = channel
        self._pin = pin
        self._clock = clock
        self._sysfs = sysfs

    def on(self, frequency_hz: float, duty: float) -> None:
        """:param duty: 0.0 to 1.0. :raises HardwareError: the channel is not there, in use, or not this user's."""
        period_ns = round(1e9 / frequency_hz)
        channel = self._exported()
        if (channel / "polarity").exists() and self._read(channel / "polarity") != "normal":
            self._write(channel / "enable", "0")  # what it asks for
            self._write(channel / "polarity", "normal")
        if self._read(channel / "duty_cycle") != "0":
            self._write(channel / "duty_cycle", "0")
        self._write(channel / "period", str(period_ns))
        self._write(channel / "duty_cycle", str(round(period_ns * duty)))
        self._write(channel / "enable", "1")

    def off(self) -> None:
        """No light, whoever switched it on; the channel is given back.

        :raises HardwareError: it could neither be disabled nor set to no duty.
        """
        chip = self._found()
        channel = chip / f"pwm{self._channel}"
        if not channel.exists():
            return
        if self._read(channel / "enable") != "0":
            self._darken(channel)
        with contextlib.suppress(HardwareError):  # it is off; who has it next may take it as it is
            self._write(chip / "unexport", str(self._channel))

    def _darken(self, channel: Path) -> None:
        """Either of the two is enough."""
        failures = []
        for file in ("duty_cycle", "enable"):
            try:
                self._write(channel / file, "0")
            except HardwareError as error:
                failures.append(error)
        if len(failures) == 2:
            raise HardwareError(f"the lamp may still be on: {failures[0]}; cut its power") from failures[0]

    def _found(self) -> Path:
        """:raises HardwareError: this machine has no such chip."""
        for chip in self._chips():
            if self._chip in (chip.name, _device_of(chip)):
                return chip
        raise HardwareError(f"{self._name}: not on this machine; {self._how_to_get_it()}")

    def _exported(self) -> Path:
        """The channel's folder, once its files may be written."""
        chip = self._found()
        channel = chip / f"pwm{self._channel}"
        if not channel.exists():
            self._write(chip / "export", str(self._channel))
        end_ns = self._clock.now_ns() + round(_PERMISSION_S * 1e9)
        while not _may_write(channel / "enable"):
            if self._clock.now_ns() >= end_ns:
                raise HardwareError(f"{self._name}: {_NO_PERMISSION}")
            self._clock.wait_until(self._clock.now_ns() + _POLL_NS, "wait")
        return channel

    def _read(self, file: Path) -> str:
        try:
            return file.read_text().strip()
        except OSError as error:
            raise self._refused(file, "read", error) from error

    def _write(self, file: Path, text: str) -> None:
        try:
            with file.open("w") as opened:
                opened.write(text)
        except OSError as error:
            raise self._refused(file, text, error) from error

    def _refused(self, file: Path, text: str, error: OSError) -> HardwareError:
        match file.name, error.errno:
            case _, errno.EACCES | errno.EPERM:
                return HardwareError(f"{self._name}: {_NO_PERMISSION}")
            case "export", errno.EBUSY:
                return HardwareError(f"{self._name}: in use by a kernel driver, e.g. a fan's; choose another channel")
            case "export", errno.ENODEV | errno.EINVAL:
                return HardwareError(f"{self._name}: the chip has no such channel; its file npwm tells how many")
            case "period" | "duty_cycle" | "enable", errno.EINVAL:
                return HardwareError(f"{self._name}: refuses {file.name} {text}; change lamp.frequency_hz")
        return HardwareError(f"{self._name}: {file.name}: {error.strerror}; start the scanner again")

    def _how_to_get_it(self) -> str:
        there = ", ".join(f"{each.name} ({_device_of(each)})" for each in self._chips())
        if self._chip in _JETSON:
            remedy = f"give pin {self._pin} to PWM: sudo /opt/nvidia/jetson-io/jetson-io.py"
        elif self._chip in _PI and self._pin in _FUNCTIONS:
            overlay = f"dtoverlay=pwm,pin={self._pin},func={_FUNCTIONS[self._pin]}"
            remedy = f"add {overlay} to /boot/firmware/config.txt and reboot"
        else:
            remedy = "turn it on in the device tree, or name one that is there as lamp.pwm_chip"
        return f"{remedy}; there is {there or 'none'}"

    def _chips(self) -> list[Path]:
        return sorted(self._sysfs.glob("pwmchip*"))


def _device_of(chip: Path) -> str:
    return (chip / "device").resolve().name


def _may_write(file: Path) -> bool:
    try:
        with file.open("r+"):
            return True
    except OSError:
        return False
