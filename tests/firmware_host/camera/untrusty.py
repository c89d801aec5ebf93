"""A camera that spoils the frames it is told to, over a stage that stands where it is put. Frames are small."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from firmware_host.camera.pace import InFlight, Pace
from firmware_host.camera.port import Exposure, Frame
from firmware_host.camera.steady import SteadyCamera
from firmware_host.cancel import CancelToken
from firmware_host.clock import VirtualClock
from firmware_host.errors import HardwareError
from firmware_host.incidents import Incident
from firmware_host.profile import load_profile
from firmware_host.profile_tables import CameraTable

Fault = Literal[
    "dropped",
    "silent when read out",
    "old",
    "old with a new stamp",
    "old with a new stamp and number",
    "stamp ahead",
    "lower rows black",
    "lower rows grey",
    "lower rows white",
    "lower rows of the frame before",
    "lower rows of another picture",
    "rows shifted",
    "block of garbage",
    "black",
    "wrong size",
]
FAULTS: tuple[Fault, ...] = get_args(Fault)
HEIGHT, WIDTH = 192, 256
MS = 1_000_000
_TABLE = load_profile("emulated").camera


def camera_table(**changes: object) -> CameraTable:
    return CameraTable.model_validate({**_TABLE.model_dump(), "width_px": WIDTH, "height_px": HEIGHT, **changes})


@functools.lru_cache(64)
def picture(place: tuple[float, ...]) -> NDArray[np.float64]:
    """(H, W) of what lies at a place: texture as fine as optics let through, levels 0 to 255."""
    rng = np.random.default_rng([round(abs(um) * 1e3) for um in place])
    rough = rng.normal(0, 1, (HEIGHT + 8, WIDTH + 8))
    for axis in (0, 1):
        for _ in range(2):
            rough = (np.roll(rough, 1, axis) + rough + np.roll(rough, -1, axis)) / 3
    return 160 + 40 * rough[4:-4, 4:-4] / rough.std()


class Light:
    """:param works: whether it can shine at all."""

    def __init__(self) -> None:
        self.is_on, self.works = True, True
        self.switched = 0

    def on(self) -> None:
        self.is_on = True
        self.switched += 1

    def off(self) -> None:
        self.is_on = False


class Stage:
    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self.x_um = self.y_um = self.z_um = 0.0
        self.settled_ns = clock.now_ns()

    def go(self, z_um: float) -> int:
        """10 ms on the way, 5 ms until it stands still."""
        if z_um != self.z_um:
            self.z_um = z_um
            self._clock.wait_until(self._clock.now_ns() + 10 * MS, "move")
            self.settled_ns = self._clock.now_ns() + 5 * MS
        return self.settled_ns


class Untrusty:
    """A camera with trigger, 8 ms exposure and 20 ms read-out.

    :param spoils: what becomes of the n-th exposure; None: nothing.
    """

    def __init__(
        self,
        clock: VirtualClock,
        table: CameraTable,
        place: Callable[[], tuple[float, float, float]],
        light: Light,
        spoils: Callable[[int], Fault | None],
    ) -> None:
        self._clock, self._table, self._place, self._light = clock, table, place, light
        self._pace = Pace(table, clock)
        self._rng = np.random.default_rng(7)
        self._last: Frame | None = None
        self.spoils = spoils
        self.transmittance = 1.0
        self.asked = 0
        self.not_before_ns: list[int] = []
        self.closed = False
        self.gone_until_ns = 0
        self.good: set[int] = set()  # ids of images that are what they should be
        self._kept: list[NDArray[np.uint8]] = []  # so that no id is used twice

    @property
    def shape(self) -> tuple[int, int]:
        return (HEIGHT, WIDTH)

    def expose(self, not_before_ns: int, timeout_s: float) -> Exposure:
        fault = self.spoils(self.asked)
        self.asked += 1
        self.not_before_ns.append(not_before_ns)
        if self._clock.now_ns() < self.gone_until_ns:
            self._clock.wait_until(self._clock.now_ns() + 100 * MS, "wait")
            raise HardwareError("camera: it is not there")
        if fault == "dropped":
            self._clock.wait_until(self._clock.now_ns() + round(timeout_s * 1e9), "wait")
            raise HardwareError(f"camera: no frame within {timeout_s:g} s")
        place = self._place()
        shot = self._pace.expose(not_before_ns, timeout_s)
        frame = Frame(self._image(place), shot.start_ns, self._pace.exposure_ns, shot.sequence)
        if fault is None:
            self.good.add(id(frame.image))
            self._kept.append(frame.image)
        else:
            frame = self._spoilt(frame, fault)
        self._last = frame if fault is None else self._last
        delivered = InFlight(self._clock, frame, shot.delivered_ns)
        return _Mute(delivered) if fault == "silent when read out" else delivered

    def close(self) -> None:
        self.closed = True
        self._pace.close()

    def _image(self, place: tuple[float, float, float]) -> NDArray[np.uint8]:
        lit = self.transmittance if self._light.is_on and self._light.works else 0.0
        green = picture(place) * lit + self._rng.normal(0, 2 * lit + 1, (HEIGHT, WIDTH))
        colours = np.stack([green * 0.9, green, green * 0.8], axis=-1)
        return np.clip(colours + self._rng.normal(0, 1, (HEIGHT, WIDTH, 3)), 0, 255).astype(np.uint8)

    def _spoilt(self, frame: Frame, fault: Fault) -> Frame:
        image, before, row = frame.image.copy(), self._last, int(self._rng.integers(30, HEIGHT - 70))
        if fault == "black":
            dark = np.abs(self._rng.normal(0, 1.5, image.shape)).astype(np.uint8)
            return dataclasses.replace(frame, image=dark)
        if fault == "wrong size":
            return dataclasses.replace(frame, image=image[:-2])
        if fault == "stamp ahead":
            return dataclasses.replace(frame, exposure_start_ns=frame.exposure_start_ns + 500 * MS)
        if fault.startswith("old") and before is not None:
            if fault == "old":
                return before
            number = frame.sequence if fault.endswith("number") else before.sequence
            return dataclasses.replace(before, exposure_start_ns=frame.exposure_start_ns, sequence=number)
        if fault in ("lower rows of the frame before", "lower rows of another picture"):
            other = self._image((9.0, 9.0, float(frame.sequence)))
            image[row:] = (other if before is None or fault.endswith("picture") else before.image)[row:]
        elif fault.startswith("lower rows"):
            image[row:] = {"black": 0, "grey": 128, "white": 255}[fault.split()[-1]]
        elif fault == "rows shifted":
            image[row : row + 24] = np.roll(image[row : row + 24], int(self._rng.integers(20, 200)), axis=1)
        else:
            image[row : row + 64, 64:192] = self._rng.integers(0, 256, (64, 128, 3))
        return dataclasses.replace(frame, image=image)


class _Mute:
    def __init__(self, exposure: Exposure) -> None:
        self._exposure = exposure

    def read_out(self) -> Frame:
        self._exposure.read_out()
        raise HardwareError("camera: the frame was not delivered")


class Bench:
    """Camera, stage and lamp on one clock, and the steady camera over them."""

    def __init__(
        self,
        spoils: Callable[[int], Fault | None] = lambda _: None,
        lost_s: float = 5.0,
        shutter: str = "global",
        noisy: bool = True,
    ) -> None:
        self.clock, self.cancel, self.light = VirtualClock(), CancelToken(), Light()
        self.table = camera_table(lost_s=lost_s, shutter=shutter)
        self.stage = Stage(self.clock)
        self.camera = self.opened(spoils)
        self.incidents: list[Incident] = []
        self.steady = SteadyCamera(
            self.camera, self.clock, self.cancel, self.table, self.stage, self.light, self.incidents.append, None, noisy
        )

    def opened(self, spoils: Callable[[int], Fault | None]) -> Untrusty:
        stage = self.stage
        return Untrusty(self.clock, self.table, lambda: (stage.x_um, stage.y_um, stage.z_um), self.light, spoils)

    @property
    def causes(self) -> list[str]:
        return [incident.cause for incident in self.incidents]

    def take(self, z_um: float) -> Frame:
        """A frame at a height, read out while the stage stands there."""
        return self.steady.expose(self.stage.go(z_um), 2.0).read_out()

    def is_good(self, frame: Frame) -> bool:
        return id(frame.image) in self.camera.good
