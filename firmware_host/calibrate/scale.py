"""How far and in which direction the view goes over the slide with each motor step of x and y."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from firmware_host.calibrate.probe import Probe, Vector
from firmware_host.calibrate.shift import Light, Shift
from firmware_host.errors import HardwareError
from firmware_host.profile_tables import AxisName

_HOPS = 24
_FIRST_SHARE = 0.4  # of what cannot be mistaken: the first move, of which nothing is known
_GROWTH = 4
_DOUBT = 0.25  # share of a shift by which what is known of it so far may be wrong
_LEAST_SHARE = 0.2  # of the shift that the profile promises: less is no motion
_LEAST_HOPS = 8
_LARGEST_DOUBT = 0.01
_SURE_PX = 0.02  # what a shift may be off by alike each time


@dataclass(frozen=True)
class Travel:
    """The view's way over the slide per motor step of an axis.

    :param px_per_step: its mean; :param doubt_px: two standard errors of each component.
    :param hops: moves that it was measured by; :param spread: their standard deviation, share of a move.
    :param frames: pictures on the way, in focus.
    """

    px_per_step: Vector
    doubt_px: Vector
    hops: int
    spread: float
    frames: list[Light]

    @property
    def length_px(self) -> float:
        return float(np.hypot(*self.px_per_step))

    @property
    def doubt(self) -> float:
        """Two standard errors of the length, share of it."""
        along = self.px_per_step / self.length_px
        return float(np.hypot(*(along * self.doubt_px))) / self.length_px

    @property
    def doubt_deg(self) -> float:
        """Two standard errors of the direction."""
        across = self.px_per_step[::-1] / self.length_px
        return math.degrees(float(np.hypot(*(across * self.doubt_px))) / self.length_px)


def measure_travel(probe: Probe, axis: AxisName, around_um: float) -> Travel:
    """Moves upward by a quarter of a field each, more than a millimetre in all for most cameras, around a place.

    The first moves are short, as the profile may be wrong by a factor and a grid repeats itself; each tells where to
    look after the next.

    :raises HardwareError: nothing moves, or the moves disagree, or there is no texture.
    """
    table = probe.profile.axes.of(axis)
    step_px = 1 / (table.steps_per_um * probe.profile.camera.pixel_um)
    run_um = _HOPS * probe.hop_px / step_px / table.steps_per_um
    room_um = table.soft_max_um - table.soft_min_um
    run_um = min(run_um, 0.8 * room_um)
    begin_um = min(max(around_um - run_um / 2, table.soft_min_um + 0.1 * room_um), table.soft_max_um - 1.1 * run_um)
    frame = probe.look(probe.rise_to(axis, begin_um))
    px_per_step, frame = _feel_forward(probe, axis, frame, step_px)
    steps = max(1, math.floor(probe.hop_px / np.hypot(*px_per_step)))
    hops, frames = [], [frame]
    for _ in range(max(_LEAST_HOPS, min(_HOPS, int(run_um * table.steps_per_um / steps)))):
        before, frame = frame, probe.look(probe.nudge(axis, steps))
        expected = px_per_step * steps
        shift = probe.gone(before, frame, expected, min(probe.unmistaken_px, 4 + 0.1 * probe.hop_px))
        if shift is not None:
            hops.append((shift.right_px, shift.down_px))
            frames.append(frame)
    if len(hops) < _LEAST_HOPS:
        raise probe.no_texture(axis)
    return _mean(axis, np.array(hops), steps, frames)


def _feel_forward(probe: Probe, axis: AxisName, frame: Light, promised_px: float) -> tuple[Vector, Light]:
    """(pixels per step, the last picture) from moves that grow to the length of a hop."""
    steps = max(1, round(_FIRST_SHARE * probe.unmistaken_px / promised_px))
    reach_px, expected = probe.unmistaken_px, np.zeros(2)
    while True:
        before, frame = frame, probe.look(probe.nudge(axis, steps))
        shift = probe.gone(before, frame, expected, reach_px)
        if shift is None:
            raise probe.no_texture(axis)
        px_per_step = _vector(shift) / steps
        length_px = float(np.hypot(*px_per_step))
        if length_px < _LEAST_SHARE * promised_px:
            raise HardwareError(
                f"axis {axis}: {steps} steps moved the picture by {length_px * steps:.1f} px, the profile promises "
                f"{promised_px * steps:.0f}; check motor, coupling and axes.{axis}.steps_per_um"
            )
        grown = min(steps * _GROWTH, max(1, math.floor(probe.hop_px / length_px)))
        if grown <= steps:
            return px_per_step, frame
        steps, expected = grown, px_per_step * grown
        reach_px = min(probe.unmistaken_px, 4 + _DOUBT * float(np.hypot(*expected)))


def _mean(axis: AxisName, hops: Vector, steps: int, frames: list[Light]) -> Travel:
    mean, deviation = hops.mean(axis=0), hops.std(axis=0, ddof=1)
    length = float(np.hypot(*mean))
    travel = Travel(
        mean / steps,
        np.maximum(2 * deviation / math.sqrt(len(hops)), _SURE_PX) / steps,
        len(hops),
        float(np.hypot(*deviation)) / length,
        frames,
    )
    if travel.doubt > _LARGEST_DOUBT:
        raise HardwareError(
            f"axis {axis}: equal moves went by lengths that vary by {travel.spread:.1%}; check that screw and nut run "
            "free, that no steps are lost (max_speed_um_s, motor current), and that the slide is clamped"
        )
    return travel


def _vector(shift: Shift) -> Vector:
    return np.array([shift.right_px, shift.down_px])


@dataclass(frozen=True)
class Pose:
    """How the camera lies to the stage.

    :param rotation_deg, mirrored: as the profile's keys; :param square_deg: angle from x to y on the slide, about 90.
    """

    rotation_deg: float
    mirrored: bool
    square_deg: float


def pose_of(x: Vector, y: Vector) -> Pose:
    """From the view's way per step of x and of y, (right, down)."""
    mirrored = bool(x[0] * y[1] - x[1] * y[0] < 0)
    x = -x if mirrored else x
    x_deg = math.degrees(math.atan2(x[1], x[0]))
    y_deg = math.degrees(math.atan2(y[1], y[0]))
    corner_deg = (y_deg - x_deg) % 360
    rotation_deg = (x_deg + (corner_deg - 90) / 2 + 180) % 360 - 180
    return Pose(rotation_deg, mirrored, 180 - corner_deg if mirrored else corner_deg)
