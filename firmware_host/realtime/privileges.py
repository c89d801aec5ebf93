"""What Linux gives a process that must not be late: a priority, a core, memory that stays. Taken where allowed."""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from firmware_host.profile_tables import PulsesTable

_SPIN_NS, _SPIN_NS_REALTIME = 100_000, 30_000  # wake-ups are this late at most, as a rule
_SWITCH_S = 1e-4  # how long another thread, which tells of an edge, may have to wait for this one
_CURRENT, _FUTURE = 1, 2  # mlockall(2)
_SET_TIMER_SLACK = 29  # prctl(2)
_THROTTLE = Path("/proc/sys/kernel/sched_rt_runtime_us")
_REMEDY = "see docs/first-light.md, 'Real time'"


@dataclass(frozen=True)
class Privileges:
    """What was granted.

    :param spin_ns: how long before a deadline to stop sleeping; :param refused: a line for each thing that was not.
    """

    spin_ns: int
    refused: tuple[str, ...]


def claim(pulses: PulsesTable, throttle: Path = _THROTTLE) -> Privileges:
    """Ask for all of it; whatever is refused makes pulses later, never wrong."""
    gc.collect()
    gc.freeze()
    gc.disable()  # `idle` collects, between moves
    sys.setswitchinterval(_SWITCH_S)
    refused = [*_core(pulses.core), *_memory()]
    priority_refused = _priority(pulses.priority)
    if pulses.priority and not priority_refused:
        return Privileges(_SPIN_NS_REALTIME, (*refused, *_throttled(throttle)))
    return Privileges(_SPIN_NS, (*refused, *priority_refused))


def idle() -> None:
    """Between two moves: what may take a while."""
    gc.collect()


def _core(core: int | None) -> list[str]:
    if core is None:
        return []
    try:
        os.sched_setaffinity(0, {core})
    except OSError as error:
        return [f"pulses: core {core} cannot be had ({error.strerror}); correct pulses.core in the profile"]
    return []


def _priority(priority: int) -> list[str]:
    if not priority:
        return []
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(priority))
    except OSError as error:
        return [f"pulses: no real-time priority ({error.strerror}), so they may come late; {_REMEDY}"]
    return []


def _memory() -> list[str]:
    library = ctypes.CDLL(None, use_errno=True)
    library.prctl(_SET_TIMER_SLACK, 1, 0, 0, 0)
    if library.mlockall(_CURRENT | _FUTURE) != 0:
        return [f"pulses: memory cannot be locked ({os.strerror(ctypes.get_errno())}); {_REMEDY}"]
    return []


def _throttled(throttle: Path) -> list[str]:
    """Linux takes the processor from a real-time process that never sleeps, by default for 50 ms every second."""
    try:
        unlimited = int(throttle.read_text()) < 0
    except (OSError, ValueError):
        return []
    return [] if unlimited else [f"pulses: Linux limits real-time processes; set sched_rt_runtime_us to -1, {_REMEDY}"]
