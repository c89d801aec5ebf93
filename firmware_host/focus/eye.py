"""Looking: a frame that was exposed after the stage had settled, and how many were taken."""

from __future__ import annotations

from firmware_host.camera.port import Camera, Frame
from firmware_host.cancel import CancelToken
from firmware_host.clock import Clock


class Eye:
    """The camera, seen by the focus loop."""

    def __init__(self, camera: Camera, clock: Clock, cancel: CancelToken, timeout_s: float) -> None:
        self._camera = camera
        self._clock = clock
        self._cancel = cancel
        self._timeout_s = timeout_s
        self.captures = 0

    def look(self, settled_ns: int) -> Frame:
        """Wait until the stage has settled, then take the first frame whose exposure began after that."""
        self._cancel.check()
        self._clock.wait_until(settled_ns, "settle")
        self.captures += 1
        return self._camera.capture(settled_ns, self._timeout_s)
