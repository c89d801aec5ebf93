"""Sharpness by height, taken step by step in one direction; where its top lies, and how two of them lie apart."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from firmware_host.calibrate.probe import Probe, Vector
from firmware_host.calibrate.shift import Light
from firmware_host.errors import HardwareError
from firmware_host.focus.contrast import brenner, fit_peak

STEP_DOF, WING_DOF = 0.2, 1.6
"""Pitch of a curve, and how far past its top it is followed, depths of field."""
_ROUGH_STEP_DOF = 0.8
_DEGREE = 4
_TRIED = 121  # offsets


@dataclass(frozen=True)
class FocusCurve:
    """Heights in motor steps by the stage's counter, increasing, and the logarithm of Brenner's measure."""

    z_steps: Vector
    log_sharpness: Vector

    @property
    def top_steps(self) -> float:
        """Of the sharpest sample."""
        return float(self.z_steps[int(np.argmax(self.log_sharpness))])


def log_sharpness(light: Light) -> float:
    """The logarithm of Brenner's measure; finite for a picture without detail, too."""
    return math.log(brenner(light) + 1e-6)


def dof_steps(probe: Probe) -> float:
    """The depth of field in motor steps."""
    return probe.profile.optics.depth_of_field_um * probe.steps_per_um("z")


def take_curve(probe: Probe, begin_steps: int, way: int, least_steps: int, step_dof: float = STEP_DOF) -> FocusCurve:
    """Upwards (`way` 1) or downwards (-1), from where the backlash is surely taken up to well past the top.

    :param begin_steps: count of the first height, before the top by a wing (`WING_DOF`) or more.
    :param least_steps: how far to go in any case: on its far flanks a curve has small tops of its own.
    :raises HardwareError: no top comes, as the backlash is larger than what was thought to take it up.
    """
    pitch, wing = max(1, round(step_dof * dof_steps(probe))), wing_steps(probe)
    sure, spu = probe.sure_steps("z"), probe.steps_per_um("z")
    settled_ns = probe.rise_to("z", (begin_steps if way > 0 else begin_steps + sure) / spu)
    if way < 0:
        settled_ns = probe.nudge("z", -sure)
    at = top = begin_steps
    z, levels = [at], [log_sharpness(probe.look(settled_ns))]
    while (at - top) * way < wing or abs(at - begin_steps) < least_steps:
        if abs(at - begin_steps) > least_steps + 2 * wing + sure:
            raise probe.too_loose("z")
        at += way * pitch
        z.append(at)
        levels.append(log_sharpness(probe.look(probe.nudge("z", way * pitch))))
        top = z[int(np.argmax(levels))]
    if (top - begin_steps) * way < wing / 2:  # it stood on the other side when it began
        raise probe.too_loose("z")
    order = np.argsort(z)
    return FocusCurve(np.array(z, np.float64)[order], np.array(levels)[order])


def wing_steps(probe: Probe) -> int:
    """Steps past a curve's top."""
    return max(_DEGREE, round(WING_DOF * dof_steps(probe)))


def find_focus(probe: Probe, rough_um: float, doubt_um: float) -> float:
    """z of focus as it is reached from far below, um.

    :param rough_um: where it is, give or take `doubt_um`.
    :raises HardwareError: the picture is not sharper there than elsewhere.
    """
    spu = probe.steps_per_um("z")
    doubt, wing = round(doubt_um * spu), wing_steps(probe)
    curve = take_curve(probe, round(rough_um * spu) - doubt - wing, 1, 2 * (doubt + wing), _ROUGH_STEP_DOF)
    peak = fit_peak(curve.z_steps.tolist(), np.exp(curve.log_sharpness).tolist())
    if peak.at_edge:
        raise HardwareError(
            f"calibrate: no height near z = {rough_um:.0f} um is the sharpest; choose a place with more detail (--x, "
            "--y)"
        )
    return peak.z_um / spu


def offset_steps(up: FocusCurve, down: FocusCurve, wing: float) -> float:
    """By how many steps the second curve must be raised to lie on the first.

    The offset at which one polynomial goes best through the logarithms of both, within `wing` of their tops.
    """
    pieces = []
    for curve in (up, down):
        near = np.abs(curve.z_steps - curve.top_steps) <= wing
        pieces.append((curve.z_steps[near] - curve.top_steps, curve.log_sharpness[near]))
    pitch = float(np.median(np.diff(up.z_steps)))
    raised = np.linspace(-3 * pitch, 3 * pitch, _TRIED)
    misfits = [_misfit(pieces[0], (pieces[1][0] + offset, pieces[1][1]), wing) for offset in raised]
    least = min(max(int(np.argmin(misfits)), 1), len(raised) - 2)
    before, middle, after = misfits[least - 1 : least + 2]
    bend = before - 2 * middle + after
    part = 0.0 if bend <= 0 else min(max(0.5 * (before - after) / bend, -1.0), 1.0)
    return up.top_steps - down.top_steps + float(raised[least] + part * (raised[1] - raised[0]))


def _misfit(one: tuple[Vector, Vector], other: tuple[Vector, Vector], wing: float) -> float:
    z = np.concatenate((one[0], other[0])) / wing
    levels = np.concatenate((one[1], other[1]))
    fit = np.polynomial.Polynomial.fit(z, levels, _DEGREE, domain=[-1, 1])
    return float(((fit(z) - levels) ** 2).sum())
