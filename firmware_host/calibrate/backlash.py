"""How many motor steps each axis turns before it moves again the other way."""

from __future__ import annotations

import math

import numpy as np

from firmware_host.calibrate.figure import Figure
from firmware_host.calibrate.focus_curve import dof_steps, offset_steps, take_curve, wing_steps
from firmware_host.calibrate.probe import Probe, Vector
from firmware_host.errors import HardwareError
from firmware_host.profile_tables import AxisName

_CYCLES = 3
_STILL_TURNING_PX = 0.5  # a hop that is shorter than asked for by more is not yet free of backlash
_HOP_SHARE = 0.8  # of what cannot be mistaken, so that a hop lies between nothing and this
_SURE_PX = 0.05  # better agreement is chance
_SURE_DOF = 0.02
_LARGEST_DOUBT_UM = 0.5
_LARGEST_DOUBT_DOF = 0.5


def measure_sideways(probe: Probe, axis: AxisName, px_per_step: Vector, around_um: float) -> Figure:
    """Turn back in short moves until the picture follows in full; what it did not follow is the backlash.

    Three times down and three times up, from places a part of a move apart, as motors' microsteps are not even.

    :returns: motor steps.
    :raises HardwareError: more than three times `takeup_um`, no texture, or repeats that disagree.
    """
    length_px = float(np.hypot(*px_per_step))
    steps = max(2, round(_HOP_SHARE * probe.unmistaken_px / length_px))
    settled_ns = probe.rise_to(axis, around_um)
    found = []
    for cycle in range(_CYCLES):
        settled_ns = probe.nudge(axis, 1 + cycle * steps // _CYCLES)
        for way in (-1, 1):
            turned, settled_ns = _turn(probe, axis, way * steps, px_per_step, settled_ns)
            found.append(turned)
    doubt = 2 * float(np.std(found, ddof=1)) / math.sqrt(len(found))
    if doubt / probe.steps_per_um(axis) > _LARGEST_DOUBT_UM:
        raise _disagree(probe, axis, found)
    return Figure(max(float(np.mean(found)), 0.0), max(doubt, _SURE_PX / length_px))


def _turn(probe: Probe, axis: AxisName, steps: int, px_per_step: Vector, settled_ns: int) -> tuple[float, int]:
    """Steps that the picture did not follow, from a place that was reached the other way; and when it settled."""
    length_px = float(np.hypot(*px_per_step))
    along = px_per_step / length_px
    way = px_per_step * steps
    lost, followed = 0.0, 0
    frame = probe.look(settled_ns)
    for _ in range(math.ceil(probe.sure_steps(axis) / abs(steps)) + 2):
        settled_ns = probe.nudge(axis, steps)
        before, frame = frame, probe.look(settled_ns)
        shift = probe.gone(before, frame, way / 2, float(np.hypot(*way)) / 2 + 2)
        if shift is None:
            raise probe.no_texture(axis)
        moved_px = abs(float(along @ np.array([shift.right_px, shift.down_px])))
        lost += abs(steps) - moved_px / length_px
        followed = followed + 1 if moved_px > abs(steps) * length_px - _STILL_TURNING_PX else 0
        if followed == 2:
            return lost, settled_ns
    raise probe.too_loose(axis)


def measure_upright(probe: Probe, focus_um: float) -> Figure:
    """Focus curves taken upwards and downwards in turn: the counter's difference between their tops.

    The frame grows as it warms: of curves up, down, up and down the differences are weighed 1, 2, 1, which an even
    drift does not change.

    :param focus_um: z of focus, reached from below.
    :returns: motor steps.
    :raises HardwareError: more than three times `takeup_um`, or curves that disagree.
    """
    wing, focus = wing_steps(probe), round(focus_um * probe.steps_per_um("z"))
    up, down, again, last = (take_curve(probe, focus - way * wing, way, 2 * wing) for way in (1, -1, 1, -1))
    found = [offset_steps(*pair, wing) for pair in ((up, down), (again, down), (again, last))]
    doubt, dof = abs(found[0] - found[2]), dof_steps(probe)
    if doubt > max(_LARGEST_DOUBT_UM * probe.steps_per_um("z"), _LARGEST_DOUBT_DOF * dof):
        raise _disagree(probe, "z", found)
    return Figure(max((found[0] + 2 * found[1] + found[2]) / 4, 0.0), max(doubt, _SURE_DOF * dof))


def _disagree(probe: Probe, axis: AxisName, found: list[float]) -> HardwareError:
    values = ", ".join(f"{steps / probe.steps_per_um(axis):.2f}" for steps in found)
    return HardwareError(
        f"axis {axis}: the backlash came out differently each time: {values} um; check that nut, coupling and slide "
        "are tight, and that nothing vibrates"
    )
