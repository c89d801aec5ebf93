"""An OpenCV whose camera is on a virtual clock: Video4Linux with its queue of four, and GStreamer; no calls but cv2's.

Names and values are those of opencv-python-headless 5.0; behaviour is that of modules/videoio/src/cap_v4l.cpp, read in
November 2026. `test_opencv.py` holds names and values against the package.
"""

from __future__ import annotations

import threading
from collections import deque
from types import SimpleNamespace
from typing import Any

import numpy as np
from conformance_camera import scene
from numpy.typing import NDArray

from firmware_host.clock import VirtualClock
from firmware_host.profile_tables import CameraTable

QUEUE = 4
GIVES_UP_NS = 10_000_000_000
MARK_ROW = -1  # the last row's first pixel holds the frame's number

CAP_GSTREAMER, CAP_V4L2 = 1800, 200
CAP_PROP_POS_MSEC, CAP_PROP_FRAME_WIDTH, CAP_PROP_FRAME_HEIGHT, CAP_PROP_FPS, CAP_PROP_FOURCC = 0, 3, 4, 5, 6
CAP_PROP_MODE, CAP_PROP_GAIN, CAP_PROP_EXPOSURE = 9, 14, 15
CAP_PROP_AUTO_EXPOSURE, CAP_PROP_AUTO_WB, CAP_PROP_WB_TEMPERATURE = 21, 44, 45
COLOR_BGR2RGB = 4
CONSTANTS = {name: value for name, value in globals().items() if name.startswith(("CAP_", "COLOR_"))}


class error(Exception):  # noqa: N801 - the package's own name
    """cv2.error."""


class VideoCapture:
    def __init__(self, fake: FakeCv2, source: int | str, apiPreference: int) -> None:
        self._fake = fake
        self._api = apiPreference
        self._is_open = not fake.is_absent()
        self._queue: deque[int] = deque()
        self._next = fake.next_frame()
        self._stamp_ns = 0
        self._grabbed = -1
        self._size = (640, 480)
        self._asked: dict[int, int] = {}
        self.values = dict(fake.controls)
        if self._is_open:
            fake.opened.append((source, apiPreference))
            fake.captures.append(self)

    def isOpened(self) -> bool:  # noqa: N802
        return self._is_open

    def set(self, propId: int, value: float) -> bool:
        assert self._api == CAP_V4L2, "a pipeline has no controls"
        if propId in (CAP_PROP_FRAME_WIDTH, CAP_PROP_FRAME_HEIGHT):
            self._asked[propId] = round(value)
            if len(self._asked) == 2:
                self._size = self._fake.size
                self._asked.clear()
            return True
        self.values[CAP_PROP_FPS] = self._fake.rate(self.values[CAP_PROP_FOURCC])
        if propId in self._fake.lacks:
            return False
        low, high = self._fake.limits.get(propId, (-np.inf, np.inf))
        if propId != CAP_PROP_FPS:
            self.values[propId] = float(np.clip(round(value), low, high))
        if propId == CAP_PROP_FOURCC:
            self.values[CAP_PROP_FPS] = self._fake.rate(self.values[CAP_PROP_FOURCC])
        return True

    def get(self, propId: int) -> float:
        if propId == CAP_PROP_POS_MSEC:
            return 0.0 if self._grabbed < 0 else self._stamp_ns / 1e6
        if propId in (CAP_PROP_FRAME_WIDTH, CAP_PROP_FRAME_HEIGHT):
            return self._size[0 if propId == CAP_PROP_FRAME_WIDTH else 1]
        return -1.0 if propId in self._fake.lacks else self.values[propId]

    def grab(self) -> bool:
        fake, clock = self._fake, self._fake.clock
        if fake.turns is not None and not fake.turns.acquire(timeout=10):
            return False
        if not self._is_open or fake.vanished:
            return False
        if fake.hangs:
            fake.released.wait(60)
            return False
        if fake.silent:
            clock.wait_until(clock.now_ns() + GIVES_UP_NS, "wait")
            return False
        self._fill()
        while not self._queue:
            clock.wait_until(fake.delivered_ns(self._next) + fake.held_ns, "wait")
            self._fill()
        self._grabbed = self._queue.popleft()
        fake.grabbed.release()
        if self._api == CAP_V4L2 and fake.stamps:
            self._stamp_ns = fake.delivered_ns(self._grabbed)
        else:
            self._stamp_ns = 25_000_000 * self._grabbed  # the position in the stream
        return True

    def retrieve(self) -> tuple[bool, NDArray[np.uint8] | None]:
        if self._grabbed in self._fake.damaged:
            return False, None
        return True, self._fake.picture(self._grabbed)[..., ::-1].copy()

    def release(self) -> None:
        assert threading.current_thread() is not threading.main_thread(), "another thread may be in a call"
        self._is_open = False

    def _fill(self) -> None:
        """What came meanwhile; a full queue takes no more, a pipeline that drops keeps the newest alone."""
        fake = self._fake
        while fake.delivered_ns(self._next) + fake.held_ns <= fake.clock.now_ns():
            if self._next not in fake.lost:
                if self._api == CAP_GSTREAMER and fake.drops:
                    self._queue.clear()
                if len(self._queue) < fake.queue:
                    self._queue.append(self._next)
            self._next += 1


class FakeCv2:
    """The module, and what is to go wrong with it.

    :param damaged: numbers of frames that cannot be decoded; :param lost: of those that do not come at all.
    :param lacks: controls that the camera does not have; :param limits: (lowest, highest) of a control.
    :param absences: how often it cannot be opened from now on.
    :param queue: how many frames wait to be grabbed; :param held_ns: for how long each is kept back, its stamp as ever.
    :param turns: what each grab waits for, where there is one; :param grabbed: how many were successful.
    """

    error = error

    def __init__(self, clock: VirtualClock, table: CameraTable) -> None:
        vars(self).update(CONSTANTS)
        self.clock, self.size = clock, (table.width_px, table.height_px)
        self.frame_size = self.size
        self.period_ns = round(table.frame_period_ms * 1e6)
        self._latency_ns = round((table.exposure_ms + table.readout_ms) * 1e6)
        self._origin_ns = clock.now_ns()
        self.opened: list[tuple[int | str, int]] = []
        self.captures: list[VideoCapture] = []
        self.controls = {
            CAP_PROP_FOURCC: 0.0,
            CAP_PROP_MODE: 1.0,
            CAP_PROP_FPS: 30.0,
            CAP_PROP_GAIN: 64.0,
            CAP_PROP_EXPOSURE: 156.0,
            CAP_PROP_AUTO_EXPOSURE: 3.0,
            CAP_PROP_AUTO_WB: 1.0,
            CAP_PROP_WB_TEMPERATURE: 4600.0,
        }
        self.limits: dict[int, tuple[float, float]] = {}
        self.lacks: set[int] = set()
        self.damaged: set[int] = set()
        self.lost: set[int] = set()
        self.raw_rate = self.jpeg_rate = 1e9 / self.period_ns
        self.stamps, self.gstreamer = True, True
        self.hangs = self.silent = self.vanished = False
        self.absences = self.held_ns = 0
        self.queue, self.drops = QUEUE, True
        self.turns: threading.Semaphore | None = None
        self.grabbed = threading.Semaphore(0)
        self.released = threading.Event()
        self.videoio_registry = SimpleNamespace(hasBackend=lambda api: api == CAP_V4L2 or self.gstreamer)
        self.VideoWriter = SimpleNamespace(fourcc=lambda c1, c2, c3, c4: sum(map(ord, (c1, c2, c3, c4))))

    def VideoCapture(self, source: int | str, apiPreference: int) -> VideoCapture:  # noqa: N802
        return VideoCapture(self, source, apiPreference)

    def cvtColor(self, src: NDArray[np.uint8], code: int) -> NDArray[np.uint8]:  # noqa: N802
        assert code == COLOR_BGR2RGB
        return src[..., ::-1].copy()

    def is_absent(self) -> bool:
        self.absences -= 1
        return self.absences >= 0

    def rate(self, fourcc: float) -> float:
        return self.jpeg_rate if fourcc else self.raw_rate

    def next_frame(self) -> int:
        """Number of the first frame that is delivered from now on."""
        return max(0, -((self._origin_ns + self._latency_ns - self.clock.now_ns()) // self.period_ns))

    def delivered_ns(self, number: int) -> int:
        return self.start_ns(number) + self._latency_ns

    def start_ns(self, number: int) -> int:
        return self._origin_ns + number * self.period_ns

    def picture(self, number: int) -> NDArray[np.uint8]:
        width, height = self.frame_size
        image = scene(height, width)
        image[MARK_ROW, 0] = [number >> 16, number >> 8 & 255, number & 255]
        return image

    def began_ns(self, frame: Any) -> int:
        """When the exposure of a frame truly began."""
        return self.start_ns(marked(frame.image))


def marked(image: NDArray[np.uint8]) -> int:
    """The number that is written into a picture."""
    high, middle, low = (int(each) for each in image[MARK_ROW, 0])
    return high << 16 | middle << 8 | low
