"""From what was measured to what the profile says from then on. Pure functions; no text, no hardware."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from firmware_host.calibrate.measure import SIDEWAYS, Measured
from firmware_host.calibrate.profile_text import Value
from firmware_host.errors import HardwareError
from firmware_host.profile import Profile
from firmware_host.profile_tables import AXES, AxisName

_ENOUGH, _AMPLE = 1.5, 2.0  # times the backlash: a take-up that is kept; one that is made
_MOST_TAKEUP_UM = 500.0  # the profile's own limit
_TAKEUP_GRAIN_UM = 0.5
_SETTLE_MARGIN = 1.25
_LEAST_SETTLE_MS = 5.0
_FARTHER = 0.002  # share of an axis's range by which it may reach farther than before
_FARTHEST_TURN_DEG = 10.0
_NOT_SQUARE_DEG = 0.2


@dataclass(frozen=True)
class Change:
    """One value of the profile. :param before: None where the profile did not say.

    :param doubt: of what was measured, in the value's unit; None where the value follows from others.
    """

    key: str
    unit: str
    before: Value | None
    after: Value
    doubt: float | None

    @property
    def changed(self) -> bool:
        return self.before != self.after


def changes(profile: Profile, measured: Measured) -> list[Change]:
    """All values that the measurement sets, changed or not.

    :raises HardwareError: no profile can hold what was measured.
    """
    camera, pose = profile.camera, measured.pose
    _refuse_turn(pose.rotation_deg)
    rotation_deg = round(pose.rotation_deg, 3) + 0.0  # not minus zero
    made = [
        Change("camera.pixel_um", "um", camera.pixel_um, _digits(measured.pixel_um.value), measured.pixel_um.doubt),
        Change("camera.rotation_deg", "deg", camera.rotation_deg, rotation_deg, measured.pose_doubt_deg),
        Change("camera.mirrored", "", camera.mirrored, pose.mirrored, None),
    ]
    for axis in AXES:
        made += _of_axis(profile, axis, measured)
    return made


def present(profile: Profile) -> dict[str, Value]:
    """What the profile says now of all that `changes` may change."""
    values: dict[str, Value | None] = {
        f"camera.{key}": getattr(profile.camera, key) for key in ("pixel_um", "rotation_deg", "mirrored")
    }
    for axis in AXES:
        for key in ("steps_per_um", "backlash_um", "takeup_um", "settle_ms", "soft_max_um"):
            values[f"axes.{axis}.{key}"] = getattr(profile.axes.of(axis), key)
    return {key: value for key, value in values.items() if value is not None}


def notes(profile: Profile, measured: Measured, made: list[Change]) -> list[str]:
    """What the user should know beside the values."""
    z = profile.axes.z.steps_per_um
    told = [f"z: its steps_per_um stays {z:g}, as pictures do not show heights; lengths along z are by it"]
    if abs(measured.pose.square_deg - 90) > _NOT_SQUARE_DEG:
        told.append(
            f"x and y are not square to each other ({measured.pose.square_deg:.2f} degrees), which no profile mends: "
            "tiles far apart are laid beside their place; mend the stage"
        )
    if (least := least_overlap(profile, measured.pose.rotation_deg)) > profile.scan.overlap:
        told.append(
            f"fields leave holes: turned by {measured.pose.rotation_deg:.1f} degrees they need scan.overlap of at "
            f"least {math.ceil(least * 100) / 100:.2f}; turn the camera, or raise it"
        )
    told += [
        f"{change.key} is lowered, so that the motor goes no farther than before"
        for change in made
        if change.key.endswith("soft_max_um")
    ]
    return told


def least_overlap(profile: Profile, rotation_deg: float) -> float:
    """Share of overlap from which fields that are turned against their grid leave no hole where four of them meet.

    With o the overlap and w, h the field, the hole is gone when w >= (1-o)·(w·cos + h·sin), or the same for h.
    """
    turn = math.radians(abs((rotation_deg + 90) % 180 - 90))
    width, height = profile.camera.width_px, profile.camera.height_px
    cosine, sine = math.cos(turn), math.sin(turn)
    return max(0.0, 1 - max(1 / (cosine + sine * height / width), 1 / (cosine + sine * width / height)))


def _of_axis(profile: Profile, axis: AxisName, measured: Measured) -> Iterator[Change]:
    table = profile.axes.of(axis)
    begin = f"axes.{axis}."
    steps_per_um = table.steps_per_um
    if axis in SIDEWAYS:
        figure = measured.steps_per_um[axis]
        steps_per_um = _digits(figure.value)
        yield Change(begin + "steps_per_um", "/um", table.steps_per_um, steps_per_um, figure.doubt)
    backlash = measured.backlash_um[axis]
    yield Change(begin + "backlash_um", "um", table.backlash_um, round(backlash.value, 3), backlash.doubt)
    takeup_um = _takeup_um(axis, table.takeup_um, backlash.value + backlash.doubt)
    yield Change(begin + "takeup_um", "um", table.takeup_um, takeup_um, None)
    settle = measured.settle_ms[axis]
    settle_ms = math.ceil(max(settle.value * _SETTLE_MARGIN, _LEAST_SETTLE_MS))
    yield Change(begin + "settle_ms", "ms", table.settle_ms, settle_ms, settle.doubt)
    # The zero lies 2 take-ups above the switch (`Axis.zero_above_switch_um`): no more motor steps than before.
    farthest_steps = (2 * table.takeup_um + table.soft_max_um + 10) * table.steps_per_um
    soft_max_um = math.floor(farthest_steps / steps_per_um - 2 * takeup_um - 10)
    if table.soft_max_um - soft_max_um > _FARTHER * (table.soft_max_um - table.soft_min_um) + 1:
        yield Change(begin + "soft_max_um", "um", table.soft_max_um, soft_max_um, None)


def _takeup_um(axis: AxisName, now_um: float, backlash_um: float) -> float:
    """The present take-up where it is enough, else an ample one."""
    if now_um >= _ENOUGH * backlash_um and now_um > 0:
        return now_um
    takeup_um = math.ceil(_AMPLE * backlash_um / _TAKEUP_GRAIN_UM) * _TAKEUP_GRAIN_UM
    if takeup_um > _MOST_TAKEUP_UM:
        raise HardwareError(
            f"axis {axis}: a backlash of {backlash_um:.0f} um is more than takeup_um can hold; tighten nut and coupling"
        )
    return takeup_um


def _refuse_turn(rotation_deg: float) -> None:
    turn_deg = (rotation_deg + 90) % 180 - 90
    if abs(turn_deg) > _FARTHEST_TURN_DEG:
        raise HardwareError(
            f"camera: it is turned by {turn_deg:.1f} degrees against the stage; turn it to within "
            f"{_FARTHEST_TURN_DEG:g} degrees, as fields would leave holes, and calibrate again"
        )


def _digits(value: float) -> float:
    return float(f"{value:.5g}")
