"""The slide's focus offset, measured on the scanner: a contrast sweep and a pair of frames at a few fields."""

from __future__ import annotations

from firmware_host.clock import Clock
from firmware_host.focus.estimator import TwoShotEstimator
from firmware_host.focus.eye import Eye
from firmware_host.focus.loop import two_shots
from firmware_host.focus.offset import FocusOffset, measure_offset
from firmware_host.focus.result import FocusStage
from firmware_host.focus.sweep import ContrastSweep
from firmware_host.hardware import Scanner
from firmware_host.scan.plan import spread_order
from firmware_host.scan.survey import Survey


def offset_of_slide(
    scanner: Scanner, eye: Eye, sweep: ContrastSweep, estimator: TwoShotEstimator, found: Survey
) -> FocusOffset:
    """Visit fields spread over the tissue. Some 24 frames a field, before the scan; tiles are not taken.

    :param estimator: without an offset.
    """
    stage, profile = scanner.stage, scanner.profile
    dof_um = profile.optics.depth_of_field_um
    pivot_um = found.start_z_um

    def compare(x_um: float, y_um: float) -> float | None:
        nonlocal pivot_um
        stage.move_to(x_um=x_um, y_um=y_um)
        swept_um = sweep.search(pivot_um).z_um
        if swept_um is None:
            return None
        pivot_um = swept_um
        delta_um = profile.focus.delta_dof * dof_um
        predicted_um = predicted_focus(stage, eye, scanner.clock, estimator, swept_um, delta_um)
        return None if predicted_um is None else swept_um - predicted_um

    places = [(site.x_um, site.y_um) for site in spread_order(found.sites)]
    return measure_offset(places, compare, dof_um)


def predicted_focus(
    stage: FocusStage, eye: Eye, clock: Clock, estimator: TwoShotEstimator, near_um: float, delta_um: float
) -> float | None:
    """Where the network says focus is, from a pair of frames whose second one is taken at `near_um`.

    Asked once, at the sharpest plane: near focus the network's error changes with height, and steps that follow it
    swing to and fro.

    None where the patches disagree, or the way leads beyond the soft limits.
    """
    if not (stage.z_allowed(near_um) and stage.z_allowed(near_um - delta_um)):
        return None
    _, estimate = two_shots(stage, eye, clock, estimator, near_um, delta_um)
    return stage.z_um + estimate.move_um if estimate.status == "ok" else None
