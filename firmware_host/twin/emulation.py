"""The whole emulated scanner, put together: what a profile and a seed make. Also the only holder of the truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from firmware_host.camera.port import Frame
from firmware_host.clock import VirtualClock
from firmware_host.errors import UsageError
from firmware_host.profile import Profile
from firmware_host.profile_tables import TwinTable
from firmware_host.twin.board import EmulatedBoard
from firmware_host.twin.camera import EmulatedCamera
from firmware_host.twin.column import OpticalColumn
from firmware_host.twin.mechanics import Machine
from firmware_host.twin.picture import PictureSection
from firmware_host.twin.pupil import Aberrations, colour_transfers
from firmware_host.twin.section import ProceduralSection, Specimen
from firmware_host.twin.sensor import Sensor, SensorStyle
from firmware_host.twin.slide import draw_surface

CAMERA_WAVELENGTHS_UM = (0.610, 0.545, 0.465)
_COHERENCE = 0.85
_PHASE_RATIO = 0.1


class Emulation:
    """Board, machine, slide, optics and camera on one virtual clock.

    :param seed: of the slide and of all noise; :param slide: an image to lay on the stage instead of a procedural
        section.
    :raises UsageError: the profile has no table [twin], or the image cannot be used.
    """

    def __init__(self, profile: Profile, seed: int, slide: Path | None) -> None:
        if profile.twin is None:
            raise UsageError(f"profile {profile.name}: it has no table [twin], so it cannot be emulated")
        twin = profile.twin
        self.clock = VirtualClock(work_ns={"infer": round(twin.infer_ms * 1e6), "write": round(twin.write_ms * 1e6)})
        self.board = EmulatedBoard(self.clock)
        self.machine = Machine(self.board, profile, twin)
        shape = (profile.camera.height_px, profile.camera.width_px)
        centre_um = _centre(profile, twin, seed)
        self._column = OpticalColumn(
            _specimen(profile, twin, seed, slide, centre_um),
            draw_surface(seed, twin.surface_z_um, centre_um, twin.tilt_um_per_mm, twin.bump_um),
            colour_transfers(
                profile.optics, Aberrations(twin.spherical_waves, _COHERENCE, _PHASE_RATIO), CAMERA_WAVELENGTHS_UM
            ),
            (-twin.chromatic_um / 2, 0.0, twin.chromatic_um / 2),
            shape,
            profile.camera.pixel_um,
        )
        style = SensorStyle(twin.full_well_electrons, twin.read_noise_electrons, twin.vignetting)
        lamp = profile.lamp
        self.camera = EmulatedCamera(
            profile.camera,
            self.clock,
            self._column,
            Sensor(style, shape, seed),
            self.machine.position_um,
            lambda: self.board.duty(lamp.pin) / lamp.duty,
        )

    def focus_error_um(self, frame: Frame) -> float | None:
        """True z of a frame minus the true z of focus there, um; None where nothing can be focused on."""
        x_um, y_um, z_um = self.machine.position_um(frame.exposure_start_ns + frame.exposure_ns // 2)
        focus_um = self._column.focus_z_um(x_um, y_um)
        return None if focus_um is None else z_um - focus_um


def _centre(profile: Profile, twin: TwinTable, seed: int) -> tuple[float, float]:
    """The section's middle in machine coordinates: near the middle of what the stage can reach."""
    jitter = np.random.default_rng([seed, 17]).uniform(-200, 200, 2)
    x_um = (profile.axes.x.soft_min_um + profile.axes.x.soft_max_um) / 2 + twin.x.limit_at_um + jitter[0]
    y_um = (profile.axes.y.soft_min_um + profile.axes.y.soft_max_um) / 2 + twin.y.limit_at_um + jitter[1]
    return float(x_um), float(y_um)


def _specimen(
    profile: Profile, twin: TwinTable, seed: int, slide: Path | None, centre_um: tuple[float, float]
) -> Specimen:
    if slide is not None:
        return PictureSection(slide, seed, profile.camera.pixel_um, centre_um, twin.thickness_um)
    return ProceduralSection(seed, profile.camera.pixel_um, centre_um, twin.tissue_mm * 1e3, twin.thickness_um)
