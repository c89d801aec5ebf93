"""A Raspberry Pi's camera, by picamera2. The only module that imports picamera2.

Unverified on a board: held against the calls of picamera2 0.3.38 (`tests/firmware_host/camera/fake_picamera2.py`).
"""

from __future__ import annotations

import contextlib
import functools
import importlib
from dataclasses import dataclass
from typing import Any

from firmware_host.camera.guard import Guard
from firmware_host.camera.port import Exposure, Frame
from firmware_host.clock import Clock
from firmware_host.errors import HardwareError
from firmware_host.profile_tables import CameraTable

_BUFFERS = 4
_START_S = 10.0  # libcamera reads tuning files and starts the sensor
_SETTLING_FRAMES = 20  # until exposure and gain are those that were asked for
_TOLERANCE = 0.05  # sensors expose whole rows: of the exposure that was asked for
_ATTEMPTS = 2  # to get a frame: the second one after a restart of the stream
_SLACK_S = 1.0  # what the guard allows beyond the library's own timeout


@dataclass
class Counts:
    """What went on since the camera was opened. `skipped`: frames of the stream that nobody asked for."""

    taken: int = 0
    skipped: int = 0
    restarts: int = 0


class _Delivered:
    """A frame that has been read out already."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    def read_out(self) -> Frame:
        return self._frame


class PiCamera:
    """A stream of full frames with fixed exposure, gain and white balance.

    It tells of a frame only once it is delivered, so `expose` returns then, whatever the shutter.

    :param library: picamera2, or what stands for it.
    :raises HardwareError: no library, no camera, or it does not do what the profile asks for.
    """

    def __init__(self, table: CameraTable, clock: Clock, library: Any = None) -> None:
        if table.trigger:
            raise HardwareError("camera: picamera2 cannot trigger it in this version; set camera.trigger = false")
        self.counts = Counts()
        self._table = table
        self._clock = clock
        self._shape = (table.height_px, table.width_px)
        self._period_ns = round(table.frame_period_ms * 1e6)
        self._first_ns = self._last_ns = 0
        self._guard = Guard("camera")
        module = library if library is not None else _library()
        self._camera: Any = None
        try:
            self._camera = self._guard.call(module.Picamera2, _START_S)
        except IndexError as error:
            raise HardwareError(
                "camera: none was found; check its cable, then `rpicam-hello --list-cameras`"
            ) from error
        except RuntimeError as error:
            raise HardwareError(f"camera: cannot be opened: {error}; stop other programs that use it") from error
        try:
            self._guard.call(self._configure, _START_S)
            self._start()
        except BaseException:
            self.close()
            raise

    @property
    def shape(self) -> tuple[int, int]:
        return self._shape

    def expose(self, not_before_ns: int, timeout_s: float) -> Exposure:
        with self._clock.work("expose"):
            for attempt in range(1, _ATTEMPTS + 1):
                try:
                    return _Delivered(self._frame(not_before_ns, timeout_s))
                except TimeoutError as error:
                    if attempt == _ATTEMPTS:
                        raise HardwareError(
                            f"camera: no frame within {timeout_s:g} s, nor after a restart; check its cable"
                        ) from error
                    self._restart()
        raise AssertionError("unreachable")

    def close(self) -> None:
        """Stop the stream and give the camera back, if it still answers. Safe to call twice."""
        camera, self._camera = self._camera, None
        if camera is not None:
            with contextlib.suppress(HardwareError):  # it hangs, and is left behind
                self._guard.call(camera.close, _START_S)
            self._guard.close()

    def _configure(self) -> None:
        table = self._table
        period_us = round(table.frame_period_ms * 1000)
        red, blue = table.colour_gains
        controls = {
            "AeEnable": False,
            "AwbEnable": False,
            "ExposureTime": round(table.exposure_ms * 1000),
            "AnalogueGain": table.gain,
            "ColourGains": (red, blue),
            "FrameDurationLimits": (period_us, period_us),
        }
        size = (table.width_px, table.height_px)
        camera = self._camera
        # Its BGR888 is what everybody else calls RGB: red first in memory.
        camera.configure(
            camera.create_video_configuration(
                main={"size": size, "format": "BGR888"}, buffer_count=_BUFFERS, queue=False, controls=controls
            )
        )
        got = camera.camera_configuration()["main"]["size"]
        if tuple(got) != size:
            raise HardwareError(
                f"camera: gives frames of {got[0]} x {got[1]}, not {size[0]} x {size[1]}; correct the profile"
            )

    def _start(self) -> None:
        """Until a frame is exposed as asked for."""
        self._guard.call(self._camera.start, _START_S)
        wanted_us = self._table.exposure_ms * 1000
        exposed_us = 0.0
        for _ in range(_SETTLING_FRAMES):
            try:
                request = self._request(None, self._table.timeout_s)
            except TimeoutError as error:
                raise HardwareError("camera: it started but sends no frames; check its cable") from error
            exposed_us = self._guard.call(functools.partial(_metadata_of, request), _START_S)["ExposureTime"]
            if abs(exposed_us - wanted_us) <= _TOLERANCE * wanted_us:
                return
        raise HardwareError(
            f"camera: exposes for {exposed_us / 1000:g} ms, not {self._table.exposure_ms:g}; correct the profile"
        )

    def _restart(self) -> None:
        self.counts.restarts += 1
        self._guard.call(self._camera.stop, _START_S)
        self._start()

    def _forget_requests(self) -> None:
        """A capture that has timed out stays in the library's queue; whatever is asked next would wait behind it."""
        self._guard.call(self._camera.cancel_all_and_flush, _START_S)

    def _request(self, not_before_ns: int | None, timeout_s: float) -> Any:
        """:raises TimeoutError: none came. :raises HardwareError: the library itself hangs."""
        camera = self._camera
        if camera is None:
            raise HardwareError("camera: it was closed; start the scanner again")
        try:
            return self._guard.call(
                lambda: camera.capture_request(wait=timeout_s, flush=not_before_ns), timeout_s + _SLACK_S
            )
        except TimeoutError:
            self._forget_requests()
            raise

    def _frame(self, not_before_ns: int, timeout_s: float) -> Frame:
        request = self._request(not_before_ns, timeout_s)

        def copied() -> tuple[Any, dict[str, Any]]:
            image = request.make_array("main")
            return image, _metadata_of(request)

        image, metadata = self._guard.call(copied, _START_S)
        exposure_ns = 1000 * int(metadata["ExposureTime"])
        start_ns = int(metadata["SensorTimestamp"]) - exposure_ns  # its stamp is the end of the first row's exposure
        if start_ns < not_before_ns:
            raise HardwareError(
                "camera: a frame from before the stage had settled; picamera2 0.3.19 or newer is needed"
            )
        if image.shape != (*self._shape, 3):
            raise HardwareError(f"camera: a frame of shape {image.shape} instead of {(*self._shape, 3)}")
        self.counts.taken += 1
        if self._last_ns:
            self.counts.skipped += max(round((start_ns - self._last_ns) / self._period_ns) - 1, 0)
        self._last_ns = start_ns
        self._first_ns = self._first_ns or start_ns
        return Frame(image, start_ns, exposure_ns, round((start_ns - self._first_ns) / self._period_ns))


def _metadata_of(request: Any) -> dict[str, Any]:
    """And the request goes back to the camera, which has only so many."""
    try:
        metadata: dict[str, Any] = request.get_metadata()
    finally:
        request.release()
    return metadata


def _library() -> Any:
    try:
        return importlib.import_module("picamera2")
    except ImportError as error:
        raise HardwareError(
            f"camera: picamera2 cannot be imported ({error}); sudo apt install python3-picamera2, and make the "
            "environment with --system-site-packages"
        ) from error
