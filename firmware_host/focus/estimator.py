"""From two frames to a move in um: cut patches, ask the network, let the patches vote. Moves nothing."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from firmware_host.errors import UsageError
from firmware_host.focus.correction import Correction
from firmware_host.focus.vote import vote
from firmware_host.inference.port import PatchModel
from firmware_host.optics import Objective
from firmware_host.patches import PatchRule, cut_patches
from firmware_host.profile_tables import FocusTable

Images = NDArray[np.uint8]
Code = NDArray[np.float32]


@dataclass(frozen=True)
class Estimate:
    """What two frames say.

    :param move_um: the move to make from the second frame, positive = up; 0 when blank.
    :param spread_um: disagreement of the patches; :param patches: how many voted.
    """

    move_um: float
    spread_um: float
    patches: int
    status: Literal["ok", "uncertain", "blank"]


class TwoShotEstimator:
    """Judges a field by its most textured patches.

    :raises UsageError: the camera's frames hold fewer patches than a field needs.
    """

    def __init__(
        self,
        model: PatchModel,
        rule: PatchRule,
        optics: Objective,
        pixel_um: float,
        shape: tuple[int, int],
        focus: FocusTable,
    ) -> None:
        self._optics_code = rule.optics_code(optics, pixel_um)
        self._code: Code = self._optics_code
        self._correction = Correction()
        self._model = model
        self._rule = rule
        self._focus = focus
        self._dof_um = optics.depth_of_field_um
        self._side = rule.source_px(optics, pixel_um)
        room = (shape[0] // self._side) * (shape[1] // self._side)
        if room < focus.min_patches:
            raise UsageError(
                f"camera frames of {shape[1]} x {shape[0]} px hold {room} patches of {self._side} px, and "
                f"focus.min_patches is {focus.min_patches}; lower it, or use larger frames"
            )

    def calibrated(self, code: Code | None, correction: Correction) -> TwoShotEstimator:
        """The same estimator for a slide that a calibration gave these; None: nothing is known of the slide."""
        other = copy.copy(self)
        other._code = self._optics_code if code is None else np.concatenate([self._optics_code, code])
        other._correction = correction
        return other

    def estimate(self, first: Images, second: Images) -> Estimate:
        """The move for a field from its two (H, W, 3) uint8 frames, the second `delta` higher."""
        return self.judge(*self.cut(first, second))

    def cut(self, first: Images, second: Images) -> tuple[Images, Images]:
        """The patches of both frames that the network is asked about."""
        return cut_patches(first, second, self._rule, self._side, self._focus.patches)

    def judge(self, first: Images, second: Images) -> Estimate:
        """The move for a field from its patches."""
        moves, weights = self._model.predict(first, second, self._code)
        result = vote(moves, weights, self._rule.min_weight, self._focus.min_patches)
        if result is None:
            return Estimate(0.0, 0.0, 0, "blank")
        move_dof = self._correction.apply(result.value)
        spread_dof = self._correction.scale(result.value) * result.spread
        status: Literal["ok", "uncertain"] = "ok" if spread_dof <= self._focus.max_spread_dof else "uncertain"
        return Estimate(move_dof * self._dof_um, spread_dof * self._dof_um, result.patches, status)
