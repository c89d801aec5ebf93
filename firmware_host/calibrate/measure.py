"""Everything that `wsi-host calibrate` measures, in its order. Moves and looks only; writes nothing."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from firmware_host.calibrate import backlash as lash
from firmware_host.calibrate import settling
from firmware_host.calibrate.figure import Figure
from firmware_host.calibrate.focus_curve import find_focus
from firmware_host.calibrate.grid import Lattice, check_pitch, find_lattice
from firmware_host.calibrate.probe import Probe
from firmware_host.calibrate.scale import Pose, Travel, measure_travel, pose_of
from firmware_host.calibrate.shift import Light
from firmware_host.errors import HardwareError
from firmware_host.focus.eye import Eye
from firmware_host.focus.sweep import WIDE_HALF_DOF, WIDE_STEP_DOF, search_wide
from firmware_host.hardware import Scanner
from firmware_host.profile import Profile
from firmware_host.profile_tables import AxisName

Trust = Literal["pixel", "steps"]
Tell = Callable[[str, float], None]
"""Progress: what is being measured, and the share of everything that is done, 0 to 1."""

SIDEWAYS: tuple[AxisName, ...] = ("x", "y")
_FRAMES_PER_LATTICE = 2
_LARGEST_GRID_DOUBT = 0.003
_SURE_GRID = 1e-4  # share: what the pitch of a grid in a picture may be off by alike each time
_LARGEST_SCREWS_APART = 0.02


@dataclass(frozen=True)
class Measured:
    """What came out. Lengths across in um of the grid, or of what was trusted; z in um of its own `steps_per_um`.

    :param pose: how the camera lies to the stage; :param pose_doubt_deg: of its rotation.
    """

    pixel_um: Figure
    pose: Pose
    pose_doubt_deg: float
    steps_per_um: Mapping[AxisName, Figure]
    backlash_um: Mapping[AxisName, Figure]
    settle_ms: Mapping[AxisName, Figure]


def measure(
    scanner: Scanner, eye: Eye, grid_um: float | None, trust: Trust, place_um: tuple[float, float], tell: Tell
) -> Measured:
    """Measure a scanner that is homed, lit and stands over the place, as `place_um` names it.

    :param grid_um: pitch of the calibration slide's grid; None: one of the profile's lengths is trusted.
    :raises HardwareError: nothing to focus on, no texture, no grid, or repeats that disagree; which, and what to do.
    """
    profile = scanner.profile
    if grid_um is not None:
        check_pitch(grid_um, profile.camera.pixel_um, scanner.camera.shape)
    probe = Probe(scanner, eye)
    tell("focus", 0.0)
    focus_um = find_focus(probe, *_rough_focus(scanner, eye))
    frame = probe.look(probe.rise_to("z", focus_um))
    lattices = _lattices([frame], grid_um, profile.camera.pixel_um)
    probe.period_px = lattices[0].pitch_px if lattices else None
    tell("settling and backlash of z", 0.1)
    settle: dict[AxisName, Figure] = {"z": settling.measure_upright(probe, focus_um)}
    probe.settle_ms["z"] = settle["z"].value
    backlash: dict[AxisName, Figure] = {"z": _in_um(lash.measure_upright(probe, focus_um), probe.steps_per_um("z"))}
    probe.rise_to("z", focus_um)
    travels: dict[AxisName, Travel] = {}
    for axis, around_um in zip(SIDEWAYS, place_um, strict=True):
        tell(f"steps of {axis}", 0.3 + 0.1 * len(travels))
        travels[axis] = measure_travel(probe, axis, around_um)
        probe.rise_to(axis, around_um)
        lattices += _lattices(travels[axis].frames[::_FRAMES_PER_LATTICE], grid_um, profile.camera.pixel_um)
    pixel_um = pixel_pitch(profile, travels, lattices, grid_um, trust)
    trusted = profile if grid_um is None and trust == "steps" else None
    steps_per_um = {axis: steps_of(axis, travel, pixel_um, trusted) for axis, travel in travels.items()}
    for axis, around_um in zip(SIDEWAYS, place_um, strict=True):
        tell(f"settling and backlash of {axis}", 0.5 if axis == "x" else 0.75)
        px_per_step = travels[axis].px_per_step
        settle[axis] = settling.measure_sideways(probe, axis, px_per_step)
        probe.settle_ms[axis] = settle[axis].value
        found = lash.measure_sideways(probe, axis, px_per_step, around_um)
        probe.rise_to(axis, around_um)
        backlash[axis] = _in_um(found, steps_per_um[axis].value)
    tell("done", 1.0)
    return Measured(
        pixel_um=pixel_um,
        pose=pose_of(travels["x"].px_per_step, travels["y"].px_per_step),
        pose_doubt_deg=math.hypot(*(travel.doubt_deg for travel in travels.values())) / 2,
        steps_per_um=steps_per_um,
        backlash_um=backlash,
        settle_ms=settle,
    )


def _lattices(frames: Sequence[Light], grid_um: float | None, pixel_um: float) -> list[Lattice]:
    return [] if grid_um is None else [find_lattice(frame, grid_um, pixel_um) for frame in frames]


def _rough_focus(scanner: Scanner, eye: Eye) -> tuple[float, float]:
    """(z of focus, how far off that may be), um, without any knowledge."""
    z, dof_um = scanner.profile.axes.z, scanner.profile.optics.depth_of_field_um
    middle_um = (z.soft_min_um + z.soft_max_um) / 2
    rough_um = search_wide(scanner.stage, eye, middle_um, WIDE_HALF_DOF * dof_um, WIDE_STEP_DOF * dof_um)
    if rough_um is None:
        raise HardwareError(
            f"calibrate: nothing sharp within {WIDE_HALF_DOF * dof_um:.0f} um of z = {middle_um:.0f} um; lay in a "
            "slide, choose a place full of detail (--x, --y), check the lamp and the height of the slide"
        )
    return rough_um, WIDE_STEP_DOF * dof_um


def pixel_pitch(
    profile: Profile,
    travels: Mapping[AxisName, Travel],
    lattices: Sequence[Lattice],
    grid_um: float | None,
    trust: Trust,
) -> Figure:
    """Pixel pitch on the slide, um: by the grid, as the profile has it, or by the profile's steps.

    :raises HardwareError: views of the grid disagree, or the steps of x and of y.
    """
    if grid_um is not None:
        pitches = [grid_um / lattice.pitch_px for lattice in lattices]
        pixel_um = statistics.fmean(pitches)
        spread = statistics.stdev(pitches) / pixel_um
        if spread > _LARGEST_GRID_DOUBT:
            raise HardwareError(
                f"the grid's pitch varies by {spread:.1%} between views; check that the slide lies flat and is in focus"
            )
        return Figure(pixel_um, pixel_um * max(2 * spread / math.sqrt(len(pitches)), _SURE_GRID))
    if trust == "pixel":
        return Figure(profile.camera.pixel_um, 0.0)
    pitches = [1 / (travels[axis].length_px * profile.axes.of(axis).steps_per_um) for axis in SIDEWAYS]
    apart = abs(pitches[0] / pitches[1] - 1)
    if apart > _LARGEST_SCREWS_APART:
        raise HardwareError(
            f"--trust steps: by the steps of x a pixel is {pitches[0]:.4g} um, by those of y {pitches[1]:.4g} um; one "
            "of the two steps_per_um is wrong: use --grid-um or --trust pixel"
        )
    doubts = [pitch * travels[axis].doubt for axis, pitch in zip(SIDEWAYS, pitches, strict=True)]
    return Figure(statistics.fmean(pitches), max(math.hypot(*doubts) / 2, abs(pitches[0] - pitches[1]) / 2))


def steps_of(axis: AxisName, travel: Travel, pixel_um: Figure, trusted: Profile | None) -> Figure:
    """Motor steps per um of an axis. :param trusted: whose steps are right already; None: they are measured."""
    if trusted is not None:
        return Figure(trusted.axes.of(axis).steps_per_um, 0.0)
    value = 1 / (travel.length_px * pixel_um.value)
    return Figure(value, value * math.hypot(travel.doubt, pixel_um.doubt / pixel_um.value))


def _in_um(steps: Figure, steps_per_um: float) -> Figure:
    return Figure(steps.value / steps_per_um, steps.doubt / steps_per_um)
