"""What readings mean for a scan. Pure: the same limits, readings and state give the same verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from firmware_host.health.sensors import Readings
from firmware_host.profile_tables import HealthTable

State = Literal["calm", "warn", "slow", "stop"]
Cause = Literal[
    "none",
    "processor hot",
    "under-voltage",
    "under-voltage before",
    "processor slowed",
    "power events",
    "memory low",
]
"""All but the first are names of `firmware_host.incidents.RESPONSES`."""
_MEMORY_AGAIN = 1.25  # a pause for want of memory ends this far above the floor
_ORDER: tuple[State, ...] = ("calm", "warn", "slow", "stop")


@dataclass(frozen=True)
class Verdict:
    """What to do, and why. `text` is what is the matter and what to do about it; empty when calm."""

    state: State = "calm"
    cause: Cause = "none"
    text: str = ""


def judge(limits: HealthTable, now: Readings, before: Readings, paused: Cause) -> list[Verdict]:
    """All that is the matter, the gravest first; a calm verdict alone where nothing is.

    Under-voltage now pauses, as a resting scanner draws less; that the supply was low once is past, so it is told only.
    That the processor is held down is told: pauses go by its causes, the temperature and the supply. Too little memory
    pauses, as what a scan takes next may be what the kernel kills something for.

    :param before: the readings when the scan began: counters are compared with them.
    :param paused: why the scan pauses at the moment: what is measured must then be better by the hysteresis.
    """
    found = [
        _temperature(limits, now, paused == "processor hot"),
        *_power(limits, now, before),
        _memory(limits, now, paused == "memory low"),
    ]
    found = [verdict for verdict in found if verdict.state != "calm"]
    return sorted(found, key=lambda verdict: -_ORDER.index(verdict.state)) or [Verdict()]


def _temperature(limits: HealthTable, now: Readings, paused: bool) -> Verdict:
    if now.temperature is None:
        return Verdict()
    celsius = now.temperature.celsius
    slow_c = limits.slow_c - (limits.hysteresis_c if paused else 0)
    remedy = "see that air gets to the processor's cooler and fan"
    for state, limit_c in (("stop", limits.stop_c), ("slow", slow_c), ("warn", limits.warn_c)):
        if celsius >= limit_c:
            return Verdict(
                _state(state), "processor hot", f"processor at {now.temperature}, limit {limit_c:g} C; {remedy}"
            )
    return Verdict()


def _state(name: str) -> State:
    return next(state for state in _ORDER if state == name)


def _power(limits: HealthTable, now: Readings, before: Readings) -> list[Verdict]:
    power, found = now.power, []
    remedy = "use the board's own power supply and a short cable, and feed motors and lamp from another one"
    if power.under_voltage:
        found.append(Verdict(limits.under_voltage, "under-voltage", f"the supply's voltage is too low; {remedy}"))
    elif power.under_voltage_seen:
        text = f"the supply's voltage has been too low since the board was started; {remedy}"
        found.append(Verdict("warn", "under-voltage before", text))
    if power.slowed:
        text = "the processor is held below its speed, by heat or by its supply; a scan takes longer"
        found.append(Verdict("warn", "processor slowed", text))
    more = {what: count - before.power.events.get(what, count) for what, count in power.events.items()}
    if any(count > 0 for count in more.values()):
        told = ", ".join(f"{what} {count} times" for what, count in more.items() if count > 0)
        found.append(Verdict("warn", "power events", f"the board noted {told} since the scan began; {remedy}"))
    return found


def _memory(limits: HealthTable, now: Readings, paused: bool) -> Verdict:
    if now.memory is None:
        return Verdict()
    remedy = "end other programs on this machine"
    floor_mb = limits.memory_floor_mb * (_MEMORY_AGAIN if paused else 1)
    if now.memory.available_mb < floor_mb:
        text = f"only {now.memory} of memory left, floor {limits.memory_floor_mb:g} MB; {remedy}"
        return Verdict("slow", "memory low", text)
    if now.memory.available_mb < limits.memory_warn_mb:
        text = f"{now.memory} of memory left, a scan pauses below {limits.memory_floor_mb:g} MB; {remedy}"
        return Verdict("warn", "memory low", text)
    return Verdict()
