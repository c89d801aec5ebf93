"""How long after its last step an axis still trembles, as pictures show it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from firmware_host.calibrate.figure import Figure
from firmware_host.calibrate.focus_curve import log_sharpness
from firmware_host.calibrate.probe import Probe, Vector
from firmware_host.calibrate.shift import Light
from firmware_host.errors import HardwareError
from firmware_host.focus.contrast import brenner
from firmware_host.profile_tables import AxisName

_FIRST_MS, _RATIO = 2.0, 1.25
_LEAST_RANGE_MS, _RANGE = 100.0, 2.0  # how long after a move is looked at: this, or so many times settle_ms
_RESTED = 3  # times that range: surely still
_TRIES = 3  # the range is doubled where an axis still trembles at its end

_STILL_PX = 0.25
_AS_SHARP = 0.03  # share of Brenner's measure
_STILL_DOF = 0.125

_FLANK_DOF = 0.7  # above focus: where sharpness changes most with z
_RISE_DOF = 6.0


def measure_sideways(probe: Probe, axis: AxisName, px_per_step: Vector) -> Figure:
    """Moves upward by a quarter of a field, each looked at once, ever later: shifted and as sharp as later on?

    :returns: ms from the end of the move; exposures that began then or later show a still picture. The doubt is by how
        much it may be less: the time back to the last exposure that showed it trembling.
    :raises HardwareError: it never comes to rest.
    """
    steps = max(probe.sure_steps(axis), math.floor(probe.hop_px / float(np.hypot(*px_per_step))))

    def trembles(late: Light, rested: Light) -> bool:
        shift = probe.gone(rested, late, np.zeros(2), probe.unmistaken_px)
        if shift is None or math.hypot(shift.right_px, shift.down_px) > _STILL_PX:
            return True
        return abs(brenner(late) / brenner(rested) - 1) > _AS_SHARP

    return _measure(probe, axis, steps, trembles)


def measure_upright(probe: Probe, focus_um: float) -> Figure:
    """The same for z, standing a little above focus, where sharpness tells of the height."""
    dof_um, spu = probe.profile.optics.depth_of_field_um, probe.steps_per_um("z")
    levels = []
    for share in (0.5, 1.5):
        levels.append(log_sharpness(probe.look(probe.rise_to("z", focus_um + share * _FLANK_DOF * dof_um))))
    per_dof = (levels[1] - levels[0]) / _FLANK_DOF
    if per_dof > -0.05:
        raise HardwareError(
            "axis z: the picture stays as sharp above focus; choose a place with more detail (--x, --y)"
        )
    probe.rise_to("z", focus_um + _FLANK_DOF * dof_um)
    steps = max(20, round(_RISE_DOF * dof_um * spu), probe.sure_steps("z"))
    return _measure(
        probe,
        "z",
        steps,
        lambda late, rested: abs((log_sharpness(late) - log_sharpness(rested)) / per_dof) > _STILL_DOF,
    )


def _measure(probe: Probe, axis: AxisName, steps: int, trembles: Callable[[Light, Light], bool]) -> Figure:
    """Down and up again by `steps`, to the same place, for each of the times after the move."""
    range_ms = max(_LEAST_RANGE_MS, _RANGE * probe.profile.axes.of(axis).settle_ms)
    for _ in range(_TRIES):
        seen = []
        for wanted_ms in _times_ms(range_ms):
            probe.nudge(axis, -steps)
            probe.wait_until_settled()
            ended_ns = probe.step_out(axis, steps)
            late, began_ns = probe.look_late(ended_ns + round(wanted_ms * 1e6))
            rested = probe.look(ended_ns + round(_RESTED * range_ms * 1e6))
            seen.append(((began_ns - ended_ns) * 1e-6, trembles(late, rested)))
        if (found := still_from(seen)) is not None:
            return found
        range_ms *= 2
    raise HardwareError(
        f"axis {axis}: the picture still trembles {range_ms / 2:.0f} ms after a move; look for what is loose"
    )


def still_from(seen: Sequence[tuple[float, bool]]) -> Figure | None:
    """From (ms after the move, whether it trembled) in any order; None where the last exposure still trembled."""
    ordered = sorted(seen)
    shaken = [index for index, (_, trembled) in enumerate(ordered) if trembled]
    if not shaken:
        return Figure(ordered[0][0], ordered[0][0])
    if shaken[-1] == len(ordered) - 1:
        return None
    before_ms, ms = ordered[shaken[-1]][0], ordered[shaken[-1] + 1][0]
    return Figure(ms, ms - before_ms)


def _times_ms(range_ms: float) -> list[float]:
    count = math.ceil(math.log(range_ms / _FIRST_MS) / math.log(_RATIO))
    return [0.0, *(_FIRST_MS * _RATIO**power for power in range(count + 1))]
