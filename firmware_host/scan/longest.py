"""How long single steps of a scan may take: upper bounds from the profile, for those who watch over it."""

from __future__ import annotations

from firmware_host.focus.sweep import WIDE_HALF_DOF, WIDE_STEP_DOF
from firmware_host.motion.ramp import move_duration_s
from firmware_host.profile import Profile
from firmware_host.profile_tables import AXES, AxisTable

_RESTART_S = 10.0  # of a camera that stopped sending
_INFER_S = 1.0  # a field's patches on a slow processor
_HOMING_RANGES, _HOMING_CLEARANCES = 1.5, 36  # ways of `Stage.home` at homing speed, at most


def homing_s(profile: Profile) -> float:
    """Until `Stage.home` has succeeded or given up."""
    tables = [profile.axes.of(name) for name in AXES]
    return sum(
        (_HOMING_RANGES * (t.soft_max_um - t.soft_min_um) + _HOMING_CLEARANCES * (2 * t.takeup_um + 10))
        / t.home_speed_um_s
        + 1
        for t in tables
    )


def step_s(profile: Profile) -> float:
    """Between two steps of progress: the longest way, all that focusing may try there, and a camera that must restart.

    That is a wide search and two sweeps for the survey, as many pairs as allowed and two sweeps for a field.
    """
    camera, focus, axes = profile.camera, profile.focus, profile.axes
    dof_um = profile.optics.depth_of_field_um
    sweep = 2 * focus.sweep_half_range_dof / focus.sweep_step_dof + 1
    wide = 2 * WIDE_HALF_DOF / WIDE_STEP_DOF + 1
    pairs = focus.max_repeats + 1
    frames = wide + 2 * sweep + 2 * pairs + 1
    frame_s = (axes.z.settle_ms + camera.exposure_ms + 2 * camera.frame_period_ms + camera.readout_ms) * 1e-3
    rise_um = 2 * (WIDE_HALF_DOF + 2 * focus.sweep_half_range_dof + pairs * focus.delta_dof) * dof_um
    rise_s = 2 * rise_um / axes.z.max_speed_um_s + frames * axes.z.max_speed_um_s / axes.z.max_accel_um_s2
    across_s = max(_whole_way_s(axes.x), _whole_way_s(axes.y))
    return across_s + frames * frame_s + rise_s + pairs * _INFER_S + 2 * camera.timeout_s + camera.lost_s + _RESTART_S


def _whole_way_s(axis: AxisTable) -> float:
    steps = round((axis.soft_max_um - axis.soft_min_um + 2 * axis.takeup_um) * axis.steps_per_um)
    ms = axis.settle_ms * 1e-3
    return (
        move_duration_s(steps, axis.max_speed_um_s * axis.steps_per_um, axis.max_accel_um_s2 * axis.steps_per_um) + ms
    )
