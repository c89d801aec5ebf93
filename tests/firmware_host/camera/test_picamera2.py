"""The driver for a Raspberry Pi's camera: which frames count, and what a camera in trouble is told as."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator

import fake_picamera2
import numpy as np
import pytest
from fake_picamera2 import FakePicamera2

from firmware_host.camera import picamera2, stream
from firmware_host.camera.picamera2 import PiCamera
from firmware_host.camera.stream import Counts
from firmware_host.clock import VirtualClock
from firmware_host.errors import HardwareError
from firmware_host.profile import Profile
from firmware_host.profile_tables import CameraTable

MS = 1_000_000


@pytest.fixture
def table(emulated: Profile) -> CameraTable:
    """25 ms from frame to frame, 8 ms of exposure."""
    return emulated.camera.model_copy(update={"trigger": False, "timeout_s": 0.5})


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def fake(clock: VirtualClock, table: CameraTable) -> Iterator[FakePicamera2]:
    fake = FakePicamera2(clock, (table.width_px, table.height_px))
    yield fake
    fake.released.set()


def test_it_is_set_as_the_profile_says_and_left_alone(
    fake: FakePicamera2, table: CameraTable, clock: VirtualClock
) -> None:
    PiCamera(table.model_copy(update={"gain": 2.0, "colour_gains": (2.5, 1.5)}), clock, fake)
    assert fake.opened[0].config["controls"] == {
        "AeEnable": False,
        "AwbEnable": False,
        "ExposureTime": 8000,
        "AnalogueGain": 2.0,
        "ColourGains": (2.5, 1.5),
        "FrameDurationLimits": (25000, 25000),
    }


def test_a_frame_is_exposed_after_the_stage_has_settled(
    fake: FakePicamera2, table: CameraTable, clock: VirtualClock
) -> None:
    camera = PiCamera(table, clock, fake)
    settled_ns = clock.now_ns() + 30 * MS
    frame = camera.expose(settled_ns, 1.0).read_out()
    assert settled_ns <= frame.exposure_start_ns < settled_ns + 25 * MS
    assert frame.exposure_ns == 8 * MS
    assert frame.image.shape == (*camera.shape, 3)
    np.testing.assert_array_equal(frame.image[0, 0], (200, 120, 60))


def test_buffers_are_given_back_and_frames_counted(
    fake: FakePicamera2, table: CameraTable, clock: VirtualClock
) -> None:
    camera = PiCamera(table, clock, fake)
    sequences = [camera.expose(clock.now_ns() + wait * MS, 1.0).read_out().sequence for wait in (0, 0, 100, 0)]
    assert fake.opened[0].held == 0
    steps = np.diff(sequences)
    assert (steps >= 1).all()
    assert camera.counts == Counts(taken=4, skipped=int(steps.sum()) - 3)


def test_it_waits_until_the_exposure_is_the_one_asked_for(
    fake: FakePicamera2, table: CameraTable, clock: VirtualClock
) -> None:
    fake.settling_frames = 7
    frame = PiCamera(table, clock, fake).expose(clock.now_ns(), 1.0).read_out()
    assert frame.exposure_ns == 8 * MS


def test_a_camera_that_falls_silent_is_restarted_once(
    fake: FakePicamera2, table: CameraTable, clock: VirtualClock
) -> None:
    camera = PiCamera(table, clock, fake)
    fake.silent_for = 1
    assert camera.expose(clock.now_ns(), 0.5).read_out().exposure_ns == 8 * MS
    assert camera.counts.restarts == 1


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        ({"absent": True}, "none was found; check its cable"),
        ({"in_use": True}, "cannot be opened: Failed to acquire camera: .*; stop other programs"),
        ({"size": (640, 480)}, "gives frames of 640 x 480, not 1024 x 768; correct the profile"),
        ({"settling_frames": 99}, "exposes for 17 ms, not 8; correct the profile"),
        ({"silent_for": 1}, "started but sends no frames; check its cable"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_why_it_cannot_be_opened_is_told(
    fake: FakePicamera2, table: CameraTable, clock: VirtualClock, trouble: dict[str, object], words: str
) -> None:
    for name, value in trouble.items():
        setattr(fake, name, value)
    with pytest.raises(HardwareError, match=words):
        PiCamera(table, clock, fake)


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        ({"silent_for": 9}, "sends no frames"),
        ({"stale": True}, "from before the stage had settled"),
        ({"size": (640, 480)}, r"a frame of shape \(480, 640, 3\)"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_camera_in_trouble_is_told(
    fake: FakePicamera2, table: CameraTable, clock: VirtualClock, trouble: dict[str, object], words: str
) -> None:
    camera = PiCamera(table, clock, fake)
    for name, value in trouble.items():
        setattr(fake, name, value)
    with pytest.raises(HardwareError, match=words):
        camera.expose(clock.now_ns(), 0.5)


def test_a_library_that_hangs_is_given_up_and_refused_from_then_on(
    fake: FakePicamera2, table: CameraTable, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picamera2, "_SLACK_S", 0.0)
    monkeypatch.setattr(picamera2, "START_S", 0.05)
    monkeypatch.setattr(stream, "START_S", 0.05)
    camera = PiCamera(table, clock, fake)
    fake.hangs = fake.stop_hangs = True
    with pytest.raises(HardwareError, match=r"camera: no answer within 0\.05 s"):
        camera.expose(clock.now_ns(), 0.05)
    with pytest.raises(HardwareError, match="does not answer; switch it off and on"):
        camera.expose(clock.now_ns(), 0.05)
    camera.close()
    camera.close()


def test_after_closing_nothing_is_taken(fake: FakePicamera2, table: CameraTable, clock: VirtualClock) -> None:
    camera = PiCamera(table, clock, fake)
    camera.close()
    camera.close()
    assert not fake.opened[0].started
    with pytest.raises(HardwareError, match="it was closed"):
        camera.expose(0, 0.5)


def test_a_trigger_is_refused_with_the_remedy(fake: FakePicamera2, table: CameraTable, clock: VirtualClock) -> None:
    with pytest.raises(HardwareError, match=r"set camera\.trigger = false"):
        PiCamera(table.model_copy(update={"trigger": True}), clock, fake)


def test_without_the_library_the_user_is_told_what_to_install(
    table: CameraTable, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "picamera2", None)
    with pytest.raises(HardwareError, match="sudo apt install python3-picamera2"):
        PiCamera(table, clock)


def test_the_fake_has_no_call_and_no_argument_that_the_package_lacks() -> None:
    real = pytest.importorskip("picamera2", reason="picamera2 needs libcamera", exc_type=ImportError)
    for ours, theirs in (
        (fake_picamera2.Picamera2, real.Picamera2),
        (fake_picamera2.CompletedRequest, real.CompletedRequest),
    ):
        for name, call in vars(ours).items():
            if inspect.isfunction(call) and not name.startswith("_"):
                known = inspect.signature(getattr(theirs, name)).parameters
                assert inspect.signature(call).parameters.keys() <= known.keys()
