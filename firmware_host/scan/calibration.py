"""The calibration before a scan: a contrast sweep, then frames at known heights, at a few fields of the slide."""

from __future__ import annotations

from collections.abc import Callable

from firmware_host.focus.calibration import Calibration, Code, Images, Place, calibrate
from firmware_host.focus.estimator import TwoShotEstimator
from firmware_host.focus.eye import Eye
from firmware_host.focus.sweep import ContrastSweep
from firmware_host.hardware import Scanner
from firmware_host.inference.port import Calibrator
from firmware_host.scan.plan import spread_order
from firmware_host.scan.survey import Survey

_BELOW, _ABOVE = 5, 3  # frames below and above the sharpest plane, half of delta apart


def calibrate_on_slide(
    scanner: Scanner,
    eye: Eye,
    sweep: ContrastSweep,
    estimator: TwoShotEstimator,
    calibrator: Calibrator,
    found: Survey,
    tell: Callable[[float], None],
) -> Calibration:
    """Visit fields spread over the tissue. Some 30 frames a field, before the scan; tiles are not taken.

    :param estimator: without a code; :param tell: the share done, 0 to 1.
    """
    stage, profile = scanner.stage, scanner.profile
    dof_um = profile.optics.depth_of_field_um
    step_um = profile.focus.delta_dof * dof_um / 2
    pivot_um = found.start_z_um
    visited = 0

    def look(x_um: float, y_um: float) -> Place | None:
        nonlocal pivot_um, visited
        tell(visited / (2 * _BELOW))
        visited += 1
        stage.move_to(x_um=x_um, y_um=y_um)
        focus_um = sweep.search(pivot_um).z_um
        if focus_um is None:
            return None
        pivot_um = focus_um
        heights = [focus_um + step * step_um for step in range(-_BELOW, _ABOVE + 1)]
        if not all(stage.z_allowed(z_um) for z_um in heights):
            return None
        frames, moves_dof = [], []
        for z_um in heights:
            frames.append(eye.look(stage.move_to(z_um=z_um)).image)
            moves_dof.append((focus_um - stage.z_um) / dof_um)
        pairs = [estimator.cut(first, second) for first, second in zip(frames, frames[2:], strict=False)]
        return Place(pairs, moves_dof[2:])

    def judge(pair: tuple[Images, Images], code: Code | None) -> float | None:
        with scanner.clock.work("infer"):
            estimate = estimator.with_code(code).judge(*pair)
        return None if estimate.status == "blank" else estimate.move_um / dof_um

    places = [(site.x_um, site.y_um) for site in spread_order(found.sites)]
    return calibrate(places, look, calibrator, judge)
