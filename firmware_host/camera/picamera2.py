"""A Raspberry Pi's camera, by picamera2. The only module that imports picamera2.

Unverified on a board: held against the calls of picamera2 0.3.38 (`tests/firmware_host/camera/fake_picamera2.py`).
"""

from __future__ import annotations

import functools
import importlib
from typing import Any

from firmware_host.camera.guard import Guard
from firmware_host.camera.port import Frame
from firmware_host.camera.stream import START_S, StreamCamera
from firmware_host.clock import Clock
from firmware_host.errors import HardwareError
from firmware_host.profile_tables import CameraTable

_BUFFERS = 4
_SETTLING_FRAMES = 20  # until exposure and gain are those that were asked for
_TOLERANCE = 0.05  # sensors expose whole rows: of the exposure that was asked for
_SLACK_S = 1.0  # what the guard allows beyond the library's own timeout


class PiCamera(StreamCamera):
    """The camera of the board, over libcamera.

    :param library: picamera2, or what stands for it.
    :raises HardwareError: no library, no camera, or it does not do what the profile asks for.
    """

    def __init__(self, table: CameraTable, clock: Clock, library: Any = None) -> None:
        if table.trigger:
            raise HardwareError("camera: picamera2 cannot trigger it in this version; set camera.trigger = false")
        super().__init__(table, clock, Guard("camera"))
        self._camera: Any = None
        try:
            self._camera = self._found(library if library is not None else _library())
            self._guard.call(self._configure, START_S)
            self._start()
        except BaseException:
            self.close()
            raise

    def _found(self, library: Any) -> Any:
        try:
            return self._guard.call(library.Picamera2, START_S)
        except IndexError as error:
            raise HardwareError(
                "camera: none was found; check its cable, then `rpicam-hello --list-cameras`"
            ) from error
        except RuntimeError as error:
            raise HardwareError(f"camera: cannot be opened: {error}; stop other programs that use it") from error

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
        self._guard.call(self._camera.start, START_S)
        wanted_us = self._table.exposure_ms * 1000
        exposed_us = 0.0
        for _ in range(_SETTLING_FRAMES):
            try:
                request = self._request(None, self._table.timeout_s)
            except TimeoutError as error:
                raise HardwareError("camera: it started but sends no frames; check its cable") from error
            exposed_us = self._guard.call(functools.partial(_metadata_of, request), START_S)["ExposureTime"]
            if abs(exposed_us - wanted_us) <= _TOLERANCE * wanted_us:
                return
        raise HardwareError(
            f"camera: exposes for {exposed_us / 1000:g} ms, not {self._table.exposure_ms:g}; correct the profile"
        )

    def _restart(self) -> None:
        self._guard.call(self._camera.stop, START_S)
        self._start()

    def _release(self) -> None:
        if self._camera is not None:
            self._camera.close()

    def _forget_requests(self) -> None:
        """A capture that has timed out stays in the library's queue; whatever is asked next would wait behind it."""
        self._guard.call(self._camera.cancel_all_and_flush, START_S)

    def _request(self, not_before_ns: int | None, timeout_s: float) -> Any:
        """:raises TimeoutError: none came. :raises HardwareError: the library itself hangs."""
        camera = self._camera
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

        image, metadata = self._guard.call(copied, START_S)
        exposure_ns = 1000 * int(metadata["ExposureTime"])
        start_ns = int(metadata["SensorTimestamp"]) - exposure_ns  # its stamp is the end of the first row's exposure
        if start_ns < not_before_ns:
            raise HardwareError(
                "camera: a frame from before the stage had settled; picamera2 0.3.19 or newer is needed"
            )
        return self._taken(self._checked(image), start_ns, exposure_ns)


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
