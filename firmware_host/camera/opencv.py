"""A USB camera (Video4Linux) or a Jetson's camera (GStreamer), by OpenCV. The only module that imports cv2.

A thread takes every frame of the stream as it comes, so that none waits in a queue; the frame that is asked for is
decoded. Unverified on hardware; there: `wsi-host capture --profile P --out frame.png`.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from firmware_host.camera.argus import check_pipeline
from firmware_host.camera.arrivals import HELD_UP_NS, PERIOD_TOLERANCE, Arrivals
from firmware_host.camera.guard import Guard
from firmware_host.camera.port import Frame
from firmware_host.camera.stream import START_S, StreamCamera
from firmware_host.clock import Clock
from firmware_host.errors import HardwareError, UsageError
from firmware_host.profile_tables import CameraTable

_GIVES_UP_S = 11.0  # OpenCV's own wait for a frame ends after 10 s
_RETURN_S, _RETRY_S = 10.0, 0.5  # how long a camera that vanished may take to come back, and how often it is looked for
_LEAST_PERIOD_NS = 1.5 * HELD_UP_NS
_FIRST_FRAMES = 25  # to see how fast they come
_TOLERANCE = 0.05
_MANUAL_EXPOSURE = 1  # V4L2_EXPOSURE_MANUAL
_EXPOSURE_UNITS_PER_MS = 10  # V4L2_CID_EXPOSURE_ABSOLUTE counts in 100 us
_WHITE_K = 5000
_UNKNOWN = -1.0  # what OpenCV says of a control that the camera does not have


class OpenCvCamera(StreamCamera):
    """The camera at `camera.source`: a number or a path (Video4Linux), or a pipeline that ends in an appsink.

    Video4Linux: exposure, gain and white balance are set, read back and left alone. `camera.gain` is in the camera's
    own unit (`v4l2-ctl --list-ctrls`); white is fixed at 5000 K where the camera knows that, and the flat field does
    the rest. A frame's age is known from the stamp that the kernel gave it.

    GStreamer: all of that is in the pipeline's text, and of a frame's age only its arrival tells.

    The exposure of its frames began at the time given or later (`camera.arrivals`).

    :param library: cv2, or what stands for it.
    :raises HardwareError: no library, no camera, or it does not do what the profile asks for.
    :raises UsageError: `camera.source` is none of these, or leaves something automatic.
    """

    def __init__(self, table: CameraTable, clock: Clock, library: Any = None) -> None:
        if table.trigger:
            raise HardwareError("camera: OpenCV cannot trigger it; set camera.trigger = false")
        self._is_pipeline = "!" in table.source
        if not (self._is_pipeline or table.source.isdecimal() or table.source.startswith("/dev/")):
            raise UsageError(
                f"camera.source = {table.source!r}: must be a number, a path below /dev/, or a GStreamer pipeline"
            )
        if self._is_pipeline and table.frame_period_ms * 1e6 < _LEAST_PERIOD_NS:
            raise UsageError(
                f"camera.frame_period_ms = {table.frame_period_ms:g}: must be {_LEAST_PERIOD_NS / 1e6:g} or more with "
                "a pipeline, as only a frame's arrival tells its age"
            )
        check_pipeline(table.source, table)
        self._capture: Any = None  # of the guard's thread, as all that follow
        self._arrivals: Arrivals | None = None
        self._start_ns = 0
        super().__init__(table, clock, Guard("camera", idle=self._drain))
        self._opening_s = START_S + _GIVES_UP_S + _FIRST_FRAMES * self._period_ns / 1e9
        try:
            self._cv = library if library is not None else _library()
            with clock.work("wait"):
                self._guard.call(self._open, self._opening_s)
        except BaseException:
            self.close()
            raise

    def _frame(self, not_before_ns: int, timeout_s: float) -> Frame:
        wait = functools.partial(self._wait_for, not_before_ns, self._clock.now_ns() + round(timeout_s * 1e9))
        image, start_ns = self._guard.call(wait, timeout_s + _GIVES_UP_S)
        return self._taken(image, start_ns, round(self._table.exposure_ms * 1e6))

    def _restart(self) -> None:
        """Open it again, until it is back."""
        until_ns = self._clock.now_ns() + round(_RETURN_S * 1e9)
        while True:
            try:
                return self._guard.call(self._open, self._opening_s)
            except _AbsentError:
                if self._clock.now_ns() >= until_ns:
                    raise
                self._clock.wait_until(self._clock.now_ns() + round(_RETRY_S * 1e9), "wait")

    def _open(self) -> None:
        self._release()
        self._capture = self._opened()
        try:
            if not self._is_pipeline:
                self._fix_controls()
            exposure_ns, readout_ns = (round(ms * 1e6) for ms in (self._table.exposure_ms, self._table.readout_ms))
            self._arrivals = Arrivals(exposure_ns, readout_ns, self._period_ns, self._clock.now_ns())
            self._start_ns = 0
            self._check_pace()
        except BaseException:
            self._release()
            raise

    def _opened(self) -> Any:
        cv, source = self._cv, self._table.source
        if self._is_pipeline and not cv.videoio_registry.hasBackend(cv.CAP_GSTREAMER):
            raise HardwareError(
                "camera: this OpenCV has no GStreamer; on a Jetson use the system's (sudo apt install python3-opencv), "
                "in an environment made with --system-site-packages"
            )
        where = int(source) if source.isdecimal() else source
        capture = cv.VideoCapture(where, cv.CAP_GSTREAMER if self._is_pipeline else cv.CAP_V4L2)
        if not capture.isOpened():
            capture.release()
            what, remedy = source, "check its cable, then `v4l2-ctl --list-devices`"
            if self._is_pipeline:
                what, remedy = "the pipeline in camera.source", "try it with gst-launch-1.0"
            raise _AbsentError(f"camera: {what} cannot be opened; {remedy}, and stop other programs that use it")
        return capture

    def _fix_controls(self) -> None:
        """Size, pace, exposure, gain and white balance, each read back.

        The pixels as they are where that is fast enough, else as JPEG pictures: most USB cameras have no other way.
        """
        cv, capture, table = self._cv, self._capture, self._table
        rate = 1000 / table.frame_period_ms
        capture.set(cv.CAP_PROP_MODE, 0)  # values in the camera's own units
        for fourcc in (None, "MJPG"):
            if fourcc is not None:
                capture.set(cv.CAP_PROP_FOURCC, cv.VideoWriter.fourcc(*fourcc))
            capture.set(cv.CAP_PROP_FRAME_WIDTH, table.width_px)
            capture.set(cv.CAP_PROP_FRAME_HEIGHT, table.height_px)
            capture.set(cv.CAP_PROP_FPS, round(rate))
            got = tuple(round(capture.get(each)) for each in (cv.CAP_PROP_FRAME_WIDTH, cv.CAP_PROP_FRAME_HEIGHT))
            if got == (table.width_px, table.height_px) and capture.get(cv.CAP_PROP_FPS) >= rate / (1 + _TOLERANCE):
                break
        if got != (table.width_px, table.height_px):
            raise HardwareError(
                f"camera: gives frames of {got[0]} x {got[1]}, not {table.width_px} x {table.height_px}; "
                "correct the profile"
            )
        for what, control, wanted, needed in (
            ("exposure's automatic mode", cv.CAP_PROP_AUTO_EXPOSURE, _MANUAL_EXPOSURE, False),
            ("exposure in 0.1 ms", cv.CAP_PROP_EXPOSURE, table.exposure_ms * _EXPOSURE_UNITS_PER_MS, True),
            ("gain", cv.CAP_PROP_GAIN, table.gain, True),
            ("automatic white balance", cv.CAP_PROP_AUTO_WB, 0, False),
            ("white balance in K", cv.CAP_PROP_WB_TEMPERATURE, _WHITE_K, False),
        ):
            capture.set(control, wanted)
            is_now = capture.get(control)
            if is_now == _UNKNOWN and not needed:
                continue
            if abs(is_now - wanted) > _TOLERANCE * wanted:
                found = "cannot be set" if is_now == _UNKNOWN else f"is {is_now:g}, not {wanted:g}"
                raise HardwareError(
                    f"camera: its {what} {found}; see `v4l2-ctl --list-ctrls`, correct the profile, or take another "
                    "camera"
                )

    def _check_pace(self) -> None:
        """Frames come as often as the profile says."""
        times = []
        for _ in range(_FIRST_FRAMES):
            if not self._grab():
                raise HardwareError("camera: it was opened but sends no frames; check its cable")
            times.append(self._clock.now_ns())
        period_ns = median(np.diff(times).tolist())
        if abs(period_ns - self._period_ns) > PERIOD_TOLERANCE * self._period_ns:
            raise HardwareError(
                f"camera: sends a frame every {period_ns / 1e6:.1f} ms, not every {self._table.frame_period_ms:g}; "
                "correct camera.frame_period_ms"
            )
        if self._decoded() is None:
            raise HardwareError("camera: its first frames are damaged; check its cable")

    def _drain(self) -> bool:
        return self._capture is not None and self._grab()

    def _grab(self) -> bool:
        """Take the next frame off the stream, undecoded; False: there is none, the camera is gone."""
        arrivals = self._arrivals
        assert arrivals is not None
        asked_ns = self._clock.now_ns()
        if not self._does(self._capture.grab):
            self._release()
            return False
        arrived_ns = self._clock.now_ns()
        stamp_ns = 0 if self._is_pipeline else round(self._capture.get(self._cv.CAP_PROP_POS_MSEC) * 1e6)
        before_ns, self._start_ns = self._start_ns, arrivals.earliest_start_ns(asked_ns, arrived_ns, stamp_ns)
        if before_ns:
            self.counts.dropped += max(round((self._start_ns - before_ns) / self._period_ns) - 1, 0)
        return True

    def _wait_for(self, not_before_ns: int, until_ns: int) -> tuple[NDArray[np.uint8], int]:
        """:raises TimeoutError: no such frame until then, or the camera is gone."""
        while self._capture is not None and self._grab():
            if self._start_ns >= not_before_ns and (image := self._decoded()) is not None:
                return image, self._start_ns
            if self._clock.now_ns() >= until_ns:
                break
        raise TimeoutError

    def _decoded(self) -> NDArray[np.uint8] | None:
        """The frame that was grabbed, as RGB; None: it is damaged."""
        answer = self._does(self._capture.retrieve)
        if not answer or not answer[0]:
            return None
        image: NDArray[np.uint8] = self._cv.cvtColor(self._checked(answer[1]), self._cv.COLOR_BGR2RGB)
        return image

    def _does(self, call: Callable[[], Any]) -> Any:
        """What the call answers; None where OpenCV throws instead."""
        try:
            return call()
        except self._cv.error:
            return None

    def _release(self) -> None:
        capture, self._capture = self._capture, None
        if capture is not None:
            capture.release()


class _AbsentError(HardwareError):
    """It is not there; it may come back."""


def _library() -> Any:
    try:
        return importlib.import_module("cv2")
    except ImportError as error:
        raise HardwareError(
            f"camera: OpenCV cannot be imported ({error}); pip install 'wsi-scanner[camera-opencv]'"
        ) from error
