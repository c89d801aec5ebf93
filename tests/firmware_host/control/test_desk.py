"""The desk between a scan and whoever watches it: what it tells, how it pauses, what it refuses."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from firmware_host.cancel import CancelToken
from firmware_host.clock import MonotonicClock, VirtualClock
from firmware_host.control.desk import Desk
from firmware_host.errors import Cancelled, HardwareError, UsageError
from firmware_host.incidents import Incident

ASSEMBLY = "writing the slide"
FOLDER = Path("/scans/slide-17")


def nothing() -> None:
    pass


class Rig:
    """A desk whose waits of real time run a script instead: what happens in the first, the second and so on."""

    def __init__(self, *script: Callable[[Desk], None]) -> None:
        self.clock, self.cancel = VirtualClock(), CancelToken()
        self.noted: list[Incident] = []
        self.log: list[str] = []
        self._script = list(script)
        self.desk = Desk(FOLDER, "emulated", self.cancel, ASSEMBLY, lambda: 12_000_000_000, self._wait)
        self._hold = self.desk.user_hold(
            self.clock, self.noted.append, lambda: self.log.append("rest"), lambda: self.log.append("wake")
        )

    def hold(self) -> None:
        self._hold(lambda: self.log.append(f"beat {self.desk.status().state}"))

    def _wait(self, seconds: float) -> None:
        assert 0 < seconds <= 0.2
        self._script.pop(0)(self.desk)


def look(desk: Desk) -> None:
    assert (desk.status().state, desk.status().paused_by) == ("paused", "user")


def test_a_scan_that_nobody_asked_anything_goes_on_at_once() -> None:
    rig = Rig()
    rig.hold()
    assert (rig.log, rig.noted, rig.clock.now_ns()) == ([], [], 0)
    assert rig.desk.status().state == "running"


def test_a_pause_begins_at_the_next_hold_and_lasts_until_resume() -> None:
    rig = Rig(look, look, Desk.resume)
    rig.desk.pause()
    assert rig.desk.status().state == "pausing"
    rig.hold()
    assert rig.log == ["rest", "beat paused", "beat paused", "beat paused", "beat paused", "wake"]
    assert [incident.cause for incident in rig.noted] == ["paused by user"]
    assert rig.clock.booked_ns()["wait"] == 3 * 100_000_000
    assert (rig.desk.status().state, rig.desk.status().reason) == ("running", "")
    rig.hold()
    assert len(rig.noted) == 1


def test_a_pause_that_is_taken_back_before_it_began_costs_nothing() -> None:
    rig = Rig()
    rig.desk.pause()
    rig.desk.pause()
    rig.desk.resume()
    rig.hold()
    assert (rig.log, rig.clock.now_ns()) == ([], 0)


def test_stop_ends_a_pause_and_nothing_is_woken() -> None:
    rig = Rig(look, Desk.stop)
    rig.desk.pause()
    with pytest.raises(Cancelled, match="wsi-host stop"):
        rig.hold()
    assert "wake" not in rig.log
    assert rig.desk.status().state == "stopping"


def test_what_fails_when_it_rests_or_wakes_is_raised_and_the_pause_is_over() -> None:
    def broken() -> None:
        raise HardwareError("lamp: does not answer")

    rig = Rig()
    rig.desk.pause()
    with pytest.raises(HardwareError):
        rig.desk.user_hold(rig.clock, rig.noted.append, rest=broken)(nothing)
    assert rig.desk.status().paused_by is None


def test_a_pause_that_everybody_forgot_stops_the_scan() -> None:
    rig = Rig(*[look] * 100)
    rig.desk.pause()
    with pytest.raises(Cancelled, match=r"paused on request for 0.002 h, and nobody resumed it"):
        rig.desk.user_hold(rig.clock, rig.noted.append, longest_s=7.2)(nothing)
    assert rig.clock.now_ns() == pytest.approx(7.2e9, abs=0.1e9)


@pytest.mark.parametrize("clock", [MonotonicClock(), VirtualClock()], ids=["real", "virtual"])
def test_it_waits_in_real_time_on_either_clock_and_books_it(clock: MonotonicClock | VirtualClock) -> None:
    desk = Desk(FOLDER, "emulated", CancelToken(), ASSEMBLY)
    beats = iter([nothing, nothing, desk.resume])

    def beat() -> None:
        next(beats)()

    desk.pause()
    began_ns = MonotonicClock().now_ns()
    desk.user_hold(clock, lambda _: None)(beat)
    passed_ns = MonotonicClock().now_ns() - began_ns
    assert passed_ns >= 0.2e9
    assert clock.booked_ns()["wait"] == pytest.approx(passed_ns, rel=0.5)


def test_resume_from_another_thread_is_seen_at_once() -> None:
    cancel = CancelToken()
    desk = Desk(FOLDER, "emulated", cancel, ASSEMBLY)
    paused = threading.Event()
    desk.pause()
    hold = desk.user_hold(VirtualClock(), lambda _: None)
    scan = threading.Thread(target=lambda: hold(paused.set), daemon=True)
    scan.start()
    assert paused.wait(10)
    assert desk.status().state == "paused"
    desk.resume()
    scan.join(10)
    assert not scan.is_alive()


def test_a_pause_of_the_scans_own_is_told_with_its_reason() -> None:
    rig = Rig()
    states = []

    def too_hot(beat: Callable[[], None]) -> None:
        rig.desk.noted(Incident("processor hot", "the scan pauses:\nprocessor at 84 C"))
        beat()
        states.append(rig.desk.status())
        with pytest.raises(UsageError, match="nothing to resume: it pauses by itself: the scan pauses: processor at"):
            rig.desk.resume()

    rig.desk.seen(too_hot)(lambda: rig.log.append("beat"))
    assert rig.log == ["beat"]
    assert (states[0].state, states[0].paused_by) == ("paused", "watch")
    assert states[0].reason == "the scan pauses: processor at 84 C"
    assert rig.desk.status().state == "running"


def test_a_hold_that_ends_the_scan_is_passed_on() -> None:
    def ends(beat: Callable[[], None]) -> None:
        beat()
        raise HardwareError("disk: gone")

    rig = Rig()
    with pytest.raises(HardwareError):
        rig.desk.seen(ends)(nothing)
    assert rig.desk.status().paused_by is None


def test_all_that_is_known_is_told() -> None:
    rig = Rig()
    first = rig.desk.status()
    assert (first.step, first.fields_total, first.seconds_left, first.latest) == ("", None, None, [])
    rig.desk.told("scanning", 0.25, 90.0)
    rig.desk.counted(3, 12)
    now = rig.desk.status()
    assert (now.folder, now.profile, now.state) == ("/scans/slide-17", "emulated", "running")
    assert (now.step, now.share, now.seconds_left, now.fields_done, now.fields_total) == ("scanning", 0.25, 90.0, 3, 12)
    assert now.free_mb == 12_000
    assert now.began.endswith("Z")


def test_of_many_incidents_the_last_are_told_and_all_are_counted() -> None:
    rig = Rig()
    for number in range(1000):
        rig.desk.noted(Incident("disk nearly full", f"{number} " + "long " * 1000))
    now = rig.desk.status()
    assert now.incidents == 1000
    assert [each.text.split()[0] for each in now.latest] == [str(number) for number in range(980, 1000)]
    assert len(now.model_dump_json()) < 20_000


@pytest.mark.parametrize(
    ("before", "asked", "words"),
    [
        (lambda it: it.desk.told(ASSEMBLY, 0.1, None), Desk.pause, "cannot be paused: the scan is over"),
        (lambda it: it.desk.told(ASSEMBLY, 0.1, None), Desk.resume, "cannot be resumed: the scan is over"),
        (lambda it: it.desk.told(ASSEMBLY, 0.1, None), Desk.stop, "cannot be stopped: the scan is over"),
        (lambda it: it.cancel.request("Ctrl-C"), Desk.pause, "cannot be paused: it is being stopped"),
        (lambda it: it.cancel.request("Ctrl-C"), Desk.resume, "cannot be resumed: it is being stopped"),
        (lambda it: it.hold(), Desk.resume, "nothing to resume: it is not paused"),
    ],
)
def test_what_cannot_be_done_is_refused(
    before: Callable[[Rig], None], asked: Callable[[Desk], None], words: str
) -> None:
    rig = Rig()
    before(rig)
    with pytest.raises(UsageError, match=words):
        asked(rig.desk)


def test_stopping_twice_is_as_good_as_once() -> None:
    rig = Rig()
    rig.desk.stop()
    rig.desk.stop("again")
    assert rig.cancel.reason == "wsi-host stop"
