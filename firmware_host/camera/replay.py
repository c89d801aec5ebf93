"""A camera that shows recorded z-stacks, so that the focus loop runs on one's own slides without a scanner.

The stage is emulated and goes where it is sent; what is seen there is the nearest plane of the position's stack,
nothing in between. The lamp, backlash, and moves sideways within a field change nothing.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from firmware_host.camera.pace import InFlight, Pace
from firmware_host.camera.port import Exposure, Frame
from firmware_host.clock import Clock
from firmware_host.errors import HardwareError, UsageError
from firmware_host.optics import Objective
from firmware_host.profile_tables import CameraTable
from firmware_host.stack_folder import SUFFIXES, read_height_nm, read_optics

_KEPT_PLANES = 32
_KEPT_HEIGHTS = 1000
_SAME_OPTICS = 0.05


@dataclass(frozen=True)
class Recording:
    """One position. :param heights_um: of its planes relative to focus, rising; :param planes: their files."""

    name: str
    heights_um: NDArray[np.float64]
    planes: tuple[Path, ...]

    def nearest(self, height_um: float) -> int:
        """Number of the plane nearest to a height.

        :raises HardwareError: the height lies further outside of the recording than its planes lie apart.
        """
        index = int(np.argmin(np.abs(self.heights_um - height_um)))
        spacing_um = float(np.diff(self.heights_um).max()) if len(self.heights_um) > 1 else 0.0
        if abs(self.heights_um[index] - height_um) > max(spacing_um, 1e-3):
            raise HardwareError(
                f"camera: recording {self.name} holds heights from {self.heights_um[0]:g} to {self.heights_um[-1]:g} "
                f"um around focus, and the stage stands at {height_um:.2f} um; record more planes, or narrow "
                "axes.z.soft_min_um and soft_max_um to them"
            )
        return index


def read_recordings(folder: Path, table: CameraTable, optics: Objective) -> list[Recording]:
    """The positions in a folder, by name: the folder itself, or the folders in it.

    :raises UsageError: there is none, or a plane's height, size or optics are not there or not the profile's.
    """
    if not folder.is_dir():
        raise UsageError(f"camera.source {folder}: no such folder; name one with a z-stack, or with a folder for each")
    folders = [folder, *sorted(each for each in folder.iterdir() if each.is_dir())]
    recordings = [_recording(each, table, optics) for each in folders if _planes(each)]
    if not recordings:
        raise UsageError(f"camera.source {folder}: no planes ({', '.join(sorted(SUFFIXES))}) in it or a folder below")
    return recordings


class ReplayCamera:
    """Recorded positions in a square, field by field, and again and again beyond it; z = `focus_z_um` is their focus.

    :param place: (x, y, z) of the stage now, um. It does not move while a frame is exposed.
    :param focus_z_um: the stage's z at which a plane of height 0 is seen.
    """

    def __init__(
        self,
        table: CameraTable,
        clock: Clock,
        recordings: list[Recording],
        place: Callable[[], tuple[float, float, float]],
        focus_z_um: float,
    ) -> None:
        self._clock = clock
        self._pace = Pace(table, clock)
        self._shape = (table.height_px, table.width_px)
        self._field_um = (table.width_px * table.pixel_um, table.height_px * table.pixel_um)
        self._recordings = recordings
        self._place = place
        self._focus_z_um = focus_z_um
        self._heights_um: dict[int, float] = {}
        self._load = functools.lru_cache(_KEPT_PLANES)(_image)

    @property
    def shape(self) -> tuple[int, int]:
        return self._shape

    def expose(self, not_before_ns: int, timeout_s: float) -> Exposure:
        shot = self._pace.expose(not_before_ns, timeout_s)
        recording, index = self._seen()
        self._remember(shot.sequence, float(recording.heights_um[index]))
        image = self._load(recording.planes[index]).copy()
        if image.shape != (*self._shape, 3):
            raise HardwareError(f"camera: recording {recording.name} changed while it was played")
        frame = Frame(image, shot.start_ns, self._pace.exposure_ns, shot.sequence)
        return InFlight(self._clock, frame, shot.delivered_ns)

    def close(self) -> None:
        self._pace.close()

    def focus_error_um(self, frame: Frame) -> float:
        """The recorded height of a frame's plane, of the last thousand: how far it was taken from focus."""
        return self._heights_um[frame.sequence]

    def _remember(self, sequence: int, height_um: float) -> None:
        self._heights_um[sequence] = height_um
        if len(self._heights_um) > _KEPT_HEIGHTS:
            del self._heights_um[next(iter(self._heights_um))]

    def _seen(self) -> tuple[Recording, int]:
        x_um, y_um, z_um = self._place()
        side = math.ceil(math.sqrt(len(self._recordings)))
        column, row = (math.floor(at / size) % side for at, size in zip((x_um, y_um), self._field_um, strict=True))
        recording = self._recordings[(row * side + column) % len(self._recordings)]
        return recording, recording.nearest(z_um - self._focus_z_um)


def _planes(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES]


def _recording(folder: Path, table: CameraTable, optics: Objective) -> Recording:
    taken_with = read_optics(folder)
    if taken_with is not None:
        for what, recorded, ours in (
            ("um per pixel", taken_with.pixel_um, table.pixel_um),
            ("aperture", taken_with.optics.na, optics.na),
        ):
            if abs(recorded / ours - 1) > _SAME_OPTICS:
                raise UsageError(f"recording {folder}: its {what} is {recorded:g}, the profile's {ours:g}")
    planes = sorted((_height_um(path), path) for path in _planes(folder))
    for _, path in planes:
        with Image.open(path) as image:
            if image.size != (table.width_px, table.height_px):
                raise UsageError(
                    f"plane {path}: {image.size[0]} x {image.size[1]} pixels; the profile's camera has "
                    f"{table.width_px} x {table.height_px}"
                )
    return Recording(folder.name, np.array([height for height, _ in planes]), tuple(path for _, path in planes))


def _height_um(path: Path) -> float:
    try:
        return read_height_nm(path) / 1000
    except ValueError as error:
        raise UsageError(f"plane {path}: {error}") from error


def _image(path: Path) -> NDArray[np.uint8]:
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))
    except OSError as error:
        raise HardwareError(f"camera: plane {path} cannot be read: {error}") from error
