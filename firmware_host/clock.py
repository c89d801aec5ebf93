"""One clock for everything that waits, and a ledger of where the time went. Nothing else may sleep.

On the device the clock is the monotonic one; on the twin it is virtual: time passes only when somebody waits,
so a scan of hundreds of fields takes seconds and is repeatable to the nanosecond.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from operator import itemgetter
from typing import Literal, Protocol, get_args

Phase = Literal["move", "settle", "expose", "readout", "infer", "write", "wait"]
PHASES: tuple[Phase, ...] = get_args(Phase)


class Clock(Protocol):
    """Time in integer nanoseconds. Every wait names its phase, so that each field's time can be accounted for."""

    def now_ns(self) -> int:
        """Time since an arbitrary origin; never goes back."""

    def wait_until(self, deadline_ns: int, phase: Phase) -> None:
        """Return at the deadline, or at once when it has passed; the time waited is booked under `phase`."""

    @contextmanager
    def work(self, phase: Phase) -> Iterator[None]:
        """Book the time that the body takes under `phase`."""

    @contextmanager
    def beside(self, phase: Phase, queued: int) -> Iterator[None]:
        """Hand a piece of work to a thread that works beside the caller, in the body; it may have to wait for room.

        Only that wait takes the caller's time, and is booked under `phase`.
        :param queued: pieces that may wait their turn.
        """

    @contextmanager
    def caught_up(self, phase: Phase, but: int = 0) -> Iterator[None]:
        """Wait, in the body, for all pieces that are worked on beside but the last so many; booked under `phase`."""

    def booked_ns(self) -> dict[Phase, int]:
        """Total time booked under each phase so far (a copy)."""


class VirtualClock:
    """Time passes only by `wait_until`, and by what the table of work costs says that work takes.

    :param work_ns: what one `work` block of a phase costs, ns; 0 where the phase is missing.
    """

    def __init__(self, start_ns: int = 0, work_ns: Mapping[Phase, int] | None = None) -> None:
        self._now_ns = start_ns
        self._work_ns = dict(work_ns or {})
        self._booked = dict.fromkeys(PHASES, 0)
        self._done_ns: dict[Phase, deque[int]] = {phase: deque() for phase in PHASES}  # of pieces done beside
        self._alarms: list[tuple[int, Callable[[], None]]] = []
        self._amid: dict[Phase, list[Callable[[], None]]] = {}

    def now_ns(self) -> int:
        return self._now_ns

    def at(self, time_ns: int, action: Callable[[], None]) -> None:
        """Call `action` once, in the wait that reaches this time: what happens to a scanner from outside."""
        self._alarms.append((time_ns, action))
        self._alarms.sort(key=itemgetter(0))

    def amid(self, phase: Phase, action: Callable[[], None]) -> None:
        """Call `action` once, halfway through the next wait of this phase."""
        self._amid.setdefault(phase, []).append(action)

    def leap(self, by_ns: int) -> None:
        """Time passes while nothing runs, as when the machine was suspended; booked under `wait`."""
        self._pass(self._now_ns + by_ns, "wait")

    def work_takes(self, phase: Phase, longer_ns: int) -> None:
        """From now on work of this phase costs so much more, or less."""
        self._work_ns[phase] = self._work_ns.get(phase, 0) + longer_ns

    def wait_until(self, deadline_ns: int, phase: Phase) -> None:
        if deadline_ns > self._now_ns:
            for action in self._amid.pop(phase, ()):
                self.at((self._now_ns + deadline_ns) // 2, action)
            while self._alarms and self._alarms[0][0] <= deadline_ns:
                time_ns, action = self._alarms.pop(0)
                self._pass(time_ns, phase)
                action()
            self._pass(deadline_ns, phase)

    def _pass(self, until_ns: int, phase: Phase) -> None:
        passed_ns = max(until_ns - self._now_ns, 0)
        self._booked[phase] += passed_ns
        self._now_ns += passed_ns

    @contextmanager
    def work(self, phase: Phase) -> Iterator[None]:
        yield
        self.wait_until(self._now_ns + self._work_ns.get(phase, 0), phase)

    @contextmanager
    def beside(self, phase: Phase, queued: int) -> Iterator[None]:
        yield
        done = self._done_ns[phase]
        while len(done) > queued:  # one more is being worked on
            self.wait_until(done.popleft(), phase)
        done.append(max(self._now_ns, done[-1] if done else 0) + self._work_ns.get(phase, 0))

    @contextmanager
    def caught_up(self, phase: Phase, but: int = 0) -> Iterator[None]:
        yield
        while len(self._done_ns[phase]) > but:
            self.wait_until(self._done_ns[phase].popleft(), phase)

    def booked_ns(self) -> dict[Phase, int]:
        return dict(self._booked)


class MonotonicClock:
    """The machine's monotonic clock. Waits sleep to shortly before the deadline and spin the rest.

    :param spin_ns: how long before a deadline sleeping ends and spinning begins; the scheduler's usual lateness.
    """

    def __init__(self, spin_ns: int = 100_000) -> None:
        self._spin_ns = spin_ns
        self._booked = dict.fromkeys(PHASES, 0)

    def now_ns(self) -> int:
        return time.monotonic_ns()

    def wait_until(self, deadline_ns: int, phase: Phase) -> None:
        began = now = time.monotonic_ns()
        while now < deadline_ns:
            left = deadline_ns - now
            if left > self._spin_ns:
                time.sleep((left - self._spin_ns) * 1e-9)
            now = time.monotonic_ns()
        self._booked[phase] += now - began

    @contextmanager
    def work(self, phase: Phase) -> Iterator[None]:
        began = time.monotonic_ns()
        try:
            yield
        finally:
            self._booked[phase] += time.monotonic_ns() - began

    @contextmanager
    def beside(self, phase: Phase, queued: int) -> Iterator[None]:  # noqa: ARG002
        with self.work(phase):  # the body's own wait is all there is
            yield

    @contextmanager
    def caught_up(self, phase: Phase, but: int = 0) -> Iterator[None]:  # noqa: ARG002
        with self.work(phase):
            yield

    def booked_ns(self) -> dict[Phase, int]:
        return dict(self._booked)
