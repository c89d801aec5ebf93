"""When a fault strikes, and for how long."""

from __future__ import annotations

from typing import Any

import pytest

from firmware_host.clock import VirtualClock
from firmware_host.twin.faults.fault import Chronicle, FaultPlan, Onset, in_force
from firmware_host.twin.faults.kinds import CameraLost, FrameBlack, LampFails

SECOND_NS = 10**9
OPENED_S = 7  # the clock has run before


def struck_at(made: type[FrameBlack] | type[CameraLost], values: dict[str, Any], events_s: list[float]) -> list[float]:
    """Of events at these times since the opening, those that a fault strikes."""
    clock = VirtualClock(OPENED_S * SECOND_NS)
    fault = made.model_validate(values)
    plan = FaultPlan((fault,))
    onset = Onset(fault, Chronicle(plan, clock), clock)
    struck = []
    for time_s in events_s:
        clock.wait_until(round((OPENED_S + time_s) * SECOND_NS), "wait")
        will = onset.in_force
        does = onset.strikes()
        if does:
            struck.append(time_s)
        assert will == does or values.get("at_count") == events_s.index(time_s) + 1
    assert [entry.at_s for entry in plan.struck] == pytest.approx(struck)
    return struck


EVERY_S = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]


@pytest.mark.parametrize(
    ("made", "values", "struck_s"),
    [
        (FrameBlack, {"at_s": 0}, [0.0]),
        (FrameBlack, {"at_s": 1.5}, [2.0]),
        (FrameBlack, {"at_s": 1.5, "times": 3}, [2.0, 3.0, 4.0]),
        (FrameBlack, {"at_s": 2, "for_s": 2}, [2.0, 3.0]),
        (FrameBlack, {"at_s": 2.1, "for_s": 0.5}, []),
        (FrameBlack, {"at_s": 9}, []),
        (FrameBlack, {"at_count": 1}, [0.0]),
        (FrameBlack, {"at_count": 4}, [3.0]),
        (FrameBlack, {"at_count": 4, "times": 2}, [3.0, 4.0]),
        (FrameBlack, {"at_count": 2, "for_s": 2.5}, [1.0, 2.0, 3.0]),
        (CameraLost, {"at_s": 3}, [3.0, 4.0, 5.0]),
        (CameraLost, {"at_count": 5}, [4.0, 5.0]),
        (CameraLost, {"at_s": 1, "for_s": 2}, [1.0, 2.0]),
        (CameraLost, {"at_s": 1, "times": 1}, [1.0]),
    ],
)
def test_events_that_are_struck(
    made: type[FrameBlack] | type[CameraLost], values: dict[str, Any], struck_s: list[float]
) -> None:
    assert struck_at(made, values, EVERY_S) == struck_s


def test_an_event_that_cannot_be_struck_counts_and_the_fault_waits_for_one_that_can() -> None:
    clock = VirtualClock()
    fault = FrameBlack(at_count=2)
    onset = Onset(fault, Chronicle(FaultPlan((fault,)), clock), clock)
    assert [onset.strikes(possible) for possible in (True, False, False, True, True)] == [False] * 3 + [True, False]


@pytest.mark.parametrize(
    ("for_s", "time_s", "lasts"),
    [(None, 1.9, False), (None, 2.0, True), (None, 1e5, True), (3.0, 4.9, True), (3.0, 5.0, False), (3.0, 0.0, False)],
)
def test_what_lasts_is_in_force_from_its_time_on_until_it_is_over(
    for_s: float | None, time_s: float, lasts: bool
) -> None:
    fault = LampFails(at_s=2, for_s=for_s)
    chronicle = Chronicle(FaultPlan((fault,)), VirtualClock(OPENED_S * SECOND_NS))
    assert in_force(fault, chronicle, round((OPENED_S + time_s) * SECOND_NS)) is lasts
