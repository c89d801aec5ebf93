"""The board's own PWM against the kernel's PWM core, in the Linux that `make gpio-test` boots."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware_host.clock import MonotonicClock
from firmware_host.errors import HardwareError
from firmware_host.gpio.sysfs_pwm import SYSFS, SysfsPwm

DEVICE, PIN, CHANNEL, HELD = "1f00098000.pwm", 18, 2, 3
LIT = {"period": "50000", "duty_cycle": "30000", "enable": "1", "polarity": "normal"}
FOLDER = next(SYSFS.glob("pwmchip*")) / f"pwm{CHANNEL}"


def pwm_of(channel: int = CHANNEL) -> SysfsPwm:
    return SysfsPwm(DEVICE, channel, PIN, MonotonicClock())


def state() -> dict[str, str]:
    return {name: (FOLDER / name).read_text().strip() for name in LIT}


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """The kernel keeps a channel's state when it is given back."""
    yield
    if not FOLDER.exists():
        (FOLDER.parent / "export").write_text(str(CHANNEL))
    if (FOLDER / "period").read_text().strip() != "0":
        for name, value in (("enable", "0"), ("duty_cycle", "0"), ("polarity", "normal")):
            (FOLDER / name).write_text(value)
    (FOLDER.parent / "unexport").write_text(str(CHANNEL))


def test_it_is_lit_and_given_back() -> None:
    pwm = pwm_of()
    for _ in range(2):
        pwm.on(20_000, 0.6)
        assert state() == LIT
        pwm.off()
        pwm.off()
        assert not FOLDER.exists()


@pytest.mark.parametrize(
    "left",
    [
        [],
        [("period", 1_000_000), ("duty_cycle", 900_000), ("enable", 1)],
        [("period", 10), ("duty_cycle", 10)],
        [("period", 50_000), ("polarity", "inversed"), ("duty_cycle", 10_000), ("enable", 1)],
    ],
    ids=["untouched", "slow and lit", "quick", "inverted"],
)
@pytest.mark.parametrize("on", [True, False])
def test_what_another_program_left_behind_is_taken_over(left: list[tuple[str, object]], on: bool) -> None:
    (FOLDER.parent / "export").write_text(str(CHANNEL))
    for name, value in left:
        (FOLDER / name).write_text(str(value))
    if on:
        pwm_of().on(20_000, 0.6)
        assert state() == LIT
    else:
        pwm_of().off()
        assert not FOLDER.exists()


@pytest.mark.parametrize(
    ("channel", "frequency_hz", "message"),
    [
        (HELD, 20_000, "in use by a kernel driver, e.g. a fan's"),
        (4, 20_000, "the chip has no such channel"),
        (CHANNEL, 3e9, r"refuses period 0; change lamp\.frequency_hz"),
    ],
)
def test_what_the_kernel_refuses_is_told(channel: int, frequency_hz: float, message: str) -> None:
    with pytest.raises(HardwareError, match=f"PWM {DEVICE}, channel {channel}: {message}"):
        pwm_of(channel).on(frequency_hz, 0.6)


def test_the_folder_that_stands_for_it_in_other_tests_has_the_same_files() -> None:
    (FOLDER.parent / "export").write_text(str(CHANNEL))
    assert {each.name for each in FOLDER.iterdir() if each.is_file()} >= set(LIT)
    assert (FOLDER.parent / "device").resolve() == Path("/sys/devices/platform") / DEVICE
