"""The whole emulated scanner, put together: what a profile and a seed make. Also the only holder of the truth."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np

from firmware_host.camera.port import Frame
from firmware_host.clock import Clock, VirtualClock
from firmware_host.errors import UsageError
from firmware_host.profile import Profile
from firmware_host.profile_tables import TwinTable, turned
from firmware_host.twin.board import EmulatedBoard
from firmware_host.twin.camera import EmulatedCamera
from firmware_host.twin.column import OpticalColumn
from firmware_host.twin.mechanics import Machine
from firmware_host.twin.micrometer import DotGrid
from firmware_host.twin.picture import PictureSection
from firmware_host.twin.pupil import Aberrations, colour_transfers
from firmware_host.twin.section import ProceduralSection, Specimen
from firmware_host.twin.sensor import Sensor, SensorStyle
from firmware_host.twin.slide import draw_surface

CAMERA_WAVELENGTHS_UM = (0.610, 0.545, 0.465)
_KEPT_EDGES = 500_000  # of each pin, so that a large slide needs no more memory than a small one
_SWUNG_UM = 0.5  # in one exposure: less is the last of a settling stage
_COHERENCE = 0.85
_PHASE_RATIO = 0.1


class EmulatedView:
    """Slide, optics and camera, over a machine that may be in another process.

    The slide's own coordinates run along the rows and columns of the picture, so a camera that is turned or mirrored
    only changes where the stage's travel leads on the slide.

    :param seed: of the slide and of all noise; :param slide: an image to lay on the stage instead of a procedural
        section.
    :param machine_um: (x, y, z) of the stage at a time on the clock; :param lamp: its brightness now, relative to its
        setting.
    :raises UsageError: the profile has no table [twin], or the image cannot be used.
    """

    def __init__(
        self,
        profile: Profile,
        seed: int,
        slide: Path | None,
        clock: Clock,
        machine_um: Callable[[int], tuple[float, float, float]],
        lamp: Callable[[], float],
    ) -> None:
        twin = twin_of(profile)
        self._machine_um = machine_um
        shape = (profile.camera.height_px, profile.camera.width_px)
        pixel_um = twin.pixel_um or profile.camera.pixel_um
        self._twin = twin
        centre_um = self.on_slide(*_centre(profile, twin, seed))
        self.column = OpticalColumn(
            _specimen(twin, seed, slide, pixel_um, centre_um),
            draw_surface(seed, twin.surface_z_um, centre_um, twin.tilt_um_per_mm, twin.bump_um),
            colour_transfers(
                profile.optics, Aberrations(twin.spherical_waves, _COHERENCE, _PHASE_RATIO), CAMERA_WAVELENGTHS_UM
            ),
            (-twin.chromatic_um / 2, 0.0, twin.chromatic_um / 2),
            shape,
            pixel_um,
        )
        style = SensorStyle(twin.full_well_electrons, twin.read_noise_electrons, twin.vignetting)
        self.camera = EmulatedCamera(
            profile.camera,
            clock,
            self.column,
            Sensor(style, shape, seed),
            self._view_um,
            lamp,
            twin.repeatable,
        )

    def focus_error_um(self, frame: Frame) -> float | None:
        """True z of a frame minus the true z of focus there, um; None where nothing can be focused on.

        Of a frame that was exposed while the stage moved: the distance from focus that it looks like.
        """
        moments_ns = (frame.exposure_start_ns + frame.exposure_ns * part // 4 for part in range(5))
        places_um = [self._view_um(moment_ns) for moment_ns in moments_ns]
        x_um, y_um, z_um = places_um[2]
        heights_um = [height_um for *_, height_um in places_um]
        if max(heights_um) - min(heights_um) > _SWUNG_UM:
            return self.column.blur_um(x_um, y_um, heights_um)
        focus_um = self.column.focus_z_um(x_um, y_um)
        return None if focus_um is None else z_um - focus_um

    def _view_um(self, time_ns: int) -> tuple[float, float, float]:
        """The middle of the view on the slide and the height of the stage, um."""
        x_um, y_um, z_um = self._machine_um(time_ns)
        return *self.on_slide(x_um, y_um), z_um

    def on_slide(self, x_um: float, y_um: float) -> tuple[float, float]:
        """The place on the slide, um, that is in the middle of the view with the stage at (x, y)."""
        return turned(-x_um if self._twin.mirrored else x_um, y_um, self._twin.rotation_deg)


class Emulation(EmulatedView):
    """All of it, with board and machine, on one virtual clock. :param seed, slide: as of the view."""

    def __init__(self, profile: Profile, seed: int, slide: Path | None) -> None:
        twin, lamp = twin_of(profile), profile.lamp
        self.clock = VirtualClock(work_ns={"infer": round(twin.infer_ms * 1e6), "write": round(twin.write_ms * 1e6)})
        self.board = EmulatedBoard(self.clock, _KEPT_EDGES)
        self.machine = Machine(self.board, profile, twin)
        self.shades: list[Callable[[], float]] = []
        """What takes light from the lamp: the share that is left, asked at each frame."""

        def brightness() -> float:
            return math.prod((shade() for shade in self.shades), start=self.board.duty(lamp.pin) / lamp.duty)

        super().__init__(profile, seed, slide, self.clock, self.machine.position_um, brightness)


def twin_of(profile: Profile) -> TwinTable:
    """:raises UsageError: the profile has no table [twin]."""
    if profile.twin is None:
        raise UsageError(f"profile {profile.name}: it has no table [twin], so it cannot be emulated")
    return profile.twin


def _centre(profile: Profile, twin: TwinTable, seed: int) -> tuple[float, float]:
    """The section's middle in machine coordinates: near the middle of what the stage can reach."""
    jitter = np.random.default_rng([seed, 17]).uniform(-200, 200, 2)
    x_um = (profile.axes.x.soft_min_um + profile.axes.x.soft_max_um) / 2 + twin.x.limit_at_um + jitter[0]
    y_um = (profile.axes.y.soft_min_um + profile.axes.y.soft_max_um) / 2 + twin.y.limit_at_um + jitter[1]
    return float(x_um), float(y_um)


def _specimen(
    twin: TwinTable, seed: int, slide: Path | None, pixel_um: float, centre_um: tuple[float, float]
) -> Specimen:
    if slide is not None:
        return PictureSection(slide, seed, pixel_um, centre_um, twin.thickness_um)
    if twin.target == "grid":
        return DotGrid(seed, pixel_um, centre_um, twin.grid_um)
    return ProceduralSection(seed, pixel_um, centre_um, twin.tissue_mm * 1e3, twin.thickness_um)
