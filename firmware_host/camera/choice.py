"""Which driver serves the camera of this machine."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

from firmware_host.camera.opencv import OpenCvCamera
from firmware_host.camera.picamera2 import PiCamera
from firmware_host.camera.port import Camera
from firmware_host.camera.replay import ReplayCamera, read_recordings
from firmware_host.clock import Clock
from firmware_host.profile import Profile
from firmware_host.profile_tables import CameraTable, HardwareTable


def open_camera(hardware: HardwareTable, table: CameraTable, clock: Clock) -> Camera:
    """The real camera that the profile names.

    :raises HardwareError: its library is missing, or it does not do what the profile asks for. :raises UsageError:
        `camera.source` cannot be used. :raises ValueError: the camera is emulated, or a recording.
    """
    if hardware.camera == "picamera2":
        return PiCamera(table, clock)
    if hardware.camera == "opencv":
        return OpenCvCamera(table, clock)
    raise ValueError("an emulated camera and a recording belong to an emulation")


def reopener(hardware: HardwareTable, table: CameraTable, clock: Clock) -> Callable[[], Camera] | None:
    """What opens the real camera once more, after the one before was closed; None where there is nothing to open."""
    if hardware.camera in ("emulated", "replay"):
        return None
    return functools.partial(open_camera, hardware, table, clock)


def open_replay(profile: Profile, clock: Clock, place: Callable[[], tuple[float, float, float]]) -> ReplayCamera:
    """The recordings at `camera.source`, in focus at the middle of the z axis's range.

    :param place: (x, y, z) of the stage now, um.
    :raises UsageError: there are none, or they do not fit the profile.
    """
    z = profile.axes.z
    recordings = read_recordings(Path(profile.camera.source), profile.camera, profile.optics)
    return ReplayCamera(profile.camera, clock, recordings, place, (z.soft_min_um + z.soft_max_um) / 2)
