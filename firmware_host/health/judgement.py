"""What readings mean for a scan. Pure: the same limits, readings and state give the same verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from firmware_host.health.sensors import Readings
from firmware_host.profile_tables import HealthTable

State = Literal["calm", "warn", "slow", "stop"]
Cause = Literal["none", "temperature", "under-voltage", "under-voltage before", "slowed", "events"]
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
    That the processor is held down is told: pauses go by its causes, the temperature and the supply.

    :param before: the readings when the scan began: counters are compared with them.
    :param paused: why the scan pauses at the moment: a temperature must then fall by the hysteresis.
    """
    found = [_temperature(limits, now, paused == "temperature"), *_power(limits, now, before)]
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
                _state(state), "temperature", f"processor at {now.temperature}, limit {limit_c:g} C; {remedy}"
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
        found.append(Verdict("warn", "slowed", text))
    more = {what: count - before.power.events.get(what, count) for what, count in power.events.items()}
    if any(count > 0 for count in more.values()):
        told = ", ".join(f"{what} {count} times" for what, count in more.items() if count > 0)
        found.append(Verdict("warn", "events", f"the board noted {told} since the scan began; {remedy}"))
    return found
