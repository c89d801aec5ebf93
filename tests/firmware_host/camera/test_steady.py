"""Only frames that can be trusted get through, or an error within a bound."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from untrusty import FAULTS, MS, Bench, Fault, Untrusty

from firmware_host.camera.port import FrameLost
from firmware_host.errors import Cancelled, HardwareError

CAUSE: dict[Fault, str] = {
    "dropped": "frame dropped",
    "silent when read out": "frame dropped",
    "old": "frame stale",
    "old with a new stamp": "frame stale",
    "old with a new stamp and number": "frame stale",
    "stamp ahead": "frame stale",
    "lower rows black": "frame half",
    "lower rows grey": "frame half",
    "lower rows white": "frame half",
    "lower rows of the frame before": "frame half",
    "lower rows of another picture": "frame half",
    "rows shifted": "frame damaged",
    "block of garbage": "frame damaged",
    "black": "frame black",
    "wrong size": "frame damaged",
}
STARTED = 3  # good frames at other heights before a fault


def only(*numbers: int, fault: Fault) -> Callable[[int], Fault | None]:
    return lambda number: fault if number in numbers else None


def from_then_on(fault: Fault) -> Callable[[int], Fault | None]:
    return lambda number: fault if number >= STARTED else None


def started(bench: Bench) -> Bench:
    for height in range(STARTED):
        bench.take(float(height))
    return bench


def test_where_nothing_is_the_matter_it_changes_nothing() -> None:
    """The same frames at the same times, whether read out at once or while the stage moves."""
    steady, plain = Bench(), Bench()
    for height in range(1, 8):
        taken = []
        for bench, camera in ((steady, steady.steady), (plain, plain.camera)):
            exposure = camera.expose(bench.stage.go(float(height)), 2.0)
            if height % 2:
                bench.stage.go(height + 0.5)
            taken.append(exposure.read_out())
        assert (taken[0].image == taken[1].image).all()
        assert (taken[0].sequence, taken[0].exposure_start_ns) == (taken[1].sequence, taken[1].exposure_start_ns)
        assert steady.clock.now_ns() == plain.clock.now_ns()
    assert steady.clock.booked_ns() == plain.clock.booked_ns()
    assert not steady.incidents


@pytest.mark.parametrize("shutter", ["global", "rolling"])
@pytest.mark.parametrize("fault", FAULTS)
def test_one_bad_frame_is_taken_again_while_the_stage_stands(fault: Fault, shutter: str) -> None:
    bench = started(Bench(only(STARTED, fault=fault), shutter=shutter))
    asked_ns = bench.stage.go(5.0)
    frame = bench.take(5.0)
    assert bench.is_good(frame)
    assert frame.exposure_start_ns >= asked_ns
    assert bench.causes == [CAUSE[fault]]
    assert bench.camera.asked == STARTED + 2
    assert bench.incidents[0].text.startswith("camera: ")
    assert bench.is_good(bench.take(6.0))


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault != "dropped"])
def test_a_bad_frame_is_lost_once_the_stage_has_moved_on(fault: Fault) -> None:
    """But not the camera: the next one is good, at once."""
    bench = started(Bench(only(STARTED, fault=fault)))
    exposure = bench.steady.expose(bench.stage.go(5.0), 2.0)
    settled_ns = bench.stage.go(6.0)
    with pytest.raises(FrameLost, match=r"^camera: .*moved on"):
        exposure.read_out()
    assert bench.causes == [CAUSE[fault]]
    before_ns = bench.clock.now_ns()
    assert bench.is_good(bench.steady.expose(settled_ns, 2.0).read_out())
    assert bench.clock.now_ns() - before_ns < 50 * MS


def test_behind_a_rolling_shutter_no_frame_is_lost() -> None:
    """It has been read out before the stage may move, so it is looked at before that."""
    bench = started(Bench(only(STARTED, fault="lower rows of another picture"), shutter="rolling"))
    exposure = bench.steady.expose(bench.stage.go(5.0), 2.0)
    bench.stage.go(6.0)
    assert bench.is_good(exposure.read_out())


@pytest.mark.parametrize("fault", FAULTS)
def test_what_never_ends_is_told_within_its_bound(fault: Fault) -> None:
    lost_s, timeout_s = 5.0, 2.0
    bench = started(Bench(from_then_on(fault), lost_s=lost_s))
    before_ns = bench.clock.now_ns()
    with pytest.raises(HardwareError, match=r"^(camera|lamp): .*5 s.*wsi-host scan --out DIR --resume$") as told:
        bench.take(5.0)
    assert not isinstance(told.value, FrameLost)
    assert lost_s <= (bench.clock.now_ns() - before_ns) / 1e9 <= lost_s + 3 * timeout_s
    assert bench.causes == [CAUSE[fault], "light lost" if fault == "black" else "camera lost"]


@pytest.mark.parametrize("gone_s", [0.05, 0.4, 3.0, 9.0, 28.0])
def test_a_camera_that_vanishes_is_waited_for(gone_s: float) -> None:
    bench = started(Bench(lost_s=30.0))
    bench.camera.gone_until_ns = bench.clock.now_ns() + round(gone_s * 1e9)
    frame = bench.take(5.0)
    assert bench.is_good(frame)
    assert frame.exposure_start_ns >= bench.camera.gone_until_ns
    assert frame.exposure_start_ns - bench.camera.gone_until_ns <= 5.2e9, "it is asked often enough"
    assert bench.causes == (["frame dropped"] if gone_s < 0.3 else ["frame dropped", "camera lost", "camera back"])
    assert bench.clock.booked_ns()["wait"] > 0.9 * gone_s * 1e9


def test_that_it_is_back_is_told_even_if_its_first_frame_is_lost() -> None:
    bench = started(Bench(only(STARTED + 3, fault="lower rows black"), lost_s=30.0))
    bench.camera.gone_until_ns = bench.clock.now_ns() + 500 * MS
    exposure = bench.steady.expose(bench.stage.go(5.0), 2.0)
    assert bench.camera.asked == STARTED + 4, "three tries in vain, and the one that is spoilt"
    bench.stage.go(6.0)
    with pytest.raises(FrameLost):
        exposure.read_out()
    assert "camera back" not in bench.causes
    bench.take(7.0)
    assert bench.causes[-1] == "camera back"


def test_a_stop_is_heeded_while_it_waits() -> None:
    bench = started(Bench(from_then_on("silent when read out"), lost_s=600.0))
    stopped_ns = bench.clock.now_ns() + 20_000 * MS
    bench.clock.at(stopped_ns, lambda: bench.cancel.request("Ctrl-C"))
    with pytest.raises(Cancelled):
        bench.take(5.0)
    assert bench.clock.now_ns() - stopped_ns <= 100 * MS


class Reopening(Bench):
    """A camera that must be opened anew, and cannot be at first."""

    def __init__(self, spoils: Callable[[int], Fault | None], refusals: int) -> None:
        super().__init__(spoils, lost_s=30.0)
        self.refusals, self.openings = refusals, 0
        self.steady._reopen = self._open

    def _open(self) -> Untrusty:
        self.openings += 1
        assert self.camera.closed
        if self.openings <= self.refusals:
            raise HardwareError("camera: cannot be opened")
        self.camera = self.opened(lambda _: None)
        return self.camera


@pytest.mark.parametrize("fault", ["dropped", "lower rows black", "old"])
@pytest.mark.parametrize("refusals", [0, 1, 3])
def test_a_camera_is_opened_anew_after_the_old_one_was_closed(fault: Fault, refusals: int) -> None:
    """It counts its frames from 0 again, and that is believed."""
    bench = Reopening(from_then_on(fault), refusals)
    started(bench)
    assert bench.is_good(bench.take(5.0))
    assert bench.openings == refusals + 1
    assert [cause for cause in bench.causes if cause != "frame dropped"][-2:] == ["camera lost", "camera back"]
    bench.steady.close()
    with pytest.raises(HardwareError, match="it was closed"):
        bench.take(6.0)


def test_a_closed_camera_is_not_waited_for() -> None:
    bench = started(Bench())
    bench.steady.close()
    before_ns = bench.clock.now_ns()
    with pytest.raises(HardwareError, match="it was closed"):
        bench.take(5.0)
    assert bench.clock.now_ns() - before_ns <= 20 * MS


def test_a_lamp_that_comes_back_when_it_is_switched_goes_on() -> None:
    bench = started(Bench())
    bench.light.works = False
    switch_on = bench.light.on

    lit_ns = []

    def mended() -> None:
        bench.light.works = True
        switch_on()
        lit_ns.append(bench.clock.now_ns())

    bench.light.on = mended  # type: ignore[method-assign]
    assert bench.is_good(bench.take(5.0))
    assert bench.camera.not_before_ns[-1] > lit_ns[-1], "a frame from the dark may still lie in a queue"
    assert bench.causes == ["frame black"]
    assert bench.light.is_on


def test_a_dead_lamp_is_named() -> None:
    bench = started(Bench())
    bench.light.works = False
    with pytest.raises(HardwareError, match=r"^lamp: no light for 5 s, switched off and on in vain; check the lamp"):
        bench.take(5.0)
    assert bench.light.switched >= 2
    assert bench.light.is_on


def test_a_dark_place_is_no_dead_lamp() -> None:
    """A pen mark lets a hundredth of the light through. A frame with the lamp off tells, and only once."""
    bench = started(Bench())
    bench.camera.transmittance = 0.05
    dark = bench.take(5.0)
    assert dark.image.max() < 20
    assert bench.light.switched == 1
    assert bench.is_good(bench.take(6.0))
    assert bench.light.switched == 1, "what this camera makes of no light is known by now"
    bench.light.works = False
    with pytest.raises(HardwareError, match="no light"):
        bench.take(7.0)


@settings(max_examples=40, deadline=None)
@given(
    faults=st.lists(st.one_of(st.none(), st.sampled_from(FAULTS)), max_size=10),
    moves=st.lists(st.booleans(), min_size=8, max_size=8),
    shutter=st.sampled_from(["global", "rolling"]),
)
def test_whatever_happens_only_good_frames_get_through_or_an_error_in_time(
    faults: Sequence[Fault | None], moves: Sequence[bool], shutter: str
) -> None:
    lost_s, timeout_s = 5.0, 2.0
    bench = started(
        Bench(lambda n: faults[n - STARTED] if STARTED <= n < STARTED + len(faults) else None, lost_s, shutter)
    )
    for number, moves_on in enumerate(moves):
        settled_ns = bench.stage.go(10.0 + number)
        before_ns = bench.clock.now_ns()
        try:
            exposure = bench.steady.expose(settled_ns, timeout_s)
            if moves_on:
                bench.stage.go(10.5 + number)
            frame = exposure.read_out()
        except FrameLost:
            assert moves_on
            assert shutter == "global"
        except HardwareError:
            assert bench.causes[-1] in ("camera lost", "light lost")
        else:
            assert bench.is_good(frame)
            assert frame.exposure_start_ns >= settled_ns
        assert bench.clock.now_ns() - before_ns <= (lost_s + 3 * timeout_s) * 1e9
        assert bench.light.is_on
