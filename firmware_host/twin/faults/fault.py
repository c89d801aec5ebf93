"""What all faults have in common: when they strike, and for how long. The kinds themselves are in `kinds`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from firmware_host.clock import Clock, VirtualClock
from firmware_host.profile_tables import Table

Area = Literal["camera", "motion", "light", "slide", "disk", "machine"]
_LONGEST_S = 1e6


class Fault(Table):
    """One fault of a script. Its docstring says what truly happens in the machine."""

    kind: ClassVar[str]
    area: ClassVar[Area]
    in_real_time: ClassVar[bool] = False
    """Whether it can strike an emulated scanner that runs on this machine's clock, too."""


class Timed(Fault):
    """It strikes at a time."""

    at_s: float = Field(ge=0, le=_LONGEST_S, description="on the scanner's clock, s since it was opened")


class Lasting(Timed):
    """It strikes at a time, and is over some time later."""

    for_s: float | None = Field(None, gt=0, le=_LONGEST_S, description="how long, s; without it: for ever")


class Counted(Fault):
    """It strikes events: those from a time on, or from the n-th one on; for a time, or so many of them."""

    counts: ClassVar[str]
    """What is counted: "exposure", "write", "inference"."""
    lasts: ClassVar[bool] = False
    """Where neither `for_s` nor `times` is given: for ever, else once."""

    at_s: float | None = Field(None, ge=0, le=_LONGEST_S, description="on the scanner's clock, s since it was opened")
    at_count: int | None = Field(None, ge=1, le=10**9, description="at the n-th event, from 1 on, instead of at a time")
    for_s: float | None = Field(None, gt=0, le=_LONGEST_S, description="how long, s")
    times: int | None = Field(None, ge=1, le=10**9, description="how many events, instead of how long")

    @model_validator(mode="after")
    def _one_beginning_one_end(self) -> Counted:
        if (self.at_s is None) == (self.at_count is None):
            raise ValueError("give at_s or at_count, one of them")
        if self.for_s is not None and self.times is not None:
            raise ValueError("give for_s or times, not both")
        return self


@dataclass(frozen=True)
class Struck:
    """A fault that happened. :param at_s: on the scanner's clock, s since it was opened."""

    at_s: float
    fault: Fault


@dataclass
class FaultPlan:
    """The faults of one opened scanner, and what became of them.

    :param seed: of what a fault draws at random: where a frame is corrupt, how a lamp flickers.
    :param struck: in the order in which they happened, an entry for every frame, write or inference that was hit; of a
        fault that lies on the slide, when it was first looked at.
    """

    faults: tuple[Fault, ...]
    seed: int = 0
    struck: list[Struck] = field(default_factory=list)


class Chronicle:
    """Books what happens, on the clock of the scanner that it happens to."""

    def __init__(self, plan: FaultPlan, clock: Clock) -> None:
        self._plan = plan
        self._clock = clock
        self._opened_ns = clock.now_ns()

    @property
    def seed(self) -> int:
        return self._plan.seed

    def time_ns(self, at_s: float) -> int:
        """A time of a script on the clock."""
        return self._opened_ns + round(at_s * 1e9)

    def note(self, fault: Fault) -> None:
        """It happens now."""
        self._plan.struck.append(Struck((self._clock.now_ns() - self._opened_ns) * 1e-9, fault))


class Onset:
    """Whether a counted fault strikes the event that happens now."""

    def __init__(self, fault: Counted, chronicle: Chronicle, clock: Clock) -> None:
        self._fault = fault
        self._chronicle = chronicle
        self._clock = clock
        self._events = 0
        self._began_ns = None if fault.at_s is None else chronicle.time_ns(fault.at_s)
        once = fault.for_s is None and not fault.lasts
        self._left = fault.times if fault.times is not None else 1 if once else None

    def strikes(self, possible: bool = True) -> bool:
        """To be asked once at each event; one that is struck is booked.

        :param possible: False where this event cannot be struck; it counts all the same.
        """
        self._events += 1
        if self._began_ns is None and self._events == self._fault.at_count:
            self._began_ns = self._clock.now_ns()
        if not (possible and self.in_force):
            return False
        if self._left is not None:
            self._left -= 1
        self._chronicle.note(self._fault)
        return True

    @property
    def in_force(self) -> bool:
        """Whether an event now would be struck."""
        if self._began_ns is None or self._left == 0:
            return False
        since_ns = self._clock.now_ns() - self._began_ns
        return since_ns >= 0 and (self._fault.for_s is None or since_ns < self._fault.for_s * 1e9)


def strike_at(clock: VirtualClock, time_ns: int, action: Callable[[], None]) -> None:
    """Do it at that time of the clock; at once where that is past."""
    if time_ns <= clock.now_ns():
        action()
    else:
        clock.at(time_ns, action)


def in_force(fault: Lasting, chronicle: Chronicle, time_ns: int) -> bool:
    """Whether it lasts at that time of the clock."""
    since_ns = time_ns - chronicle.time_ns(fault.at_s)
    return since_ns >= 0 and (fault.for_s is None or since_ns < fault.for_s * 1e9)
