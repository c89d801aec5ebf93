"""Faults of motors, switches, drivers and frame: behind the pins, where the host counts its steps as ever."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from firmware_host.profile_tables import AXES
from firmware_host.twin.emulation import Emulation
from firmware_host.twin.faults.fault import Chronicle, Fault, in_force, strike_at
from firmware_host.twin.faults.kinds import (
    Drift,
    DriverOverTemperature,
    LimitHit,
    LostSteps,
    StuckLimitSwitch,
    Vibration,
    ZSlips,
)

Action = Callable[[], None]


def strike(emulation: Emulation, faults: Sequence[Fault], chronicle: Chronicle) -> None:
    """What lasts is booked when it begins."""
    for fault in faults:
        match fault:
            case LostSteps():
                emulation.machine.axes[fault.axis].jams.append(_jam(fault, chronicle))
            case StuckLimitSwitch():
                _stick(emulation, fault, chronicle)
            case LimitHit():
                _hit(emulation, fault, chronicle)
            case DriverOverTemperature():
                _overheat(emulation, fault, chronicle)
            case ZSlips():
                _slip(emulation, fault, chronicle)
            case Drift() | Vibration():
                emulation.machine.pushes.append(_push(fault, chronicle))
                strike_at(emulation.clock, chronicle.time_ns(fault.at_s), _noting(fault, chronicle))


def _noting(fault: Fault, chronicle: Chronicle) -> Action:
    return lambda: chronicle.note(fault)


def _jam(fault: LostSteps, chronicle: Chronicle) -> Callable[[int], bool]:
    from_ns = chronicle.time_ns(fault.at_s)
    seen = 0

    def jams(time_ns: int) -> bool:
        nonlocal seen
        seen += time_ns >= from_ns
        if seen < fault.at_count or seen >= fault.at_count + fault.steps:
            return False
        if seen == fault.at_count:
            chronicle.note(fault)
        return True

    return jams


def _stick(emulation: Emulation, fault: StuckLimitSwitch, chronicle: Chronicle) -> None:
    axis = emulation.machine.axes[fault.axis]

    def begin() -> None:
        chronicle.note(fault)
        axis.stick_switch(fault.reads == "closed")

    strike_at(emulation.clock, chronicle.time_ns(fault.at_s), begin)
    if fault.for_s is not None:
        strike_at(emulation.clock, chronicle.time_ns(fault.at_s + fault.for_s), lambda: axis.stick_switch(None))


def _hit(emulation: Emulation, fault: LimitHit, chronicle: Chronicle) -> None:
    axis, clock = emulation.machine.axes[fault.axis], emulation.clock

    def hit() -> None:
        chronicle.note(fault)
        axis.stick_switch(closed=True)
        clock.at(clock.now_ns() + round(fault.for_s * 1e9), lambda: axis.stick_switch(None))

    def moving() -> None:
        clock.at(clock.now_ns() + round(fault.into_ms * 1e6), hit)

    strike_at(clock, chronicle.time_ns(fault.at_s), lambda: clock.amid("move", moving))


def _overheat(emulation: Emulation, fault: DriverOverTemperature, chronicle: Chronicle) -> None:
    driver, axis = emulation.machine.drivers[fault.axis], emulation.machine.axes[fault.axis]

    def begin() -> None:
        chronicle.note(fault)
        driver.raise_fault()

    axis.jams.append(lambda time_ns: in_force(fault, chronicle, time_ns))
    strike_at(emulation.clock, chronicle.time_ns(fault.at_s), begin)
    if fault.for_s is not None:
        strike_at(emulation.clock, chronicle.time_ns(fault.at_s + fault.for_s), driver.clear_fault)


def _slip(emulation: Emulation, fault: ZSlips, chronicle: Chronicle) -> None:
    def slip() -> None:
        chronicle.note(fault)
        emulation.machine.axes["z"].slip(emulation.clock.now_ns(), fault.um)

    strike_at(emulation.clock, chronicle.time_ns(fault.at_s), slip)


def _push(fault: Drift | Vibration, chronicle: Chronicle) -> Callable[[int], tuple[float, float, float]]:
    began_ns = chronicle.time_ns(fault.at_s)

    def bent(time_ns: int) -> tuple[float, float, float]:
        assert isinstance(fault, Drift)
        since_s = min(max(time_ns - began_ns, 0) * 1e-9, math.inf if fault.for_s is None else fault.for_s)
        return 0.0, 0.0, fault.um_per_min * since_s / 60

    def swung(time_ns: int) -> tuple[float, float, float]:
        assert isinstance(fault, Vibration)
        if not in_force(fault, chronicle, time_ns):
            return 0.0, 0.0, 0.0
        by_um = fault.um * math.sin(2e-9 * math.pi * fault.hz * (time_ns - began_ns))
        x_um, y_um, z_um = (by_um if name == fault.axis else 0.0 for name in AXES)
        return x_um, y_um, z_um

    return bent if isinstance(fault, Drift) else swung
