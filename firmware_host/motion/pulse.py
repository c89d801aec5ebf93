"""The pulse engine: plays step trains of several axes at once, each edge at its own deadline of the clock.

It knows pins and times, not micrometres. Deadlines are absolute, counted from the start of the move. When an edge
comes late (the operating system was busy) the rest of the move is put off by as much: catching up would ask the
motors for more speed than planned, and would shorten a pulse below what the driver sees.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from firmware_host.clock import Clock
from firmware_host.gpio.port import GpioPort


@dataclass(frozen=True)
class PulseTrain:
    """One move of one axis in one direction.

    :param way: +1 or -1, what each step counts; :param dir_level: level of DIR for this way.
    :param times_ns: (N,) of the rising edges, after the train's start, increasing.
    :param duration_ns: from the train's start to rest; >= the last step.
    """

    step_pin: int
    dir_pin: int
    dir_level: bool
    way: int
    times_ns: NDArray[np.int64]
    duration_ns: int
    pulse_ns: int
    dir_setup_ns: int


@dataclass(frozen=True)
class Played:
    """What was really played.

    :param steps: signed steps made by each axis; :param end_ns: clock time at which each axis came to rest.
    :param whole: False when it was stopped before its end.
    """

    steps: tuple[int, ...]
    end_ns: tuple[int, ...]
    whole: bool


class PulseEngine:
    """Plays trains on a GPIO port against a clock."""

    def __init__(self, gpio: GpioPort, clock: Clock) -> None:
        self._gpio = gpio
        self._clock = clock

    def play(self, axes: Sequence[Sequence[PulseTrain]], stop: Callable[[], bool]) -> Played:
        """Play each axis's trains one after the other, all axes at the same time.

        :param stop: asked when each step is due; once true it does not begin, nor does any after it. A pulse that is
            high then is ended properly, so that every step counted is a step that the driver saw.
        """
        clock, write = self._clock, self._gpio.write
        edges = [_edges(trains) for trains in axes]
        made = [0] * len(axes)
        high: set[int] = set()
        start_ns = clock.now_ns()
        for time_ns, axis, pin, level, way in _merged(edges):
            clock.wait_until(start_ns + time_ns, "move")
            late_ns = clock.now_ns() - start_ns - time_ns
            if late_ns > 0:
                start_ns += late_ns
            if way:
                if stop():
                    self._end_pulses(axes, high)
                    return Played(tuple(made), (clock.now_ns(),) * len(axes), whole=False)
                write(pin, level)
                made[axis] += way
                high.add(pin)
            else:
                write(pin, level)
                high.discard(pin)
        return Played(tuple(made), tuple(start_ns + each.duration_ns for each in edges), whole=True)

    def _end_pulses(self, axes: Sequence[Sequence[PulseTrain]], high: set[int]) -> None:
        """A pulse that has begun must be long enough for the driver to see it: its step has been counted."""
        if high:
            longest_ns = max(train.pulse_ns for trains in axes for train in trains)
            self._clock.wait_until(self._clock.now_ns() + longest_ns, "move")
        for pin in high:
            self._gpio.write(pin, False)


@dataclass(frozen=True)
class _Edges:
    """All edges of one axis: times, and as columns pin, level, and the step that an edge begins (0: none)."""

    times_ns: NDArray[np.int64]
    columns: tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.int64]]
    duration_ns: int


def _merged(edges: Sequence[_Edges]) -> Iterator[tuple[int, int, int, bool, int]]:
    """(time_ns, axis, pin, level, way) of all axes' edges in the order of their times."""
    if not edges:
        return iter(())
    times_ns = np.concatenate([each.times_ns for each in edges])
    order = np.argsort(times_ns, kind="stable")
    owner = np.repeat(np.arange(len(edges)), [len(each.times_ns) for each in edges])
    columns = [np.concatenate(each)[order].tolist() for each in zip(*(axis.columns for axis in edges), strict=True)]
    return zip(times_ns[order].tolist(), owner[order].tolist(), *columns, strict=True)


def _edges(trains: Sequence[PulseTrain]) -> _Edges:
    times: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
    pins: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
    levels: list[NDArray[np.bool_]] = [np.empty(0, np.bool_)]
    ways: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
    begin_ns = 0
    for train in trains:
        first_ns = begin_ns + train.dir_setup_ns
        rising = train.times_ns + first_ns
        count = len(rising)
        times += [np.array([begin_ns], np.int64), np.stack([rising, rising + train.pulse_ns], 1).ravel()]
        pins += [np.array([train.dir_pin]), np.full(2 * count, train.step_pin)]
        levels += [np.array([train.dir_level]), np.tile([True, False], count)]
        ways += [np.zeros(1, np.int64), np.tile([train.way, 0], count)]
        begin_ns = first_ns + max(train.duration_ns, int(train.times_ns[-1]) + train.pulse_ns if count else 0)
    return _Edges(np.concatenate(times), (np.concatenate(pins), np.concatenate(levels), np.concatenate(ways)), begin_ns)
