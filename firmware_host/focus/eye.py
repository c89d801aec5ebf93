"""Looking: a frame that was exposed after the stage had settled, and how many were taken."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from firmware_host.camera.port import Camera, Exposure, Frame, FrameLost
from firmware_host.cancel import CancelToken
from firmware_host.clock import Clock
from firmware_host.focus.result import FocusStage


class Eye:
    """The camera, seen by the focus loop."""

    def __init__(self, camera: Camera, clock: Clock, cancel: CancelToken, timeout_s: float) -> None:
        self._camera = camera
        self._clock = clock
        self._cancel = cancel
        self._timeout_s = timeout_s
        self.captures = 0

    def look(self, settled_ns: int) -> Frame:
        """Wait until the stage has settled, then take the first frame whose exposure began after that.

        It is read out while the stage stands there, so it is never lost (`FrameLost`).
        """
        return self.expose(settled_ns).read_out()

    def expose(self, settled_ns: int) -> Exposure:
        """The same, but only until the stage may move again; the frame is read out when it is asked for."""
        self._cancel.check()
        self._clock.wait_until(settled_ns, "settle")
        self.captures += 1
        return self._camera.expose(settled_ns, self._timeout_s)

    def rise(self, stage: FocusStage, heights_um: Iterable[float]) -> Iterator[tuple[float, Frame | None]]:
        """Each height reached and the frame from there, in order; a frame is read out while the stage goes on.

        None stands for a frame that was lost.
        """
        before: tuple[float, Exposure] | None = None
        for z_um in heights_um:
            settled_ns = stage.move_to(z_um=z_um)
            if before is not None:
                yield before[0], _read_out(before[1])
            before = stage.z_um, self.expose(settled_ns)
        if before is not None:
            yield before[0], _read_out(before[1])


def _read_out(exposure: Exposure) -> Frame | None:
    try:
        return exposure.read_out()
    except FrameLost:
        return None
