"""What becomes of frames on a bad way, and how a camera fails that hangs or is gone."""

from __future__ import annotations

import numpy as np
import pytest

from firmware_host.camera.pace import InFlight, Pace
from firmware_host.camera.port import Frame
from firmware_host.clock import VirtualClock
from firmware_host.errors import HardwareError
from firmware_host.profile import load_profile
from firmware_host.twin.faults.camera import FaultyCamera
from firmware_host.twin.faults.fault import Chronicle, FaultPlan
from firmware_host.twin.faults.kinds import (
    CameraBlocks,
    CameraFault,
    CameraLost,
    FrameBlack,
    FrameCorrupt,
    FrameDropped,
    FrameHalf,
    FrameStale,
)

TABLE = load_profile("emulated").camera.model_copy(update={"width_px": 160, "height_px": 128})
TIMEOUT_S = 2.0
MS = 1_000_000


class Counting:
    """The n-th frame, from 1 on, is a ramp with n in its corner; it takes 28 ms."""

    shape = (128, 160)

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self._pace = Pace(TABLE, clock)
        self.closed = False

    def expose(self, not_before_ns: int, timeout_s: float) -> InFlight:
        shot = self._pace.expose(not_before_ns, timeout_s)
        return InFlight(
            self._clock, Frame(picture(shot.sequence + 1), shot.start_ns, 8 * MS, shot.sequence), shot.delivered_ns
        )

    def close(self) -> None:
        self.closed = True


def picture(number: int) -> np.ndarray:
    down, right, colour = np.indices((128, 160, 3))
    image = (20 + 30 * colour + (down + right) // 2).astype(np.uint8)
    image[:8, :8] = number
    return image


class Bench:
    """A faulty camera and all that was asked of it."""

    def __init__(self, *faults: CameraFault, seed: int = 5) -> None:
        self.clock = VirtualClock()
        self.plan = FaultPlan(faults, seed)
        self.camera = FaultyCamera(
            Counting(self.clock), faults, Chronicle(self.plan, self.clock), self.clock, TABLE.timeout_s
        )

    def frame(self) -> Frame:
        return self.camera.expose(self.clock.now_ns(), TIMEOUT_S).read_out()

    def numbers(self, count: int) -> list[int]:
        """What stands in the frames' corners; -1 where none came."""
        found = []
        for _ in range(count):
            try:
                found.append(int(self.frame().image[0, 0, 0]))
            except HardwareError:
                found.append(-1)
        return found


@pytest.mark.parametrize(
    ("fault", "numbers", "hits"),
    [
        (FrameDropped(at_count=2), [1, -1, 2, 3, 4], 1),
        (FrameDropped(at_count=2, times=2), [1, -1, -1, 2, 3], 2),
        (FrameBlack(at_count=3), [1, 2, 0, 4, 5], 1),
        (FrameBlack(at_s=0.040, for_s=0.040), [1, 2, 0, 4, 5], 1),
        (FrameStale(at_count=3), [1, 2, 2, 4, 5], 1),
        (FrameStale(at_count=3, age=2, times=2), [1, 2, 1, 2, 5], 2),
        (FrameStale(at_count=3, times=2), [1, 2, 2, 3, 5], 2),
        (FrameStale(at_count=1), [1, 1, 3, 4, 5], 1),
        (FrameStale(at_count=2, age=2), [1, 2, 1, 4, 5], 1),
        (FrameStale(at_count=3, stamp="fresh"), [1, 2, 2, 4, 5], 1),
    ],
)
def test_the_frames_that_come(fault: CameraFault, numbers: list[int], hits: int) -> None:
    bench = Bench(fault)
    assert bench.numbers(5) == numbers
    assert len(bench.plan.struck) == hits


def test_what_is_not_hit_passes_untouched() -> None:
    bench = Bench(FrameBlack(at_count=3))
    frame = bench.frame()
    np.testing.assert_array_equal(frame.image, picture(1))
    assert (frame.exposure_start_ns, frame.sequence, bench.clock.now_ns()) == (0, 0, 28 * MS)
    assert bench.camera.shape == (128, 160)
    assert bench.camera.shown(frame) is frame


def test_a_dropped_frame_takes_the_callers_timeout() -> None:
    bench = Bench(FrameDropped(at_count=1))
    with pytest.raises(HardwareError, match=r"camera: no frame within 0\.5 s; check its cable"):
        bench.camera.expose(0, 0.5)
    assert bench.clock.now_ns() == 500 * MS


@pytest.mark.parametrize(("stamp", "start_ms", "sequence"), [("old", 0, 0), ("fresh", 28, 1)])
def test_a_stale_frame_says_when_it_was_taken_or_lies(stamp: str, start_ms: int, sequence: int) -> None:
    bench = Bench(FrameStale(at_count=2, stamp=stamp))  # type: ignore[arg-type]
    first, stale = bench.frame(), bench.frame()
    np.testing.assert_array_equal(stale.image, first.image)
    assert (stale.exposure_start_ns, stale.sequence) == (start_ms * MS, sequence)
    assert bench.camera.shown(stale).exposure_start_ns == 0, "the truth is told of what is to be seen"


@pytest.mark.parametrize("rest", ["black", "before"])
@pytest.mark.parametrize("share", [0.25, 0.5])
def test_half_a_frame(rest: str, share: float) -> None:
    bench = Bench(FrameHalf(at_count=2, rest=rest, share=share))  # type: ignore[arg-type]
    before, half = bench.frame().image, bench.frame().image
    first = round(128 * (1 - share))
    np.testing.assert_array_equal(half[:first], picture(2)[:first])
    np.testing.assert_array_equal(half[first:], before[first:] if rest == "before" else 0 * before[first:])


def test_half_of_the_frame_before_needs_a_frame_before() -> None:
    bench = Bench(FrameHalf(at_count=1, rest="before"))
    np.testing.assert_array_equal(bench.frame().image, picture(1))
    assert not bench.plan.struck
    bench.frame()
    assert len(bench.plan.struck) == 1


@pytest.mark.parametrize("share", [0.05, 0.5, 1.0])
def test_blocks_of_garbage_take_their_share(share: float) -> None:
    spoilt = Bench(FrameCorrupt(at_count=1, share=share)).frame().image
    changed = (spoilt != picture(1)).any(axis=2).reshape(8, 16, 10, 16)
    blocks = changed.any(axis=(1, 3))
    assert blocks.sum() == round(share * 80)
    assert changed.mean(axis=(1, 3))[blocks].min() > 0.95


@pytest.mark.parametrize("share", [0.05, 0.5, 1.0])
def test_rows_that_lost_bytes_are_shifted_more_and_more(share: float) -> None:
    spoilt = Bench(FrameCorrupt(at_count=1, share=share, how="rows")).frame().image
    changed = np.flatnonzero((spoilt != picture(1)).any(axis=(1, 2)))
    assert len(changed) == pytest.approx(share * 128, abs=1), "bytes may happen to make a whole row"
    assert changed[-1] - changed[0] < share * 128 + 1, "one band"
    for row in changed[:5]:
        np.testing.assert_array_equal(np.sort(spoilt[row].ravel()), np.sort(picture(1)[row].ravel()))


def test_where_a_frame_is_corrupt_is_drawn_from_the_seed() -> None:
    fault = FrameCorrupt(at_count=1)
    images = [Bench(fault, seed=seed).frame().image for seed in (1, 1, 2)]
    np.testing.assert_array_equal(images[0], images[1])
    assert (images[0] != images[2]).any()


def test_a_camera_that_hangs_answers_no_call_and_only_the_first_one_takes_time() -> None:
    bench = Bench(CameraBlocks(at_count=2, for_s=5.0))
    bench.frame()
    with pytest.raises(HardwareError, match=r"camera: no answer within 2 s"):
        bench.frame()
    for _ in range(2):
        with pytest.raises(HardwareError, match="it does not answer; switch it off and on"):
            bench.frame()
    assert bench.clock.now_ns() == 2028 * MS
    bench.clock.wait_until(6000 * MS, "wait")
    assert bench.numbers(2) == [2, 3], "until the call returns"


def test_a_lost_camera_comes_back() -> None:
    bench = Bench(CameraLost(at_s=0.030, for_s=5.0))
    assert bench.numbers(5) == [1, -1, -1, -1, 3], "the second one was being read out"
    assert [round(each.at_s, 3) for each in bench.plan.struck] == [0.056, 2.056, 4.056]


def test_a_camera_lost_while_a_frame_is_read_out_does_not_deliver_it() -> None:
    bench = Bench(CameraLost(at_s=0.015))
    exposure = bench.camera.expose(0, TIMEOUT_S)
    assert bench.clock.now_ns() == 8 * MS
    with pytest.raises(HardwareError, match="no frame within 2 s"):
        exposure.read_out()
    assert bench.clock.now_ns() == 2028 * MS


def test_two_faults_may_hit_one_frame() -> None:
    image = Bench(FrameHalf(at_count=1), FrameCorrupt(at_count=1, share=1.0)).frame().image
    assert image[100:].any()
    assert (image[:64] != picture(1)[:64]).any()


def test_closing_closes_the_camera() -> None:
    clock = VirtualClock()
    inner = Counting(clock)
    FaultyCamera(inner, (), Chronicle(FaultPlan(()), clock), clock, 2.0).close()
    assert inner.closed
