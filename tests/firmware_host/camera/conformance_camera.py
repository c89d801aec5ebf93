"""What every camera driver must do. To test your own: inherit, and give a `bench` fixture.

The camera under test looks at `SCENE` and runs freely (`camera.trigger = false`). Where its vendor's library is a fake,
`CameraInTrouble` tells what must come of a failure.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pytest
from numpy.typing import NDArray

from firmware_host.camera.port import Camera, Frame
from firmware_host.clock import Clock
from firmware_host.errors import HardwareError
from firmware_host.profile_tables import CameraTable

Trouble = Literal["hangs", "vanishes", "is silent", "delivers stale frames", "changes its size"]

MS = 1_000_000
_SLACK_S = 1.5  # a restart of the stream, between two tries


def scene(height_px: int, width_px: int) -> NDArray[np.uint8]:
    """Red above, much darker below: (height, width, 3) uint8, RGB."""
    image = np.empty((height_px, width_px, 3), np.uint8)
    image[: height_px // 2] = (200, 120, 60)
    image[height_px // 2 :] = (40, 24, 12)
    return image


@dataclass
class Bench:
    """:param began_ns: when a frame's exposure truly began; :param trouble: from now on the camera is in it."""

    camera: Camera
    clock: Clock
    table: CameraTable
    began_ns: Callable[[Frame], int] = lambda frame: frame.exposure_start_ns
    trouble: Callable[[Trouble], None] | None = None

    @property
    def period_ns(self) -> int:
        return round(self.table.frame_period_ms * 1e6)

    def take(self, after_ns: int = 0) -> Frame:
        """A frame that began so much later than now."""
        return self.camera.expose(self.clock.now_ns() + after_ns, self.table.timeout_s).read_out()


class CameraConformance:
    def test_frames_are_rgb_bytes_of_the_profiles_size_with_row_0_on_top(self, bench: Bench) -> None:
        frame = bench.take()
        assert bench.camera.shape == (bench.table.height_px, bench.table.width_px)
        assert frame.image.shape == (*bench.camera.shape, 3)
        assert frame.image.dtype == np.uint8
        above, below = np.split(frame.image.astype(float), 2)
        red, green, blue = above.mean((0, 1))
        assert red > green + 20
        assert green > blue + 20
        assert above.mean() > 2 * below.mean()

    @pytest.mark.parametrize("after_ms", [0, 3, 24.999, 25, 110])
    @pytest.mark.parametrize("idle_ms", [0, 7, 400])
    def test_no_frame_began_before_it_was_asked_for(self, bench: Bench, idle_ms: float, after_ms: float) -> None:
        """Whether frames were taken all the time before or none for a while."""
        for _ in range(3):
            bench.clock.wait_until(bench.clock.now_ns() + round(idle_ms * MS), "move")
            not_before_ns = bench.clock.now_ns() + round(after_ms * MS)
            frame = bench.camera.expose(not_before_ns, bench.table.timeout_s).read_out()
            assert frame.exposure_start_ns >= not_before_ns
            assert bench.began_ns(frame) >= not_before_ns

    def test_what_is_said_of_the_beginning_is_on_the_scanners_clock_and_never_too_late(self, bench: Bench) -> None:
        for _ in range(5):
            frame = bench.take()
            assert frame.exposure_start_ns <= bench.began_ns(frame)
            assert frame.exposure_start_ns + frame.exposure_ns <= bench.clock.now_ns()
            assert frame.exposure_ns == pytest.approx(bench.table.exposure_ms * MS, rel=0.05)

    def test_a_frame_is_not_older_than_it_must_be(self, bench: Bench) -> None:
        """A camera that keeps everybody waiting would pass all else."""
        bench.take()
        bench.clock.wait_until(bench.clock.now_ns() + 4 * bench.period_ns, "move")
        asked_ns = bench.clock.now_ns()
        frame = bench.take()
        assert bench.began_ns(frame) - asked_ns <= 5 * bench.period_ns

    def test_numbers_rise_and_gaps_tell_of_frames_that_were_not_taken(self, bench: Bench) -> None:
        frames = []
        for wait in (0, 0, 12, 0, 3):
            bench.clock.wait_until(bench.clock.now_ns() + wait * bench.period_ns, "move")
            frames.append(bench.take())
        numbers = np.diff([frame.sequence for frame in frames])
        periods = np.diff([bench.began_ns(frame) for frame in frames]) / bench.period_ns
        assert (numbers >= 1).all()
        assert numbers[1] >= 11
        assert np.abs(numbers - periods).max() <= 2

    def test_a_frame_is_its_own_memory(self, bench: Bench) -> None:
        first = bench.take()
        before = first.image.copy()
        bench.take().image[:] = 0
        np.testing.assert_array_equal(first.image, before)

    def test_waits_are_booked(self, bench: Bench) -> None:
        before = bench.clock.booked_ns()
        bench.take(after_ns=50 * MS)
        booked = {phase: ns - before[phase] for phase, ns in bench.clock.booked_ns().items()}
        assert booked["expose"] + booked["readout"] + booked["wait"] >= 50 * MS

    def test_no_frame_in_time_is_told_in_about_that_time(self, bench: Bench) -> None:
        before_ns = bench.clock.now_ns()
        with pytest.raises(HardwareError, match=r"camera: .*within 0\.2 s"):
            bench.camera.expose(before_ns + 10_000 * MS, 0.2).read_out()
        taken_s = (bench.clock.now_ns() - before_ns) / 1e9
        assert 0.2 <= taken_s <= 2 * 0.2 + _SLACK_S

    def test_after_a_timeout_it_goes_on(self, bench: Bench) -> None:
        with pytest.raises(HardwareError):
            bench.camera.expose(bench.clock.now_ns() + 10_000 * MS, 0.2).read_out()
        not_before_ns = bench.clock.now_ns()
        assert bench.began_ns(bench.take()) >= not_before_ns

    def test_closed_is_closed(self, bench: Bench) -> None:
        bench.take()
        bench.camera.close()
        bench.camera.close()
        with pytest.raises(HardwareError, match="camera: it was closed"):
            bench.take()


class CameraInTrouble:
    """One line each, no frame that is not one, and an end."""

    @pytest.mark.parametrize("trouble", ["hangs", "vanishes", "is silent", "changes its size"])
    def test_the_user_is_told(self, bench: Bench, trouble: Trouble) -> None:
        bench.take()
        assert bench.trouble is not None
        bench.trouble(trouble)
        for _ in range(2):
            with pytest.raises(HardwareError, match=r"^camera: ") as told:
                bench.take()
            assert "\n" not in str(told.value)
        bench.camera.close()

    def test_stale_frames_are_never_handed_out(self, bench: Bench) -> None:
        bench.take()
        assert bench.trouble is not None
        bench.trouble("delivers stale frames")
        for _ in range(3):
            not_before_ns = bench.clock.now_ns()
            try:
                frame = bench.take()
            except HardwareError:
                continue
            assert bench.began_ns(frame) >= not_before_ns
