"""The pulse engine: plays step trains of several axes at once, each edge at its own deadline of the clock.

It knows pins and times, not micrometres. Deadlines are absolute, counted from the start of the move. An edge that comes
late by up to a quarter of a step, as they do, changes nothing: the next one is in time again, and no pulse gets shorter
than the driver sees. What is later than that (the operating system was busy) puts the rest of the move off: catching up
would ask the motors for more speed than planned. An edge that is so late that the rotor has come to rest, or lost its
field, ends the move: it cannot go on at full speed from there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from firmware_host.clock import Clock
from firmware_host.gpio.port import GpioPort
from firmware_host.motion.lateness import Lateness

_NEVER = 1 << 60  # ns since the last step of an axis that has made none


@dataclass(frozen=True)
class PulseTrain:
    """One move of one axis in one direction.

    :param way: +1 or -1, what each step counts; :param dir_level: level of DIR for this way.
    :param times_ns: (N,) of the rising edges, after the train's start, increasing.
    :param duration_ns: from the train's start to rest; >= the last step.
    :param patience_steps: the move ends when an edge is later than so many steps take at the speed of the moment.
    """

    step_pin: int
    dir_pin: int
    dir_level: bool
    way: int
    times_ns: NDArray[np.int64]
    duration_ns: int
    pulse_ns: int
    dir_setup_ns: int
    patience_steps: float = math.inf


@dataclass(frozen=True)
class Stall:
    """Pulses that stood still in the middle of a move.

    :param late_ns: for how long; :param speeds_sps: how fast each axis went then, steps/s.
    """

    late_ns: int
    speeds_sps: tuple[float, ...]


@dataclass(frozen=True)
class Played:
    """What was really played.

    :param steps: signed steps made by each axis; :param end_ns: clock time at which each axis came to rest.
    :param whole: False when it was stopped before its end; :param stall: why, unless it was asked for.
    """

    steps: tuple[int, ...]
    end_ns: tuple[int, ...]
    whole: bool
    stall: Stall | None = None


class PulseEngine:
    """Plays trains on a GPIO port against a clock."""

    def __init__(self, gpio: GpioPort, clock: Clock) -> None:
        self.lateness = Lateness()
        self.steps = 0
        """Steps made so far, in either direction, by all axes."""
        self._gpio = gpio
        self._clock = clock

    def play(self, axes: Sequence[Sequence[PulseTrain]], stop: Callable[[], bool]) -> Played:
        """Play each axis's trains one after the other, all axes at the same time.

        :param stop: asked when each step is due; once true it does not begin, nor does any after it. A pulse that is
            high then is ended properly, so that every step counted is a step that the driver saw.
        """
        clock, write, note = self._clock, self._gpio.write, self.lateness.add
        edges = [_edges(trains) for trains in axes]
        made = [0] * len(axes)
        gaps_ns = [_NEVER] * len(axes)  # from each axis's last step to the one before
        falls_ns = [0] * len(axes)  # when each axis's pulse may end
        pulses_ns = [max((train.pulse_ns for train in trains), default=0) for trains in axes]
        high: set[int] = set()
        start_ns = clock.now_ns()
        for time_ns, axis, pin, level, way, gap_ns, tolerance_ns, patience_ns in _merged(edges):
            due_ns = start_ns + time_ns
            if pin in high and due_ns < falls_ns[axis]:
                due_ns = falls_ns[axis]
            clock.wait_until(due_ns, "move")
            now_ns = clock.now_ns()
            late_ns = now_ns - due_ns
            note(late_ns)
            if late_ns > tolerance_ns:
                start_ns += late_ns - tolerance_ns
            stalled = late_ns > patience_ns
            if way and (stalled or stop()):
                return self._cut(axes, high, made, Stall(late_ns, _speeds(gaps_ns)) if stalled else None)
            write(pin, level)
            if way:
                made[axis] += way
                self.steps += 1
                gaps_ns[axis] = gap_ns
                falls_ns[axis] = now_ns + pulses_ns[axis]
                high.add(pin)
            else:
                high.discard(pin)
                if stalled:
                    return self._cut(axes, high, made, Stall(late_ns, _speeds(gaps_ns)))
        return Played(tuple(made), tuple(start_ns + each.duration_ns for each in edges), whole=True)

    def _cut(
        self, axes: Sequence[Sequence[PulseTrain]], high: set[int], made: Sequence[int], stall: Stall | None
    ) -> Played:
        self._end_pulses(axes, high)
        return Played(tuple(made), (self._clock.now_ns(),) * len(axes), whole=False, stall=stall)

    def _end_pulses(self, axes: Sequence[Sequence[PulseTrain]], high: set[int]) -> None:
        """A pulse that has begun must be long enough for the driver to see it: its step has been counted."""
        if high:
            longest_ns = max(train.pulse_ns for trains in axes for train in trains)
            self._clock.wait_until(self._clock.now_ns() + longest_ns, "move")
        for pin in high:
            self._gpio.write(pin, False)


@dataclass(frozen=True)
class _Edges:
    """All edges of one axis, as columns.

    :param columns: pin; level; the step that an edge begins (0: none); time since the step before, ns; how late it may
        come without putting off the rest, ns; how late at all, ns.
    """

    times_ns: NDArray[np.int64]
    columns: tuple[
        NDArray[np.int64],
        NDArray[np.bool_],
        NDArray[np.int64],
        NDArray[np.int64],
        NDArray[np.int64],
        NDArray[np.float64],
    ]
    duration_ns: int


_NOTHING = _Edges(
    np.empty(0, np.int64),
    (
        np.empty(0, np.int64),
        np.empty(0, np.bool_),
        np.empty(0, np.int64),
        np.empty(0, np.int64),
        np.empty(0, np.int64),
        np.empty(0),
    ),
    0,
)


def _merged(edges: Sequence[_Edges]) -> Iterator[tuple[int, int, int, bool, int, int, int, float]]:
    """(time_ns, axis, pin, level, way, gap_ns, tolerance_ns, patience_ns) of all edges in the order of their times."""
    if not edges:
        return iter(())
    times_ns = np.concatenate([each.times_ns for each in edges])
    order = np.argsort(times_ns, kind="stable")
    owner = np.repeat(np.arange(len(edges)), [len(each.times_ns) for each in edges])
    columns = [np.concatenate(each)[order].tolist() for each in zip(*(axis.columns for axis in edges), strict=True)]
    return zip(times_ns[order].tolist(), owner[order].tolist(), *columns, strict=True)


def _edges(trains: Sequence[PulseTrain]) -> _Edges:
    """Of trains that follow each other."""
    parts, begin_ns = [_NOTHING], 0
    for train in trains:
        parts.append(_edges_of(train, begin_ns))
        begin_ns = parts[-1].duration_ns
    pins, levels, ways, gaps, tolerances, patience = (
        np.concatenate(each) for each in zip(*(part.columns for part in parts), strict=True)
    )
    times_ns = np.concatenate([part.times_ns for part in parts])
    return _Edges(times_ns, (pins, levels, ways, gaps, tolerances, patience), begin_ns)


def _edges_of(train: PulseTrain, begin_ns: int) -> _Edges:
    """DIR, then two edges a step. A first step may come as late as it likes: the motor stands."""
    first_ns = begin_ns + train.dir_setup_ns
    rising = train.times_ns + first_ns
    count = len(rising)
    gaps_ns = np.diff(train.times_ns, prepend=train.times_ns[:1] - _NEVER)
    patience_ns = np.where(gaps_ns < _NEVER, gaps_ns * train.patience_steps, np.inf)
    columns = (
        np.append(np.array([train.dir_pin]), np.full(2 * count, train.step_pin)),
        np.append(np.array([train.dir_level]), np.tile([True, False], count)),
        np.append(np.zeros(1, np.int64), np.tile([train.way, 0], count)),
        np.append(np.zeros(1, np.int64), np.repeat(gaps_ns, 2)),
        np.append(np.zeros(1, np.int64), np.repeat(_tolerances_ns(gaps_ns, train.pulse_ns), 2)),
        np.append(np.array([np.inf]), np.repeat(patience_ns, 2)),
    )
    times_ns = np.append(np.array([begin_ns], np.int64), np.stack([rising, rising + train.pulse_ns], 1).ravel())
    last_ns = int(train.times_ns[-1]) + train.pulse_ns if count else 0
    return _Edges(times_ns, columns, first_ns + max(train.duration_ns, last_ns))


def _tolerances_ns(gaps_ns: NDArray[np.int64], pulse_ns: int) -> NDArray[np.int64]:
    """(N,) for the gaps before N steps: a quarter of the shorter one beside each, less where that leaves STEP no time.

    The first step and the last one have none.
    """
    beside = np.minimum(gaps_ns, np.append(gaps_ns[1:], 0))
    beside[:1] = 0
    tolerances_ns: NDArray[np.int64] = np.maximum(np.minimum(beside // 4, beside // 2 - pulse_ns), 0)
    return tolerances_ns


def _speeds(gaps_ns: Sequence[int]) -> tuple[float, ...]:
    return tuple(0.0 if gap_ns >= _NEVER else 1e9 / gap_ns for gap_ns in gaps_ns)
