"""The contrast sweep: look at many heights, go back to the sharpest. The fallback, and the yardstick."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from firmware_host.camera.port import Frame
from firmware_host.focus.contrast import Peak, brenner, fit_peak, luminance
from firmware_host.focus.eye import Eye
from firmware_host.focus.result import FocusResult, FocusStage, start_of_search
from firmware_host.optics import Objective
from firmware_host.profile_tables import FocusTable

_LEAST_HEIGHTS = 3  # that make a curve
_LEAST_CONTRAST = 0.25  # a curve that varies less says nothing
WIDE_HALF_DOF, WIDE_STEP_DOF = 90.0, 5.0
"""How far and how finely `search_wide` looks when nothing is known of a slide."""


@dataclass(frozen=True)
class Swept:
    """What a sweep found: a place to go, or None when the curve is flat or its top lies outside."""

    z_um: float | None


class ContrastSweep:
    """Brenner's measure at even steps around the pivot, upward only, and a parabola through the top.

    With the default table that is 21 frames, and one more for the tile. When the top lies at an end the sweep is
    made once more around that end, then given up.

    :param with_witness: whether one more frame is taken below focus, by which the tile is judged.
    """

    def __init__(
        self, stage: FocusStage, eye: Eye, optics: Objective, focus: FocusTable, with_witness: bool = False
    ) -> None:
        self._stage = stage
        self._eye = eye
        self._half_um = focus.sweep_half_range_dof * optics.depth_of_field_um
        self._step_um = focus.sweep_step_dof * optics.depth_of_field_um
        self._witness_um = focus.delta_dof * optics.depth_of_field_um if with_witness else None

    def search(self, pivot_um: float) -> Swept:
        """Find the sharpest z around the pivot at the present place; leaves the stage at the end of the sweep."""
        for _ in range(2):
            peak = self._sweep(pivot_um)
            if peak is None or peak.contrast < _LEAST_CONTRAST:
                return Swept(None)
            if not peak.at_edge:
                return Swept(peak.z_um)
            pivot_um = peak.z_um
        return Swept(None)

    def focus(self, x_um: float, y_um: float, pivot_um: float) -> FocusResult:
        """Focus a field by a sweep alone."""
        before = self._eye.captures
        pivot_um = start_of_search(self._stage, pivot_um)
        self._stage.move_to(x_um=x_um, y_um=y_um)
        found = self.search(pivot_um)
        z_um = pivot_um if found.z_um is None else found.z_um
        others = self._witness(z_um)
        frame: Frame = self._eye.look(self._stage.move_to(z_um=z_um))
        return FocusResult(
            frame=frame,
            z_um=self._stage.z_um,
            predicted_um=0.0,
            spread_um=0.0,
            patches=0,
            captures=self._eye.captures - before,
            status="predicted" if found.z_um is None else "swept",
            first_move_um=None,
            first_z_um=pivot_um,
            others=others,
        )

    def _witness(self, z_um: float) -> list[tuple[float, Frame]]:
        if self._witness_um is None or not self._stage.z_allowed(z_um - self._witness_um):
            return []
        settled_ns = self._stage.move_to(z_um=z_um - self._witness_um)
        return [(self._stage.z_um, self._eye.look(settled_ns))]

    def _sweep(self, pivot_um: float) -> Peak | None:
        """The peak around the pivot; None when fewer than three heights can be looked at."""
        count = round(2 * self._half_um / self._step_um)
        heights = pivot_um - self._half_um + self._step_um * np.arange(count + 1)
        allowed = [float(z) for z in heights if self._stage.z_allowed(float(z))]
        if len(allowed) < _LEAST_HEIGHTS:
            return None
        curve = _sharpness(self._stage, self._eye, allowed)
        if len(curve) < _LEAST_HEIGHTS:
            return None
        return fit_peak([z_um for z_um, _ in curve], [score for _, score in curve])


def search_wide(stage: FocusStage, eye: Eye, middle_um: float, half_range_um: float, step_um: float) -> float | None:
    """Rough z of focus when nothing is known yet: the deviation of a coarsely binned image over a long way.

    :returns: z of the highest sample, None when the curve is flat.
    """
    heights = [float(z) for z in np.arange(middle_um - half_range_um, middle_um + half_range_um + 1e-9, step_um)]
    heights = [z for z in heights if stage.z_allowed(z)]
    curve = _sharpness(stage, eye, heights, bin_px=4)
    scores = [score for _, score in curve]
    if len(curve) < _LEAST_HEIGHTS or (max(scores) - min(scores)) < _LEAST_CONTRAST * max(scores):
        return None
    return curve[int(np.argmax(scores))][0]


def _sharpness(stage: FocusStage, eye: Eye, heights: list[float], bin_px: int = 1) -> list[tuple[float, float]]:
    """Each height and how sharp it is there, above 0; heights whose frame was lost are left out."""
    frames = zip(heights, eye.rise(stage, heights), strict=True)
    return [(z_um, brenner(luminance(frame.image, bin_px)) + 1e-6) for z_um, (_, frame) in frames if frame is not None]
