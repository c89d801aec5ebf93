"""Whether the supply is good and the processor runs at its speed, as Raspberry Pis and Jetsons tell it.

Unverified on a board: files and bits are those that the makers document; `vcgencmd get_throttled` on a Raspberry Pi and
`cat /sys/class/hwmon/hwmon*/oc*_event_cnt` on a Jetson show what is read here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from firmware_host.health.machine import Machine, parsed

# Bits of a Raspberry Pi's get_throttled: https://www.raspberrypi.com/documentation/computers/os.html#get_throttled.
# The same ones 16 higher: it has happened since the start.
UNDER_VOLTAGE, CAPPED, THROTTLED, SOFT_LIMIT = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_SINCE_START = 16
_SLOWED = CAPPED | THROTTLED | SOFT_LIMIT

# The firmware driver's own file, where a kernel still has it: hexadecimal, only on the older ones.
_FIRMWARE = "sys/devices/platform/soc/soc:firmware/get_throttled"
_ALARM = "in0_lcrit_alarm"  # of hwmon rpi_volt: under-voltage within the last two seconds
_COUNTERS = {"1": "under-voltage", "2": "average over-current", "3": "momentary over-current"}  # soctherm_oc of an Orin


@dataclass(frozen=True)
class Power:
    """What the board tells; None: it does not tell.

    :param under_voltage, slowed: now. Slowed is a clock below what was asked for, by heat or by the supply.
    :param under_voltage_seen, slowed_seen: since the board was started.
    :param events: a Jetson's counters since its start, by what they count.
    """

    under_voltage: bool | None = None
    under_voltage_seen: bool | None = None
    slowed: bool | None = None
    slowed_seen: bool | None = None
    events: Mapping[str, int] = field(default_factory=dict)

    @property
    def told(self) -> bool:
        """Whether this board tells anything at all."""
        return self != Power()


def read_power(machine: Machine) -> Power:
    """What can be read; on another computer nothing, which is no fault."""
    bits = _throttled_bits(machine)
    if bits is not None:
        return power_of_bits(bits)
    alarm = _pi_alarm(machine)
    if alarm is not None:
        return Power(under_voltage=alarm)
    return Power(slowed=_jetson_slowed(machine), events=_jetson_events(machine))


def power_of_bits(bits: int) -> Power:
    """What the bits of get_throttled say."""
    since_start = bits >> _SINCE_START
    return Power(
        under_voltage=bool(bits & UNDER_VOLTAGE),
        under_voltage_seen=bool(since_start & UNDER_VOLTAGE),
        slowed=bool(bits & _SLOWED),
        slowed_seen=bool(since_start & _SLOWED),
    )


def _throttled_bits(machine: Machine) -> int | None:
    printed = machine.output("vcgencmd", "get_throttled")
    found = re.fullmatch(r"throttled=0x([0-9a-fA-F]+)\s*", printed or "")
    return int(found[1], 16) if found else parsed(machine.text(_FIRMWARE), 16)


def _pi_alarm(machine: Machine) -> bool | None:
    for folder in machine.found("sys/class/hwmon/hwmon*"):
        if machine.text(f"{folder}/name") == "rpi_volt":
            alarm = machine.number(f"{folder}/{_ALARM}")
            return None if alarm is None else bool(alarm)
    return None


def _jetson_slowed(machine: Machine) -> bool | None:
    """Cooling devices named cpu-throttle-alert and so on: above 0 while the clock is held down."""
    states = [
        state
        for folder in machine.found("sys/class/thermal/cooling_device*")
        if (machine.text(f"{folder}/type") or "").endswith("throttle-alert")
        and (state := machine.number(f"{folder}/cur_state")) is not None
    ]
    return any(states) if states else None


def _jetson_events(machine: Machine) -> dict[str, int]:
    events: dict[str, int] = {}
    for folder in machine.found("sys/class/hwmon/hwmon*"):
        if machine.text(f"{folder}/name") == "soctherm_oc":
            for number, what in _COUNTERS.items():
                count = machine.number(f"{folder}/oc{number}_event_cnt")
                if count is not None:
                    events[what] = count
    return events
