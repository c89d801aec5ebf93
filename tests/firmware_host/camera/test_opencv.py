"""The driver for USB and Jetson cameras: how they are set, which frames count, what a camera in trouble is told as."""

from __future__ import annotations

import inspect
import sys
import threading
from collections.abc import Iterator

import cv2
import fake_cv2
import pytest
from fake_cv2 import CAP_GSTREAMER, CAP_V4L2, CONSTANTS, FakeCv2

from firmware_host.camera import opencv
from firmware_host.camera.opencv import OpenCvCamera
from firmware_host.clock import VirtualClock
from firmware_host.errors import HardwareError, UsageError
from firmware_host.profile import Profile
from firmware_host.profile_tables import CameraTable

MS = 1_000_000
PIPELINE = "videotestsrc ! videoconvert ! video/x-raw,format=BGR ! appsink drop=true max-buffers=1"


@pytest.fixture
def table(emulated: Profile) -> CameraTable:
    """25 ms from frame to frame, 8 ms of exposure."""
    changes = {"width_px": 160, "height_px": 128, "trigger": False, "timeout_s": 1.0, "source": "/dev/video2"}
    return emulated.camera.model_copy(update=changes)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(start_ns=1_000_000_000_000)


@pytest.fixture
def fake(clock: VirtualClock, table: CameraTable) -> Iterator[FakeCv2]:
    fake = FakeCv2(clock, table)
    yield fake
    fake.released.set()


class Parked(OpenCvCamera):
    """Takes no frames while nobody asks, so that time stands still meanwhile."""

    def _drain(self) -> bool:
        return False


@pytest.fixture
def camera(table: CameraTable, clock: VirtualClock, fake: FakeCv2) -> OpenCvCamera:
    return Parked(table, clock, fake)


@pytest.mark.parametrize(
    ("source", "opened"),
    [("0", (0, CAP_V4L2)), ("/dev/video2", ("/dev/video2", CAP_V4L2)), (PIPELINE, (PIPELINE, CAP_GSTREAMER))],
)
def test_the_source_is_a_number_a_path_or_a_pipeline(
    fake: FakeCv2, table: CameraTable, clock: VirtualClock, source: str, opened: tuple[int | str, int]
) -> None:
    Parked(table.model_copy(update={"source": source}), clock, fake)
    assert fake.opened == [opened]


@pytest.mark.parametrize("source", ["", "video0", "film.avi", "-1", "http://camera"])
def test_anything_else_is_refused(fake: FakeCv2, table: CameraTable, clock: VirtualClock, source: str) -> None:
    with pytest.raises(UsageError, match=r"camera\.source = .* a number, a path below /dev/, or a GStreamer pipeline"):
        Parked(table.model_copy(update={"source": source}), clock, fake)
    assert not fake.opened


def test_it_is_set_as_the_profile_says_and_nothing_is_automatic(
    fake: FakeCv2, table: CameraTable, clock: VirtualClock
) -> None:
    Parked(table.model_copy(update={"gain": 20.0}), clock, fake)
    values = fake.captures[0].values
    assert values[fake_cv2.CAP_PROP_MODE] == 0, "values are the camera's own, not shares of their range"
    assert values[fake_cv2.CAP_PROP_AUTO_EXPOSURE] == 1, "manual"
    assert values[fake_cv2.CAP_PROP_EXPOSURE] == 80, "tenths of a ms"
    assert values[fake_cv2.CAP_PROP_GAIN] == 20
    assert values[fake_cv2.CAP_PROP_AUTO_WB] == 0
    assert values[fake_cv2.CAP_PROP_WB_TEMPERATURE] == 5000
    assert values[fake_cv2.CAP_PROP_FOURCC] == 0, "pixels as they are"


def test_jpeg_pictures_are_taken_where_pixels_are_too_slow(
    fake: FakeCv2, table: CameraTable, clock: VirtualClock
) -> None:
    fake.raw_rate = 5.0
    Parked(table, clock, fake)
    assert fake.captures[0].values[fake_cv2.CAP_PROP_FOURCC] == fake.VideoWriter.fourcc(*"MJPG")


def test_controls_that_a_camera_does_not_have_need_no_switching_off(
    fake: FakeCv2, table: CameraTable, clock: VirtualClock
) -> None:
    fake.lacks = {fake_cv2.CAP_PROP_AUTO_EXPOSURE, fake_cv2.CAP_PROP_AUTO_WB, fake_cv2.CAP_PROP_WB_TEMPERATURE}
    assert Parked(table, clock, fake).expose(clock.now_ns(), 1.0).read_out().exposure_ns == 8 * MS


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        ({"absences": 1}, "/dev/video2 cannot be opened; check its cable, then `v4l2-ctl --list-devices`"),
        ({"size": (640, 480)}, "gives frames of 640 x 480, not 160 x 128; correct the profile"),
        ({"frame_size": (64, 48)}, r"a frame of shape \(48, 64, 3\).* instead of \(128, 160, 3\)"),
        ({"limits": {fake_cv2.CAP_PROP_EXPOSURE: (156, 156)}}, "exposure in 0.1 ms is 156, not 80; see `v4l2-ctl"),
        ({"limits": {fake_cv2.CAP_PROP_GAIN: (16, 255)}}, "gain is 16, not 1; .* correct the profile, or take another"),
        ({"limits": {fake_cv2.CAP_PROP_AUTO_EXPOSURE: (3, 3)}}, "exposure's automatic mode is 3, not 1"),
        ({"limits": {fake_cv2.CAP_PROP_AUTO_WB: (1, 1)}}, "automatic white balance is 1, not 0"),
        ({"lacks": {fake_cv2.CAP_PROP_EXPOSURE}}, "exposure in 0.1 ms cannot be set"),
        ({"lacks": {fake_cv2.CAP_PROP_GAIN}}, "gain cannot be set; see"),
        ({"period_ns": 33_333_333}, r"sends a frame every 33.3 ms, not every 25; correct camera\.frame_period_ms"),
        ({"vanished": True}, "opened but sends no frames"),
        ({"damaged": set(range(100))}, "its first frames are damaged"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_why_it_cannot_be_opened_is_told(
    fake: FakeCv2, table: CameraTable, clock: VirtualClock, trouble: dict[str, object], words: str
) -> None:
    for name, value in trouble.items():
        setattr(fake, name, value)
    with pytest.raises(HardwareError, match=f"^camera: .*{words}"):
        OpenCvCamera(table, clock, fake)
    assert all(not capture.isOpened() for capture in fake.captures), "it is given back"


def test_a_pipeline_is_not_set_and_needs_gstreamer(fake: FakeCv2, table: CameraTable, clock: VirtualClock) -> None:
    pipeline = table.model_copy(update={"source": PIPELINE})
    Parked(pipeline, clock, fake)
    assert fake.captures[0].values == fake.controls
    fake.gstreamer = False
    with pytest.raises(HardwareError, match="has no GStreamer; on a Jetson use the system's"):
        Parked(pipeline, clock, fake)


def test_a_pipeline_that_is_too_fast_to_tell_its_frames_age_is_refused(
    fake: FakeCv2, table: CameraTable, clock: VirtualClock
) -> None:
    fast = {"source": PIPELINE, "frame_period_ms": 10.0}
    with pytest.raises(UsageError, match=r"camera\.frame_period_ms = 10: must be 15 or more with a pipeline"):
        Parked(table.model_copy(update=fast), clock, fake)


def test_a_pipeline_that_does_not_run_is_told_without_all_of_its_words(
    fake: FakeCv2, table: CameraTable, clock: VirtualClock
) -> None:
    fake.absences = 1
    with pytest.raises(HardwareError, match=r"the pipeline in camera\.source cannot be opened; try it with gst-launch"):
        OpenCvCamera(table.model_copy(update={"source": PIPELINE}), clock, fake)


def test_what_a_jetsons_pipeline_leaves_automatic_is_told(
    fake: FakeCv2, table: CameraTable, clock: VirtualClock
) -> None:
    with pytest.raises(UsageError, match="write exposuretimerange="):
        Parked(table.model_copy(update={"source": "nvarguscamerasrc ! appsink"}), clock, fake)


def test_with_stamps_the_first_frame_that_began_late_enough_is_taken(
    camera: OpenCvCamera, fake: FakeCv2, clock: VirtualClock
) -> None:
    """However long nobody has asked: the queue's old frames are passed over."""
    for idle_ms in (0, 10, 1000):
        clock.wait_until(clock.now_ns() + idle_ms * MS, "move")
        asked_ns = clock.now_ns()
        began_ns = fake.began_ns(camera.expose(asked_ns, 1.0).read_out())
        assert asked_ns <= began_ns < asked_ns + (25 + 8 + 20) * MS, (
            "at most one more is missed while the queue is full"
        )


def test_frames_that_are_not_taken_and_those_that_never_came_are_counted(
    camera: OpenCvCamera, fake: FakeCv2, clock: VirtualClock
) -> None:
    first = camera.expose(clock.now_ns(), 1.0).read_out()
    fake.lost = {fake_cv2.marked(first.image) + ahead for ahead in (1, 2, 4)}
    second = camera.expose(clock.now_ns() + 200 * MS, 1.0).read_out()
    assert second.sequence - first.sequence == fake_cv2.marked(second.image) - fake_cv2.marked(first.image)
    assert camera.counts.taken == 2
    assert camera.counts.skipped == second.sequence - first.sequence - 1
    assert camera.counts.dropped == 3


def test_a_frame_that_cannot_be_decoded_is_passed_over(
    camera: OpenCvCamera, fake: FakeCv2, clock: VirtualClock
) -> None:
    next_frame = fake_cv2.marked(camera.expose(clock.now_ns(), 1.0).read_out().image) + 1
    fake.damaged = set(range(next_frame, next_frame + 5))
    assert fake_cv2.marked(camera.expose(clock.now_ns(), 1.0).read_out().image) == next_frame + 5
    assert camera.counts.restarts == 0


@pytest.mark.parametrize("how", ["vanished", "silent"])
def test_a_camera_that_comes_back_goes_on(camera: OpenCvCamera, fake: FakeCv2, clock: VirtualClock, how: str) -> None:
    """A USB plug that was touched: it is gone for three looks. One that is stuck: OpenCV gives up after 10 s."""
    camera.expose(clock.now_ns(), 1.0)
    setattr(fake, how, True)
    fake.absences = 3 if how == "vanished" else 0
    renewed = fake.VideoCapture

    def mended(source: str, api: int) -> fake_cv2.VideoCapture:
        setattr(fake, how, False)
        return renewed(source, api)

    fake.VideoCapture = mended  # type: ignore[method-assign]
    asked_ns = clock.now_ns()
    frame = camera.expose(asked_ns, 1.0).read_out()
    assert fake.began_ns(frame) >= asked_ns
    assert camera.counts.restarts == 1
    assert len(fake.captures) == 2
    assert not fake.captures[0].isOpened()


def test_one_that_stays_away_is_told_after_a_while(camera: OpenCvCamera, fake: FakeCv2, clock: VirtualClock) -> None:
    fake.vanished, fake.absences = True, 10_000
    before_ns = clock.now_ns()
    with pytest.raises(HardwareError, match="/dev/video2 cannot be opened; check its cable"):
        camera.expose(before_ns, 1.0)
    assert 10 <= (clock.now_ns() - before_ns) / 1e9 <= 12


def test_what_opencv_throws_is_a_camera_that_is_gone(
    camera: OpenCvCamera, fake: FakeCv2, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def throws(_: fake_cv2.VideoCapture) -> bool:
        raise fake_cv2.error("cap_v4l.cpp:972: error")

    monkeypatch.setattr(fake_cv2.VideoCapture, "grab", throws)
    with pytest.raises(HardwareError, match="sends no frames; check its cable"):
        camera.expose(clock.now_ns(), 1.0)


def test_a_library_that_hangs_is_given_up_and_refused_from_then_on(
    camera: OpenCvCamera, fake: FakeCv2, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opencv, "_GIVES_UP_S", 0.0)
    monkeypatch.setattr("firmware_host.camera.stream.START_S", 0.05)
    fake.hangs = True
    with pytest.raises(HardwareError, match=r"camera: no answer within 0\.05 s"):
        camera.expose(clock.now_ns(), 0.05)
    with pytest.raises(HardwareError, match="does not answer; switch it off and on"):
        camera.expose(clock.now_ns(), 0.05)
    camera.close()


def test_frames_are_taken_off_the_queue_while_nobody_asks(
    table: CameraTable, clock: VirtualClock, fake: FakeCv2
) -> None:
    """Without that the first four frames after a pause are old ones, and those behind them have been thrown away."""
    fake.turns = threading.Semaphore(25)
    camera = OpenCvCamera(table, clock, fake)
    before_ns = clock.now_ns()
    fake.turns.release(30)
    for _ in range(25 + 30):
        assert fake.grabbed.acquire(timeout=10), "of its own accord"
    assert clock.now_ns() == before_ns + 30 * fake.period_ns
    fake.turns.release(10_000)
    asked_ns = clock.now_ns()
    assert fake.began_ns(camera.expose(asked_ns, 60.0).read_out()) >= asked_ns
    camera.close()
    assert not fake.captures[0].isOpened()


def test_a_trigger_is_refused_with_the_remedy(fake: FakeCv2, table: CameraTable, clock: VirtualClock) -> None:
    with pytest.raises(HardwareError, match=r"set camera\.trigger = false"):
        OpenCvCamera(table.model_copy(update={"trigger": True}), clock, fake)


def test_without_the_library_the_user_is_told_what_to_install(
    table: CameraTable, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(HardwareError, match=r"pip install 'wsi-scanner\[camera-opencv\]'"):
        OpenCvCamera(table, clock)


def test_the_fake_has_no_name_and_no_value_that_the_package_lacks() -> None:
    assert {name: getattr(cv2, name) for name in CONSTANTS} == CONSTANTS
    for name, method in vars(fake_cv2.VideoCapture).items():
        if inspect.isfunction(method) and not name.startswith("_"):
            documented = getattr(cv2.VideoCapture, name).__doc__
            assert f"{name}(" in documented
            assert all(each in documented for each in inspect.signature(method).parameters if each != "self")
    assert "src, code" in cv2.cvtColor.__doc__
    assert "c1, c2, c3, c4" in cv2.VideoWriter.fourcc.__doc__
    assert issubclass(cv2.error, Exception)
    assert cv2.videoio_registry.hasBackend(cv2.CAP_V4L2) or sys.platform != "linux"


def test_opencv_answers_for_a_camera_that_is_not_there_as_the_fake_does(
    table: CameraTable, clock: VirtualClock
) -> None:
    with pytest.raises(HardwareError, match="/dev/video63 cannot be opened"):
        OpenCvCamera(table.model_copy(update={"source": "/dev/video63"}), clock)
