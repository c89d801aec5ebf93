"""A camera over a square of tissue of any size: one recorded field, mirrored again and again, and glass around it.

It costs a copy a frame, where emulated optics cost hundreds of megabytes: for measuring the host on large slides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from firmware_host.camera.port import Camera, Exposure, Frame

_GLASS = 225.0
_RIM_PX = 64  # over which tissue fades into glass: no lens draws a sharper edge
_NOISE = 2.0  # levels: no two exposures are alike

Image = NDArray[np.uint8]


class EndlessCamera:
    """Frames of another camera, which shows a stack of one field wherever the stage stands, laid side by side.

    :param place_um: (x, y) of the stage now; the middle of a frame.
    :param low_um, high_um: of the square of tissue, in x and in y.
    """

    def __init__(
        self,
        camera: Camera,
        place_um: Callable[[], tuple[float, float]],
        pixel_um: float,
        low_um: float,
        high_um: float,
    ) -> None:
        self._camera = camera
        self._place_um = place_um
        self._pixel_um = pixel_um
        self._low_px, self._high_px = low_um / pixel_um, high_um / pixel_um
        self._rng = np.random.default_rng(1)
        count = camera.shape[0] * camera.shape[1] * 3
        self._noise = np.rint(self._rng.normal(0, _NOISE, 2 * count)).astype(np.int8)

    @property
    def shape(self) -> tuple[int, int]:
        return self._camera.shape

    def expose(self, not_before_ns: int, timeout_s: float) -> Exposure:
        exposure = self._camera.expose(not_before_ns, timeout_s)
        x_um, y_um = self._place_um()
        return _Windowed(exposure, lambda image: self._window(image, x_um / self._pixel_um, y_um / self._pixel_um))

    def close(self) -> None:
        self._camera.close()

    def _window(self, image: Image, x_px: float, y_px: float) -> Image:
        height, width = self._camera.shape
        rows, down = self._line(y_px, height)
        columns, across = self._line(x_px, width)
        tissue = np.minimum(down[:, None], across[None, :])[..., None]
        shown = _GLASS + tissue * (image[rows[:, None], columns[None, :]] - np.float32(_GLASS))
        begin = int(self._rng.integers(len(self._noise) - shown.size))
        shown += self._noise[begin : begin + shown.size].reshape(shown.shape)
        return np.asarray(np.clip(np.rint(shown), 0, 255), np.uint8)

    def _line(self, middle_px: float, length: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Which line of the recording is seen where, and how much of it is tissue, 0 to 1."""
        at = np.arange(length) + round(middle_px) - length // 2
        there_and_back = at % (2 * length)
        inside = np.minimum(at - self._low_px, self._high_px - at) / _RIM_PX
        lines = np.minimum(there_and_back, 2 * length - 1 - there_and_back)
        return lines, np.clip(inside, 0, 1).astype(np.float32)


@dataclass(frozen=True)
class _Windowed:
    exposure: Exposure
    window: Callable[[Image], Image]

    def read_out(self) -> Frame:
        frame = self.exposure.read_out()
        return replace(frame, image=self.window(frame.image))
