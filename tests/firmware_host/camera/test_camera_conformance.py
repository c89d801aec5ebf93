"""Each camera driver against the suite: emulated, recorded, picamera2 and OpenCV over their fakes, OpenCV itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import fake_cv2
import numpy as np
import pytest
from conformance_camera import Bench, CameraConformance, CameraInTrouble, Trouble, scene
from fake_cv2 import FakeCv2
from fake_picamera2 import FakePicamera2
from PIL import Image

from firmware_host.camera import opencv, picamera2, stream
from firmware_host.camera.opencv import OpenCvCamera
from firmware_host.camera.picamera2 import PiCamera
from firmware_host.camera.replay import ReplayCamera, read_recordings
from firmware_host.clock import VirtualClock
from firmware_host.optics import Objective
from firmware_host.profile import Profile
from firmware_host.profile_tables import CameraTable
from firmware_host.stack_folder import write_stack
from firmware_host.twin.camera import EmulatedCamera
from firmware_host.twin.sensor import Sensor, SensorStyle

OPTICS = Objective(0.75, 0.55, 1.0)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(start_ns=1_000_000_000_000)


@pytest.fixture
def table(emulated: Profile) -> CameraTable:
    changes = {"width_px": 160, "height_px": 128, "trigger": False, "timeout_s": 1.0, "source": "/dev/video0"}
    return emulated.camera.model_copy(update=changes)


@pytest.fixture
def lose_patience(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From now on a library that hangs is given up soon."""

    def soon() -> None:
        monkeypatch.setattr(opencv, "_GIVES_UP_S", -0.8)
        monkeypatch.setattr(picamera2, "_SLACK_S", -0.8)
        monkeypatch.setattr(stream, "START_S", 0.2)

    return soon


class TestEmulated(CameraConformance):
    @pytest.fixture
    def bench(self, clock: VirtualClock, table: CameraTable) -> Bench:
        light = [np.float32(plane) for plane in np.moveaxis(scene(table.height_px, table.width_px) / 255, 2, 0)]

        class Column:
            def transmittance(self, *_: float) -> list[np.ndarray]:
                return light

        sensor = Sensor(SensorStyle(8000, 4, 0.0), (table.height_px, table.width_px), 1)
        camera = EmulatedCamera(table, clock, Column(), sensor, lambda _: (0.0, 0.0, 0.0), lambda: 1.0)  # type: ignore[arg-type]
        return Bench(camera, clock, table)


class TestReplay(CameraConformance):
    @pytest.fixture
    def bench(self, clock: VirtualClock, table: CameraTable, tmp_path: Path) -> Bench:
        image = scene(table.height_px, table.width_px)
        write_stack(tmp_path, [image, image], np.array([-1.0, 1.0]), OPTICS, table.pixel_um)
        recordings = read_recordings(tmp_path, table, OPTICS)
        return Bench(ReplayCamera(table, clock, recordings, lambda: (0.0, 0.0, 5.0), 5.0), clock, table)


class TestPicamera2(CameraConformance, CameraInTrouble):
    @pytest.fixture
    def bench(self, clock: VirtualClock, table: CameraTable, lose_patience: Callable[[], None]) -> Iterator[Bench]:
        fake = FakePicamera2(clock, (table.width_px, table.height_px))

        def trouble(what: Trouble) -> None:
            match what:
                case "hangs":
                    lose_patience()
                    fake.hangs = fake.stop_hangs = True
                case "vanishes" | "is silent":
                    fake.silent_for = 99
                case "delivers stale frames":
                    fake.stale = True
                case "changes its size":
                    fake.size = (64, 48)

        yield Bench(PiCamera(table, clock, fake), clock, table, trouble=trouble)
        fake.released.set()


class Parked(OpenCvCamera):
    """Takes no frames while nobody asks: they queue up, as they do when a program has no time for them."""

    def _drain(self) -> bool:
        return False


class TestVideo4Linux(CameraConformance, CameraInTrouble):
    @pytest.fixture
    def bench(self, clock: VirtualClock, table: CameraTable, lose_patience: Callable[[], None]) -> Iterator[Bench]:
        yield from self.benches(clock, table, lose_patience)

    def benches(self, clock: VirtualClock, table: CameraTable, lose_patience: Callable[[], None]) -> Iterator[Bench]:
        fake = FakeCv2(clock, table)

        def trouble(what: Trouble) -> None:
            match what:
                case "hangs":
                    lose_patience()
                    fake.hangs = True
                case "vanishes":
                    fake.vanished, fake.absences = True, 10_000
                case "is silent":
                    fake.silent = True
                case "delivers stale frames":
                    self.be_stale(fake)
                case "changes its size":
                    fake.frame_size = (64, 48)

        yield Bench(Parked(table, clock, fake), clock, table, fake.began_ns, trouble)
        fake.released.set()

    def be_stale(self, fake: FakeCv2) -> None:
        """The system keeps each frame back."""
        fake.held_ns = 3 * fake.period_ns


class TestVideo4LinuxWithoutStamps(TestVideo4Linux):
    def benches(self, clock: VirtualClock, table: CameraTable, lose_patience: Callable[[], None]) -> Iterator[Bench]:
        for bench in super().benches(clock, table, lose_patience):
            library: Any = bench.camera._cv  # type: ignore[attr-defined]
            library.stamps = False
            yield bench

    def be_stale(self, fake: FakeCv2) -> None:
        """A second's frames have been queued, and come at once."""
        fake.queue, fake.drops = 1000, False
        fake.clock.wait_until(fake.clock.now_ns() + 1_000_000_000, "move")


class TestGStreamer(TestVideo4LinuxWithoutStamps):
    @pytest.fixture
    def table(self, table: CameraTable) -> CameraTable:
        return table.model_copy(update={"source": "videotestsrc ! videoconvert ! appsink drop=true max-buffers=1"})


class PicturesAtAPace:
    """OpenCV over pictures in files; each comes when a camera would have sent it, and controls are kept."""

    def __init__(self, files: Path, clock: VirtualClock, table: CameraTable) -> None:
        self._pictures = cv2.VideoCapture(str(files / "%03d.png"), cv2.CAP_IMAGES)
        self.isOpened, self.retrieve = self._pictures.isOpened, self._pictures.retrieve
        self.release = self._pictures.release
        self._clock = clock
        self._period_ns = round(table.frame_period_ms * 1e6)
        self._next_ns = clock.now_ns() + round((table.exposure_ms + table.readout_ms) * 1e6)
        self._kept: dict[int, float] = {cv2.CAP_PROP_FPS: 1e9 / self._period_ns}

    def grab(self) -> bool:
        while self._next_ns <= self._clock.now_ns():
            self._next_ns += self._period_ns
        self._clock.wait_until(self._next_ns, "wait")
        return self._pictures.grab()

    def set(self, control: int, value: float) -> bool:
        self._kept[control] = value
        return True

    def get(self, control: int) -> float:
        return self._kept.get(control, 0.0)


class TestOpenCvItself(CameraConformance):
    """What applies of it: pictures really are decoded by OpenCV, and end after 40, as if the camera had vanished."""

    @pytest.fixture
    def bench(self, clock: VirtualClock, table: CameraTable, tmp_path: Path) -> Bench:
        for number in range(40):
            Image.fromarray(scene(table.height_px, table.width_px)).save(tmp_path / f"{number:03d}.png")
        library = SimpleNamespace(**vars(cv2) | {"VideoCapture": lambda *_: PicturesAtAPace(tmp_path, clock, table)})
        return Bench(Parked(table, clock, library), clock, table)


def test_a_frame_of_the_fake_tells_its_number(clock: VirtualClock, table: CameraTable) -> None:
    assert fake_cv2.marked(FakeCv2(clock, table).picture(70_000)) == 70_000
