from __future__ import annotations

from firmware_host.clock import MonotonicClock, VirtualClock


def test_virtual_time_passes_only_by_waiting() -> None:
    clock = VirtualClock()
    clock.wait_until(1_500, "move")
    clock.wait_until(1_000, "settle")  # already past: no time passes, none is booked
    assert clock.now_ns() == 1_500
    assert clock.booked_ns() == dict.fromkeys(clock.booked_ns(), 0) | {"move": 1_500}


def test_work_costs_what_the_table_says() -> None:
    clock = VirtualClock(work_ns={"infer": 7})
    with clock.work("infer"), clock.work("write"):
        assert clock.now_ns() == 0
    assert (clock.now_ns(), clock.booked_ns()["infer"], clock.booked_ns()["write"]) == (7, 7, 0)


def test_work_beside_costs_the_caller_only_the_wait_for_room() -> None:
    """Three pieces of 100 ns each, one every 10 ns, where one may wait its turn: the third waits for the first."""
    clock = VirtualClock(work_ns={"write": 100})
    handed_over = []
    for at in (0, 10, 20):
        clock.wait_until(at, "move")
        with clock.beside("write", queued=1):
            pass
        handed_over.append(clock.now_ns())
    assert handed_over == [0, 10, 100]
    assert clock.booked_ns()["write"] == 80
    clock.wait_until(1000, "move")
    with clock.beside("write", queued=1):  # all done long ago
        pass
    assert clock.now_ns() == 1000


def test_every_nanosecond_is_booked_under_a_name() -> None:
    clock = VirtualClock(start_ns=100, work_ns={"write": 5})
    for at, phase in ((110, "move"), (130, "settle"), (131, "expose")):
        clock.wait_until(at, phase)  # type: ignore[arg-type]
    with clock.work("write"):
        pass
    assert sum(clock.booked_ns().values()) == clock.now_ns() - 100


def test_what_happens_from_outside_happens_in_the_wait_that_reaches_it() -> None:
    clock = VirtualClock()
    seen: list[tuple[str, int]] = []

    def first() -> None:
        seen.append(("first", clock.now_ns()))
        clock.at(15, lambda: seen.append(("its sequel", clock.now_ns())))

    clock.at(30, lambda: seen.append(("last", clock.now_ns())))
    clock.at(10, first)
    clock.amid("infer", lambda: seen.append(("amid", clock.now_ns())))
    clock.wait_until(20, "move")
    assert seen == [("first", 10), ("its sequel", 15)]
    clock.wait_until(26, "infer")
    clock.wait_until(40, "infer")
    assert seen[2:] == [("amid", 23), ("last", 30)]
    assert clock.booked_ns() == dict.fromkeys(clock.booked_ns(), 0) | {"move": 20, "infer": 20}


def test_what_takes_time_from_outside_makes_the_wait_late() -> None:
    clock = VirtualClock()
    clock.at(10, lambda: clock.wait_until(50, "wait"))
    clock.wait_until(20, "move")
    assert clock.now_ns() == 50
    assert clock.booked_ns()["move"] == 10


def test_monotonic_clock_returns_at_or_after_the_deadline() -> None:
    clock = MonotonicClock()
    deadline = clock.now_ns() + 2_000_000
    clock.wait_until(deadline, "wait")
    assert clock.now_ns() >= deadline
    assert clock.booked_ns()["wait"] > 0
