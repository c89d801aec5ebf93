"""The calibration before a scan: a contrast sweep, then frames at known heights, at a few fields of the slide."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from firmware_host.errors import HardwareError
from firmware_host.focus.calibration import MOST_VISITS, Calibration, Code, Images, Place, calibrate
from firmware_host.focus.correction import Correction
from firmware_host.focus.estimator import TwoShotEstimator
from firmware_host.focus.eye import Eye
from firmware_host.focus.sweep import ContrastSweep
from firmware_host.hardware import Scanner
from firmware_host.health.memory import give_back
from firmware_host.incidents import Incident, Note
from firmware_host.inference.port import Calibrator
from firmware_host.scan.plan import spread_order
from firmware_host.scan.survey import Survey

_BELOW, _ABOVE = 4, 3  # frames below and above the sharpest plane, delta apart: as far as fields are judged from
_LEAST_FRAMES = 4  # where the stage's travel allows no more


class _NoCodeError(HardwareError):
    """The calibrator failed."""


class _Careful:
    """A calibrator whose failure is told apart from those of stage and camera.

    The C library would keep what hundreds of patches took, for the next allocation of that size.
    """

    def __init__(self, calibrator: Calibrator) -> None:
        self._calibrator = calibrator

    def calibrate(self, first: Images, second: Images, move_dof: NDArray[np.float32]) -> Code:
        try:
            return self._calibrator.calibrate(first, second, move_dof)
        except HardwareError as error:
            raise _NoCodeError(str(error)) from error
        finally:
            give_back()


def calibrate_on_slide(
    scanner: Scanner,
    eye: Eye,
    sweep: ContrastSweep,
    estimator: TwoShotEstimator,
    calibrator: Calibrator | None,
    found: Survey,
    tell: Callable[[float], None],
    note: Note = lambda _: None,
) -> Calibration:
    """Visit fields spread over the tissue. Some 30 frames a field, before the scan; tiles are not taken.

    Pairs with a frame that was lost, or that the network does not answer to, are left out.

    :param estimator: without a code; :param tell: the share done, 0 to 1.
    """
    stage, profile = scanner.stage, scanner.profile
    dof_um = profile.optics.depth_of_field_um
    delta_um = profile.focus.delta_dof * dof_um
    pivot_um = found.start_z_um
    visited = failures = 0

    def look(x_um: float, y_um: float) -> Place | None:
        nonlocal pivot_um, visited
        tell(visited / MOST_VISITS)
        visited += 1
        stage.move_to(x_um=x_um, y_um=y_um)
        focus_um = sweep.search(pivot_um).z_um
        if focus_um is None:
            return None
        pivot_um = focus_um
        heights = [focus_um + step * delta_um for step in range(-_BELOW, _ABOVE + 1)]
        heights = [z_um for z_um in heights if stage.z_allowed(z_um)]
        if len(heights) < _LEAST_FRAMES:
            return None
        pairs, moves_dof = [], []
        for (_, first), (z_um, second) in pairwise(list(eye.rise(stage, heights))):
            if first is not None and second is not None:
                pairs.append(estimator.cut(first.image, second.image))
                moves_dof.append((focus_um - z_um) / dof_um)
        return Place(pairs, moves_dof)

    def judge(pair: tuple[Images, Images], code: Code | None) -> float | None:
        nonlocal failures
        try:
            with scanner.clock.work("infer"):
                estimate = estimator.calibrated(code, Correction()).judge(*pair)
        except HardwareError as error:
            failures += 1
            if failures == 1:
                note(Incident("network failed", f"network: {error}; such pairs are left out of the calibration"))
            return None
        return None if estimate.status == "blank" else estimate.move_um / dof_um

    places = [(site.x_um, site.y_um) for site in spread_order(found.sites)]
    try:
        return calibrate(places, look, None if calibrator is None else _Careful(calibrator), judge)
    except _NoCodeError as error:
        note(Incident("network failed", f"network: {error}; the slide is not calibrated on"))
        return Calibration(None, Correction(), 0, note=f"the network failed: {error}")
