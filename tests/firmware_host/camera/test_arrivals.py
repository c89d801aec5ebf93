"""Of when an exposure began less may be claimed than is true, never more: whatever the queue, the sensor and the
reader do."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Container
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_host.camera.arrivals import Arrivals

MS = 1_000_000
EXPOSURE, READOUT = 8 * MS, 20 * MS
QUEUE = 4  # OpenCV's
OPENED = 1_000_000 * MS


@dataclass(frozen=True)
class Seen:
    """One frame as the reader sees it, and what it does not see: when its exposure truly began."""

    asked_ns: int
    arrived_ns: int
    delivered_ns: int
    start_ns: int


def stream(
    period_ns: int, frames: int, lost: Container[int] = (), stalls: dict[int, tuple[int, int]] | None = None
) -> list[Seen]:
    """A sensor, a queue that throws new frames away when it is full, and a reader.

    :param lost: numbers of frames that the sensor does not make.
    :param stalls: number of a frame that is read -> (before it is asked for, before it is noticed), both ns.
    """
    coming = deque(
        (OPENED + k * period_ns + EXPOSURE + READOUT, OPENED + k * period_ns)
        for k in range(4 * frames)
        if k not in lost
    )
    queue: deque[tuple[int, int]] = deque()
    seen, now = [], OPENED

    def until(time_ns: int) -> None:
        while coming and coming[0][0] <= time_ns:
            frame = coming.popleft()
            if len(queue) < QUEUE:
                queue.append(frame)

    for number in range(frames):
        before_ns, after_ns = (stalls or {}).get(number, (0, 0))
        now += before_ns
        asked_ns = now
        until(now)
        if not queue:
            if not coming:
                break
            now = coming[0][0]
            until(now)
        delivered_ns, start_ns = queue.popleft()
        now += after_ns
        until(now)
        seen.append(Seen(asked_ns, now, delivered_ns, start_ns))
    return seen


def bounds(seen: list[Seen], period_ns: int, stamped: bool = False) -> list[int]:
    arrivals = Arrivals(EXPOSURE, READOUT, period_ns, OPENED)
    return [
        arrivals.earliest_start_ns(each.asked_ns, each.arrived_ns, each.delivered_ns if stamped else 0) for each in seen
    ]


stall = st.just(0) | st.integers(0, 30 * MS) | st.integers(0, 400 * MS)
in_time = st.integers(0, 10 * MS)


@settings(max_examples=300, deadline=None)
@given(
    st.integers(20 * MS, 60 * MS),
    st.floats(-0.035, 0.035),
    st.sets(st.integers(0, 60), max_size=8),
    st.lists(st.tuples(stall, in_time, *[st.tuples(stall, stall)] * 4), max_size=12),
    st.booleans(),
)
def test_no_exposure_began_before_its_bound(
    period: int, error: float, lost: set[int], stalls: list[tuple[Any, ...]], stamped: bool
) -> None:
    """One of five frames in a row is noticed within 10 ms of its delivery, unless it was queued; the others anyhow."""
    held_up = {}
    for turn, (before, after, *others) in enumerate(stalls):
        held_up |= dict(enumerate([(before, after), *others], 5 * turn))
    seen = stream(round(period * (1 + error)), 60, lost, held_up)
    for each, bound in zip(seen, bounds(seen, period, stamped), strict=True):
        assert bound <= each.start_ns


def test_a_reader_that_keeps_up_knows_the_beginning_but_for_what_it_may_be_held_up_by() -> None:
    seen = stream(25 * MS, 40)
    for each, bound in list(zip(seen, bounds(seen, 25 * MS), strict=True))[5:]:
        assert each.start_ns - bound == 14 * MS, "and a sixth of a period, as the period is only roughly known"


def test_a_stamp_tells_the_beginning_even_of_a_frame_that_was_queued() -> None:
    seen = stream(25 * MS, 40, stalls={20: (300 * MS, 0)})
    assert seen[21].arrived_ns == seen[20].arrived_ns, "back to back"
    assert bounds(seen, 25 * MS, stamped=True) == [each.start_ns for each in seen]


def test_frames_that_were_queued_are_not_believed_and_those_after_them_are_again() -> None:
    """A stall of 300 ms: four old frames come at once, then fresh ones."""
    seen = stream(25 * MS, 40, stalls={20: (300 * MS, 0)})
    claims = [each.arrived_ns - EXPOSURE - READOUT for each in seen]
    assert [claim > each.start_ns for claim, each in zip(claims, seen, strict=True)][20:24] == [True] * 4
    found = bounds(seen, 25 * MS)
    assert all(bound <= each.start_ns for bound, each in zip(found, seen, strict=True))
    behind_ms = [(each.start_ns - bound) / MS for bound, each in zip(found, seen, strict=True)]
    assert behind_ms[24] > 150
    assert behind_ms[29:] == [14] * 11


@pytest.mark.parametrize(
    "stamps",
    [
        lambda _: 0,
        lambda each: each.delivered_ns + 1_700_000_000_000 * MS,
        lambda each: each.delivered_ns - 1_000_000 * MS,
        lambda _: 999_999_000_000 + 40 * MS,
    ],
    ids=["none", "wall clock", "from the stream's beginning", "standing still"],
)
def test_a_stamp_of_another_clock_is_not_believed(stamps: Callable[[Seen], int]) -> None:
    seen = stream(25 * MS, 20)
    arrivals = Arrivals(EXPOSURE, READOUT, 25 * MS, OPENED)
    found = [arrivals.earliest_start_ns(each.asked_ns, each.arrived_ns, stamps(each)) for each in seen]
    assert found[5:] == bounds(seen, 25 * MS)[5:]


def test_a_reader_that_is_as_slow_as_the_camera_and_always_behind_is_not_believed() -> None:
    """Frames come to it evenly, one a period, and each of them is old: it never waits for one."""
    slow = dict.fromkeys(range(6, 40), (25 * MS, 0))
    seen = stream(25 * MS, 40, stalls={5: (300 * MS, 0), **slow})
    assert {late.arrived_ns - soon.arrived_ns for soon, late in pairwise(seen[6:])} == {25 * MS}
    assert min(each.arrived_ns - each.delivered_ns for each in seen[6:]) > 50 * MS
    assert all(bound <= each.start_ns for bound, each in zip(bounds(seen, 25 * MS), seen, strict=True))
