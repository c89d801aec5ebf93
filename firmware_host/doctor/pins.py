"""Every pin of the profile: can it be taken, and what level is there. Drivers and lamp are switched off first."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Literal

from firmware_host.clock import Clock
from firmware_host.doctor.finding import Finding, green, looked, red, yellow
from firmware_host.gpio.port import PULLED_NS, GpioPort
from firmware_host.profile import Profile
from firmware_host.profile_tables import AXES

_SAMPLES, _SAMPLE_NS = 50, 1_000_000  # a floating input shows within two periods of the mains

Kind = Literal["limit", "fault", "emergency stop"]


@dataclass(frozen=True)
class Input:
    """A safety input, low when it speaks.

    :param key: in the profile; :param what: for people.
    """

    pin: int
    key: str
    what: str
    kind: Kind

    @property
    def check(self) -> str:
        return f"pin {self.pin}, {self.key}"


def inputs_of(profile: Profile) -> list[Input]:
    """The safety inputs, limit switches first."""
    axes = [(name, profile.axes.of(name)) for name in AXES]
    found = [
        Input(table.limit_pin, f"axes.{name}.limit_pin", f"limit switch of axis {name}", "limit")
        for name, table in axes
    ]
    found += [
        Input(table.fault_pin, f"axes.{name}.fault_pin", f"fault of the driver of axis {name}", "fault")
        for name, table in axes
        if table.fault_pin is not None
    ]
    if profile.emergency_stop_pin is not None:
        found.append(Input(profile.emergency_stop_pin, "emergency_stop_pin", "emergency stop", "emergency stop"))
    return found


def outputs_of(profile: Profile) -> list[tuple[int, str, bool]]:
    """(pin, key, level at which it is off), enable pins first; one that axes share comes once.

    A lamp on the board's own PWM has none: as an output its pin would be taken from the PWM.
    """
    axes = [(name, profile.axes.of(name)) for name in AXES]
    found = [(table.enable_pin, f"axes.{name}.enable_pin", True) for name, table in axes]
    found += [(table.step_pin, f"axes.{name}.step_pin", False) for name, table in axes]
    found += [(table.dir_pin, f"axes.{name}.dir_pin", False) for name, table in axes]
    if profile.lamp.pwm_chip is None:
        found.append((profile.lamp.pin, "lamp.pin", False))
    return list({pin: (pin, key, off) for pin, key, off in reversed(found)}.values())[::-1]


def pins(gpio: GpioPort, clock: Clock, profile: Profile) -> list[Finding]:
    """All outputs taken and off, then all inputs looked at."""
    has_pulls = profile.hardware.pulls == "board"
    found = [looked(f"pin {pin}, {key}", partial(output, gpio, pin, key, off)) for pin, key, off in outputs_of(profile)]
    return found + [
        looked(each.check, partial(safety_input, gpio, clock, each, has_pulls)) for each in inputs_of(profile)
    ]


def output(gpio: GpioPort, pin: int, key: str, off: bool) -> Finding:
    gpio.setup_output(pin, off)
    meaning = {"enable_pin": ", the driver is off", "pin": ", the lamp is off"}.get(key.rpartition(".")[2], "")
    return green(f"pin {pin}, {key}", f"output, {'high' if off else 'low'}{meaning}")


def safety_input(gpio: GpioPort, clock: Clock, which: Input, has_pulls: bool) -> Finding:
    """Level of an input, whether it stands still, and whether anything but a pull resistor holds it.

    :param has_pulls: the board's own pull resistors are in use: then the other one tells whether the input is driven.
    """
    levels = _levels(gpio, clock, which.pin, "up")
    if len(levels) > 1:
        return red(
            which.check,
            "flickers between high and low",
            f"check the wire from the {which.what} and its ground; keep it apart from the motors' wires",
        )
    if levels == {False}:
        return _speaks(which)
    if not has_pulls:
        return green(which.check, f"high: {_quiet(which.kind)}, or not wired")
    driven = _levels(gpio, clock, which.pin, "down") == {True}
    gpio.setup_input(which.pin, "up")
    wired = "" if driven else ", or not wired: only the pull-up holds it"
    return green(which.check, f"high: {_quiet(which.kind)}{wired}")


def _quiet(kind: Kind) -> str:
    return {
        "limit": "the switch is open",
        "fault": "no fault",
        "emergency stop": "not pressed",
    }[kind]


def _speaks(which: Input) -> Finding:
    if which.kind == "limit":
        return yellow(
            which.check,
            "low: the switch is closed",
            "turn the axis off its switch by hand; if it stays low, the wire touches ground, or the switch opens when "
            "it is pressed",
        )
    if which.kind == "fault":
        return red(
            which.check,
            "low: the driver reports a fault",
            "check the driver's motor supply and temperature; switch it off and on",
        )
    return red(
        which.check, "low: the emergency stop is pressed", "release it; if it stays low, the wire touches ground"
    )


def _levels(gpio: GpioPort, clock: Clock, pin: int, pull: Literal["up", "down"]) -> set[bool]:
    gpio.setup_input(pin, pull)
    clock.wait_until(clock.now_ns() + PULLED_NS, "wait")
    seen = set()
    for _ in range(_SAMPLES):
        clock.wait_until(clock.now_ns() + _SAMPLE_NS, "wait")
        seen.add(gpio.read(pin))
    return seen
