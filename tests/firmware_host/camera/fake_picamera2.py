"""A picamera2 whose sensor is on a virtual clock, with the calls of picamera2 0.3.38 and no others.

Names and parameters are those of picamera2/picamera2.py and picamera2/request.py, read in November 2026;
`test_picamera2.py` holds them against the package where it is installed.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from conformance_camera import scene
from numpy.typing import NDArray

from firmware_host.clock import VirtualClock

LATENCY_NS = 28_000_000  # 8 ms of exposure, 20 ms to read out


class CompletedRequest:
    def __init__(self, camera: Picamera2, start_ns: int) -> None:
        self._camera, self._start_ns = camera, start_ns
        self._held = True
        camera.held += 1

    def make_array(self, name: str) -> NDArray[np.uint8]:
        assert name == "main"
        assert self._held, "the buffer was given back"
        width, height = self._camera.fake.size
        return scene(height, width)

    def get_metadata(self) -> dict[str, Any]:
        assert self._held
        exposure_us = self._camera.exposure_us
        return {"SensorTimestamp": self._start_ns + 1000 * exposure_us, "ExposureTime": exposure_us}

    def release(self) -> None:
        assert self._held
        self._held = False
        self._camera.held -= 1


class Picamera2:
    def __init__(self, fake: FakePicamera2) -> None:
        self.fake = fake
        self.started = False
        self.held = 0
        self.queued = 0  # captures that have timed out, and are still waited for
        self._frames_since_start = 0
        if fake.absent:
            raise IndexError("list index out of range")
        if fake.in_use:
            raise RuntimeError("Failed to acquire camera: Device or resource busy")
        fake.opened.append(self)

    def create_video_configuration(
        self, main: dict[str, Any], buffer_count: int, queue: bool, controls: dict[str, Any]
    ) -> dict[str, Any]:
        assert main["format"] == "BGR888", "red first in memory"
        return {"main": main, "buffer_count": buffer_count, "queue": queue, "controls": controls}

    def configure(self, camera_config: dict[str, Any]) -> None:
        self.config = camera_config
        self.config["main"]["size"] = self.fake.size

    def camera_configuration(self) -> dict[str, Any]:
        return self.config

    @property
    def exposure_us(self) -> int:
        """The first frames after a start are exposed as the sensor likes."""
        settled = self._frames_since_start > self.fake.settling_frames
        return int(self.config["controls"]["ExposureTime"]) + (0 if settled else 9000)

    def start(self) -> None:
        self.started, self._frames_since_start = True, 0

    def stop(self) -> None:
        if self.fake.stop_hangs or self.queued:
            self.fake.released.wait(60)
        self.started = False

    def close(self) -> None:
        self.stop()

    def cancel_all_and_flush(self) -> None:
        self.queued = 0

    def capture_request(self, wait: float, flush: int | None) -> CompletedRequest:
        assert self.started
        assert self.held < self.config["buffer_count"], "every buffer is held: the stream stands still"
        if self.fake.hangs:
            self.fake.released.wait(60)
        clock, period_ns = self.fake.clock, 1000 * self.config["controls"]["FrameDurationLimits"][0]
        until_ns = clock.now_ns() + round(wait * 1e9)
        earliest_ns = clock.now_ns() if flush is None else max(flush, clock.now_ns() - LATENCY_NS)
        start_ns = -(-earliest_ns // period_ns) * period_ns
        if self.fake.silent_for > 0 or start_ns + LATENCY_NS > until_ns:
            self.fake.silent_for -= 1
            clock.wait_until(until_ns, "wait")
            self.queued += 1
            raise TimeoutError
        self._frames_since_start += 1
        if self.fake.stale:
            start_ns -= period_ns
        clock.wait_until(start_ns + LATENCY_NS, "wait")
        return CompletedRequest(self, start_ns)


class FakePicamera2:
    """The module, and what is to go wrong with it.

    :param silent_for: captures that time out, in the library's own way.
    """

    def __init__(self, clock: VirtualClock, size: tuple[int, int]) -> None:
        self.clock, self.size = clock, size
        self.opened: list[Picamera2] = []
        self.settling_frames = 2
        self.silent_for = 0
        self.absent = self.in_use = self.stale = self.hangs = self.stop_hangs = False
        self.released = threading.Event()

    def Picamera2(self) -> Picamera2:  # noqa: N802 - the package's own name
        return Picamera2(self)
