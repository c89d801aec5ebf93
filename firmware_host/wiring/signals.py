"""Every signal of a profile: what it joins, where, and which parts its wire needs. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from firmware_host.profile import Profile
from firmware_host.profile_tables import AXES, AxisName, LampTable
from firmware_host.wiring.header import header_of

Group = Literal["x", "y", "z", "lamp", "safety"]

_PULL_UP = "10 kΩ to 3.3 V, to fit"
_GATE_PULL_DOWN = "10 kΩ from gate to ground, to fit"
_OUTPUT_BUFFER = "a buffer (74LVC541)"
_INPUT_BUFFER = "a Schmitt-trigger buffer (74LVC17)"
_NOISE = "100 nF to ground, near the board"


@dataclass(frozen=True)
class Signal:
    """One wire.

    :param short: its name on a diagram; :param joins: what it goes to. :param key: in the profile.
    :param number: as in the profile. :param level: what its level means.
    :param resistor: its pull resistor, and whether that is to fit. :param needs: other parts, and whence it comes.
    """

    group: Group
    short: str
    joins: str
    key: str
    number: int
    direction: Literal["output", "input"]
    level: str
    resistor: str
    needs: str


def signals(profile: Profile) -> list[Signal]:
    """All of a profile's, axis by axis; an EN pin that axes share comes once."""
    found = [signal for name in AXES for signal in (*_driver(profile, name), *_axis_inputs(profile, name))]
    found.append(_lamp(profile))
    if profile.emergency_stop_pin is not None:
        joins, key = "second contact of the emergency stop, to ground", "emergency_stop_pin"
        found.append(_input(profile, "safety", "STOP", joins, key, profile.emergency_stop_pin, "low = pressed"))
    return found


def _driver(profile: Profile, name: AxisName) -> list[Signal]:
    """The wires to a STEP/DIR driver."""
    table = profile.axes.of(name)
    needs = _OUTPUT_BUFFER if header_of(profile.hardware).buffered else ""

    def wire(short: str, joins: str, key: str, number: int, level: str, resistor: str = "none") -> Signal:
        return Signal(name, f"{name} {short}", joins, f"axes.{name}.{key}", number, "output", level, resistor, needs)

    step = wire("STEP", f"STEP of the {name} driver", "step_pin", table.step_pin, "a step at each rise")
    way = f"{table.dir_positive} = {name} grows"
    found = [step, wire("DIR", f"DIR of the {name} driver", "dir_pin", table.dir_pin, way)]
    sharing = [other for other in AXES if profile.axes.of(other).enable_pin == table.enable_pin]
    if sharing[0] == name:
        joins = f"EN of the {_listed(sharing)} driver{'s' if len(sharing) > 1 else ''}"
        short = "EN" if len(sharing) == 1 else f"EN, and of {_listed(sharing[1:])}"
        found.append(wire(short, joins, "enable_pin", table.enable_pin, "low = on", _PULL_UP))
    return found


def _axis_inputs(profile: Profile, name: AxisName) -> list[Signal]:
    table, prefix = profile.axes.of(name), f"axes.{name}."
    joins = f"limit switch of {name}, to ground"
    found = [_input(profile, name, f"{name} limit", joins, f"{prefix}limit_pin", table.limit_pin, "low = closed")]
    if table.fault_pin is not None:
        joins, key = f"FAULT of the {name} driver", f"{prefix}fault_pin"
        found.append(_input(profile, name, f"{name} FAULT", joins, key, table.fault_pin, "low = fault"))
    return found


def _input(profile: Profile, group: Group, short: str, joins: str, key: str, number: int, level: str) -> Signal:
    resistor = "pull-up inside the board" if profile.hardware.pulls == "board" else _PULL_UP
    parts = [_NOISE] if joins.endswith("to ground") else []
    if header_of(profile.hardware).buffered:
        parts.append(_INPUT_BUFFER)
    return Signal(group, short, joins, key, number, "input", level, resistor, "; ".join(parts))


def _lamp(profile: Profile) -> Signal:
    lamp = profile.lamp
    parts = [_OUTPUT_BUFFER] if header_of(profile.hardware).buffered else []
    parts += ["MOSFET that is fully on at 3.3 V", _dimming(lamp)]
    joins = "gate of the lamp's MOSFET"
    return Signal("lamp", "lamp", joins, "lamp.pin", lamp.pin, "output", "high = on", _GATE_PULL_DOWN, "; ".join(parts))


def _dimming(lamp: LampTable) -> str:
    if lamp.pwm_chip is None:
        return "dimmed by the GPIO library"
    return f"dimmed by channel {lamp.pwm_channel} of the PWM {lamp.pwm_chip}"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
