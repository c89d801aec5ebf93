"""The sensor's statistics, and a camera whose frames come whether anybody wants them or not."""

from __future__ import annotations

import numpy as np
import pytest

from firmware_host.clock import VirtualClock
from firmware_host.errors import HardwareError
from firmware_host.profile import Profile
from firmware_host.twin.camera import EmulatedCamera
from firmware_host.twin.sensor import Sensor, SensorStyle

SHAPE = (128, 160)
MS = 1_000_000
EMPTY = [np.ones(SHAPE, np.float32)] * 3


class Recorder:
    """A column that remembers where it was asked to look."""

    def __init__(self) -> None:
        self.heights: list[float] = []

    def transmittance(self, x_um: float, y_um: float, z_um: float) -> list[np.ndarray]:
        self.heights.append(z_um)
        return EMPTY


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def column() -> Recorder:
    return Recorder()


def camera_of(profile: Profile, clock: VirtualClock, column: Recorder, **changes: object) -> EmulatedCamera:
    """25 ms from frame to frame, 8 ms of exposure, 20 ms to read out; z grows by 1 um a ms."""
    return EmulatedCamera(
        profile.camera.model_copy(update=changes),
        clock,
        column,  # type: ignore[arg-type]
        Sensor(SensorStyle(8000, 4, 0.0), SHAPE, 1),
        lambda time_ns: (0.0, 0.0, time_ns / MS),
        lambda: 1.0,
    )


@pytest.fixture
def camera(emulated: Profile, clock: VirtualClock, column: Recorder) -> EmulatedCamera:
    """A stream of frames."""
    return camera_of(emulated, clock, column, trigger=False)


@pytest.mark.parametrize(
    ("now_ms", "not_before_ms", "start_ms", "why"),
    [
        (0, 0, 0, "the first frame"),
        (0, 1, 25, "the one after"),
        (40, 40, 50, "exposed from 40 on"),
        (40, 0, 25, "still in flight, and new enough"),
        (60, 25, 50, "the one of 25 ms was delivered at 53 ms: gone"),
    ],
)
def test_the_first_frame_whose_exposure_began_in_time(
    camera: EmulatedCamera, clock: VirtualClock, now_ms: int, not_before_ms: int, start_ms: int, why: str
) -> None:
    clock.wait_until(now_ms * MS, "wait")
    frame = camera.expose(not_before_ms * MS, 1.0).read_out()
    assert frame.exposure_start_ns == start_ms * MS, why
    assert frame.sequence == start_ms // 25
    assert clock.now_ns() == (start_ms + 28) * MS


@pytest.mark.parametrize(
    ("now_ms", "not_before_ms", "start_ms", "why"),
    [
        (30, 0, 30, "at once"),
        (30, 42, 42, "when the stage has settled"),
        (10, 0, 25, "when the sensor is ready again after the frame before, of 0 ms"),
    ],
)
def test_a_triggered_frame_begins_when_it_is_asked_for(
    emulated: Profile, clock: VirtualClock, column: Recorder, now_ms: int, not_before_ms: int, start_ms: int, why: str
) -> None:
    camera = camera_of(emulated, clock, column, trigger=True)
    camera.expose(0, 1.0)
    clock.wait_until(now_ms * MS, "wait")
    frame = camera.expose(not_before_ms * MS, 1.0).read_out()
    assert (frame.exposure_start_ns, frame.sequence) == (start_ms * MS, 1), why


def test_waiting_is_booked_by_name(camera: EmulatedCamera, clock: VirtualClock) -> None:
    camera.expose(1 * MS, 1.0).read_out()
    assert clock.booked_ns()["expose"] == 33 * MS
    assert clock.booked_ns()["readout"] == 20 * MS


def test_a_frame_exposed_during_a_move_is_smeared_over_it(camera: EmulatedCamera, column: Recorder) -> None:
    camera.expose(0, 1.0).read_out()
    assert column.heights == [0, 2, 4, 6, 8]


def test_the_stage_may_move_while_a_frame_is_read_out(
    camera: EmulatedCamera, clock: VirtualClock, column: Recorder
) -> None:
    exposed = camera.expose(0, 1.0)
    assert clock.now_ns() == 8 * MS
    clock.wait_until(20 * MS, "move")
    frame = exposed.read_out()
    assert (clock.now_ns(), clock.booked_ns()["readout"]) == (28 * MS, 8 * MS)
    assert (frame.sequence, column.heights) == (0, [0, 2, 4, 6, 8]), "seen before the move"


def test_rows_behind_a_rolling_shutter_are_exposed_until_it_is_read_out(
    emulated: Profile, clock: VirtualClock, column: Recorder
) -> None:
    camera_of(emulated, clock, column, shutter="rolling").expose(0, 1.0)
    assert clock.now_ns() == 28 * MS
    assert column.heights == [0, 7, 14, 21, 28]


def test_a_camera_that_is_too_slow_times_out(camera: EmulatedCamera, clock: VirtualClock) -> None:
    with pytest.raises(HardwareError, match=r"no frame within 0\.01 s"):
        camera.expose(0, 0.01)
    assert clock.now_ns() == 10 * MS


def test_noise_is_that_of_counted_electrons() -> None:
    """Variance = level + read noise², in electrons; the tone curve here is linear."""
    style = SensorStyle(2000, 10, 0.0, (0.5, 0.5, 0.5), gamma=1.0, dust=0)
    frame = Sensor(style, SHAPE, 3).expose(EMPTY, 1.0, 0).astype(float) / 255 * 2000
    assert frame.mean() == pytest.approx(1000, rel=0.01)
    assert frame.std() == pytest.approx(np.sqrt(1000 + 100), rel=0.05)


def test_same_seed_and_sequence_same_bytes() -> None:
    def shot(seed: int, sequence: int) -> bytes:
        return Sensor(SensorStyle(8000, 4, 0.2), SHAPE, seed).expose(EMPTY, 1.0, sequence).tobytes()

    assert shot(1, 5) == shot(1, 5)
    assert shot(1, 5) != shot(1, 6)
    assert shot(1, 5) != shot(2, 5)


def test_the_corners_are_darker_and_the_lamp_can_be_off() -> None:
    sensor = Sensor(SensorStyle(8000, 0, 0.3, gamma=1.0, dust=0), SHAPE, 1)
    frame = sensor.expose(EMPTY, 1.0, 0).astype(float)
    corners = np.mean([frame[:6, :6], frame[:6, -6:], frame[-6:, :6], frame[-6:, -6:]])
    assert corners / frame[60:68, 76:84].mean() == pytest.approx(0.7, abs=0.03)
    assert sensor.expose(EMPTY, 0.0, 0).max() <= 1
