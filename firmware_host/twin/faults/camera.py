"""Faults of the camera, between the sensor and whoever asks it. The frames of the sensor itself are as they were."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Sequence
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from firmware_host.camera.port import Camera, Exposure, Frame
from firmware_host.clock import Clock
from firmware_host.errors import HardwareError
from firmware_host.twin.faults.fault import Chronicle, Fault, Onset
from firmware_host.twin.faults.kinds import (
    CameraBlocks,
    CameraFault,
    CameraLost,
    FrameBlack,
    FrameCorrupt,
    FrameDropped,
    FrameHalf,
    FrameStale,
)

Image = NDArray[np.uint8]

_KEPT = 8
_BLOCK_PX = 16


class FaultyCamera:
    """A camera that fails as its script says.

    :param timeout_s: after which a frame that was being read out when the camera went is given up.
    """

    def __init__(
        self, camera: Camera, faults: Sequence[CameraFault], chronicle: Chronicle, clock: Clock, timeout_s: float
    ) -> None:
        self._camera = camera
        self._clock = clock
        self._timeout_s = timeout_s
        self._chronicle = chronicle
        self._onsets = [(fault, Onset(fault, chronicle, clock)) for fault in faults]
        self._delivered: deque[Frame] = deque(maxlen=_KEPT)  # as the sensor gave them
        self._passed_off: deque[tuple[Frame, Frame]] = deque(maxlen=2 * _KEPT)  # (an older frame, as what)
        self._hangs = False

    @property
    def shape(self) -> tuple[int, int]:
        return self._camera.shape

    def expose(self, not_before_ns: int, timeout_s: float) -> Exposure:
        struck = [fault for fault, onset in self._onsets if onset.strikes(self._can_show(fault))]
        self._answer(struck, timeout_s)
        return _Spoilt(self, self._camera.expose(not_before_ns, timeout_s), struck)

    def close(self) -> None:
        self._camera.close()

    def shown(self, frame: Frame) -> Frame:
        """The frame of the sensor that is to be seen in a delivered one."""
        return next((old for old, delivered in self._passed_off if delivered is frame), frame)

    def read_out(self, exposure: Exposure, struck: Sequence[Fault]) -> Frame:
        """The frame with what happens to it on its way."""
        frame = delivered = exposure.read_out()
        for fault, onset in self._onsets:
            if isinstance(fault, CameraLost) and onset.in_force:
                self._chronicle.note(fault)
                self._time_out(self._timeout_s)
        for hit in struck:
            delivered = self._spoilt(hit, delivered)
        self._delivered.append(frame)
        return delivered

    def _can_show(self, fault: CameraFault) -> bool:
        """Whether there is the older frame that it needs."""
        if isinstance(fault, FrameStale):
            return len(self._delivered) >= fault.age
        return not (isinstance(fault, FrameHalf) and fault.rest == "before") or bool(self._delivered)

    def _answer(self, struck: Sequence[Fault], timeout_s: float) -> None:
        """:raises HardwareError: what hit the camera lets no frame come. In the words of the real drivers."""
        blocked = any(isinstance(fault, CameraBlocks) for fault in struck)
        if blocked and self._hangs:
            raise HardwareError("camera: it does not answer; switch it off and on, then start again")
        self._hangs = blocked
        if blocked:
            self._wait(timeout_s)
            raise HardwareError(f"camera: no answer within {timeout_s:g} s")
        if any(isinstance(fault, CameraLost | FrameDropped) for fault in struck):
            self._time_out(timeout_s)

    def _time_out(self, timeout_s: float) -> NoReturn:
        self._wait(timeout_s)
        raise HardwareError(f"camera: no frame within {timeout_s:g} s; check its cable and the frame rate")

    def _wait(self, timeout_s: float) -> None:
        self._clock.wait_until(self._clock.now_ns() + round(timeout_s * 1e9), "wait")

    def _spoilt(self, fault: Fault, frame: Frame) -> Frame:
        rng = np.random.default_rng([self._chronicle.seed, 31, frame.sequence])
        match fault:
            case FrameStale(age=age, stamp=stamp):
                old = self._delivered[-age]
                fresh = dataclasses.replace(frame, image=old.image)
                delivered = old if stamp == "old" else fresh
                self._passed_off.append((old, delivered))
                return delivered
            case FrameBlack():
                image = np.zeros_like(frame.image)
            case FrameHalf(share=share, rest=rest):
                image = _without_end(frame.image, share, self._delivered[-1].image if rest == "before" else None)
            case FrameCorrupt(how="blocks", share=share):
                image = _with_garbage(frame.image, share, rng)
            case FrameCorrupt(share=share):
                image = _with_lost_bytes(frame.image, share, rng)
            case _:
                return frame
        return dataclasses.replace(frame, image=image)


class _Spoilt:
    """An exposure to which something happens on its way."""

    def __init__(self, camera: FaultyCamera, exposure: Exposure, struck: Sequence[Fault]) -> None:
        self._camera, self._exposure, self._struck = camera, exposure, struck

    def read_out(self) -> Frame:
        return self._camera.read_out(self._exposure, self._struck)


def _without_end(image: Image, share: float, before: Image | None) -> Image:
    first = round(len(image) * (1 - share))
    rest = np.zeros_like(image) if before is None else before
    return np.concatenate((image[:first], rest[first:]))


def _with_garbage(image: Image, share: float, rng: np.random.Generator) -> Image:
    """Blocks of 16 x 16 pixels of noise, as many as make the share; at least one."""
    spoilt = image.copy()
    rows, columns = (side // _BLOCK_PX for side in image.shape[:2])
    chosen = rng.permutation(rows * columns)[: max(1, round(share * rows * columns))]
    for row, column in (divmod(int(each), columns) for each in chosen):
        top, left = row * _BLOCK_PX, column * _BLOCK_PX
        block = rng.integers(0, 256, (_BLOCK_PX, _BLOCK_PX, 3), np.uint8)
        spoilt[top : top + _BLOCK_PX, left : left + _BLOCK_PX] = block
    return spoilt


def _with_lost_bytes(image: Image, share: float, rng: np.random.Generator) -> Image:
    """A band of rows that makes the share, in which more and more bytes are missing: it slants, its colours change."""
    height = max(1, round(share * len(image)))
    first = int(rng.integers(0, len(image) - height + 1))
    lost = np.cumsum(rng.integers(1, 200, height))
    spoilt = image.copy()
    for row, bytes_lost in enumerate(lost, first):
        spoilt[row] = np.roll(image[row].ravel(), -int(bytes_lost)).reshape(image[row].shape)
    return spoilt
