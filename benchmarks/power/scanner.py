"""A scanner for many short scans: the twin with small frames and short ways, that does the same thing each time.

A place that was seen once is remembered with its picture, since making pictures is what a scan on the twin takes
longest for. A picture at another place, by a nanometre, is made anew.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from firmware_host.camera.pace import InFlight, Pace
from firmware_host.camera.port import Exposure, Frame
from firmware_host.cancel import CancelToken
from firmware_host.disk import Disk, LocalDisk
from firmware_host.hardware import Scanner, over_emulation
from firmware_host.profile import Profile, load_profile
from firmware_host.profile_tables import AXES, AxisTable
from firmware_host.twin.emulation import Emulation

FRAME_PX = 288
"""The least that holds the four patches which a field is judged by."""
_STAGE_UM = {"x": 600.0, "y": 500.0, "z": 140.0}
_START_UM = {"x": -150.0, "y": -150.0, "z": -20.0}
_STEPS_PER_UM = {"x": 0.8, "y": 0.8, "z": 20.0}

Place = tuple[int, int, int]
"""Of the stage in the middle of an exposure, nm."""


def small_profile() -> Profile:
    """The shipped emulated scanner, made small, and its twin repeatable."""
    shipped = load_profile("emulated")
    assert shipped.twin is not None
    axes: dict[str, AxisTable] = {
        name: shipped.axes.of(name).model_copy(
            update={"soft_max_um": _STAGE_UM[name], "steps_per_um": _STEPS_PER_UM[name]}
        )
        for name in AXES
    }
    machine = {name: getattr(shipped.twin, name).model_copy(update={"start_um": _START_UM[name]}) for name in AXES}
    twin = {"repeatable": True, "tissue_mm": 0.6, "surface_z_um": 70.0}
    return shipped.model_copy(
        update={
            "camera": shipped.camera.model_copy(update={"width_px": FRAME_PX, "height_px": FRAME_PX}),
            "axes": shipped.axes.model_copy(update=axes),
            "focus": shipped.focus.model_copy(update={"patches": 4}),
            "health": shipped.health.model_copy(update={"disk_floor_mb": 0.0}),
            "twin": shipped.twin.model_copy(update=machine | twin),
        }
    )


class Memory:
    """What was seen where: pictures, and how far from focus they are, in um (NaN: nothing to focus on)."""

    def __init__(self) -> None:
        self.pictures: dict[Place, NDArray[np.uint8]] = {}
        self.errors_um: dict[Place, float] = {}

    def save(self, path: Path) -> None:
        np.savez(
            path,
            places=np.array(list(self.pictures), np.int64).reshape(-1, 3),
            pictures=np.array(list(self.pictures.values()), np.uint8),
            judged=np.array(list(self.errors_um), np.int64).reshape(-1, 3),
            errors_um=np.array(list(self.errors_um.values())),
        )

    @classmethod
    def load(cls, path: Path) -> Memory:
        memory = cls()
        with np.load(path, allow_pickle=False) as saved:
            memory.pictures = dict(zip(map(_place, saved["places"]), saved["pictures"], strict=True))
            memory.errors_um = dict(zip(map(_place, saved["judged"]), saved["errors_um"].tolist(), strict=True))
        return memory


def _place(row: NDArray[np.int64]) -> Place:
    x, y, z = (int(each) for each in row)
    return x, y, z


class RememberingCamera:
    """The emulated camera; where it has looked before, it shows what it saw then."""

    def __init__(self, profile: Profile, emulation: Emulation, memory: Memory) -> None:
        self.shape = emulation.camera.shape
        self._emulation = emulation
        self._memory = memory
        self._exposure_ns = round(profile.camera.exposure_ms * 1e6)
        self._pace = Pace(profile.camera, emulation.clock)
        self._taken = 0

    def expose(self, not_before_ns: int, timeout_s: float) -> Exposure:
        place = self.place(max(not_before_ns, self._emulation.clock.now_ns()))
        picture = self._memory.pictures.get(place)
        number, self._taken = self._taken, self._taken + 1
        if picture is None:
            return _Kept(self._emulation.camera.expose(not_before_ns, timeout_s), place, number, self._memory)
        shot = self._pace.expose(not_before_ns, timeout_s)
        frame = Frame(picture, shot.start_ns, self._exposure_ns, number)
        return InFlight(self._emulation.clock, frame, shot.delivered_ns)

    def close(self) -> None:
        self._emulation.camera.close()

    def place(self, start_ns: int) -> Place:
        """Of an exposure that begins then, as long as nothing is told to move meanwhile."""
        x_um, y_um, z_um = self._emulation.machine.position_um(start_ns + self._exposure_ns // 2)
        return round(x_um * 1e3), round(y_um * 1e3), round(z_um * 1e3)

    def error_um(self, frame: Frame) -> float | None:
        """`Emulation.focus_error_um`, remembered too."""
        place = self.place(frame.exposure_start_ns)
        if place not in self._memory.errors_um:
            error_um = self._emulation.focus_error_um(frame)
            self._memory.errors_um[place] = np.nan if error_um is None else error_um
        known = self._memory.errors_um[place]
        return None if np.isnan(known) else known


@dataclass(frozen=True)
class _Kept:
    """An exposure whose picture is remembered."""

    exposure: Exposure
    place: Place
    number: int
    memory: Memory

    def read_out(self) -> Frame:
        frame = replace(self.exposure.read_out(), sequence=self.number)
        self.memory.pictures[self.place] = frame.image
        return frame


When = Literal["before", "amid", "after"]
WHENS: tuple[When, ...] = get_args(When)


@dataclass
class MortalDisk:
    """The disk of a process that ends, without a word, at one of the calls that its scan makes of it.

    :param call: which one, 1 is the first; None: never. :param when: amid: with the first half of it written.
    """

    call: int | None
    when: When
    disk: Disk
    calls: int = 0

    def write_whole(self, path: Path, content: bytes) -> None:
        part = path.with_name(f".{path.name}.part")
        self._do(lambda: self.disk.write_whole(path, content), lambda: part.write_bytes(content[: len(content) // 2]))

    def append(self, path: Path, content: bytes) -> None:
        self._do(lambda: self.disk.append(path, content), lambda: _append(path, content[: len(content) // 2]))

    def truncate(self, path: Path, size: int) -> None:
        self._do(lambda: self.disk.truncate(path, size), lambda: None)

    def free_bytes(self, folder: Path) -> int:
        return self.disk.free_bytes(folder)

    def _do(self, whole: Callable[[], None], half: Callable[[], object]) -> None:
        self.calls += 1
        if self.calls == self.call and self.when != "after":
            if self.when == "amid":
                half()
            die()
        whole()
        if self.calls == self.call:
            die()


def _append(path: Path, content: bytes) -> None:
    with path.open("ab") as file:
        file.write(content)


def die() -> None:
    """As by SIGKILL from outside."""
    os.kill(os.getpid(), signal.SIGKILL)


def open_small(profile: Profile, emulation: Emulation, memory: Memory, disk: Disk | None = None) -> Scanner:
    """The scanner over an emulation that nothing has moved yet."""
    camera = RememberingCamera(profile, emulation, memory)
    scanner = over_emulation(profile, emulation, CancelToken())
    return replace(scanner, camera=camera, truth=camera.error_um, disk=disk or LocalDisk())
