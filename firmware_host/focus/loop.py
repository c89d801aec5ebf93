"""The two-shot focus loop: two frames a known distance apart, one predicted move, every approach from below.

The second frame is taken at the pivot itself, so where the focus surface is right it already is the tile.
"""

from __future__ import annotations

from collections.abc import Callable

from firmware_host.camera.port import Frame, FrameLost
from firmware_host.clock import Clock
from firmware_host.focus.estimator import Estimate, TwoShotEstimator
from firmware_host.focus.eye import Eye
from firmware_host.focus.network import Network
from firmware_host.focus.result import FocusResult, FocusStage, Status, start_of_search
from firmware_host.focus.sweep import ContrastSweep
from firmware_host.incidents import Note
from firmware_host.optics import Objective
from firmware_host.profile_tables import FocusTable

_Result = Callable[[Frame, Status], FocusResult]

_PAIRS = 3  # tries at two frames, where the first is lost
_OTHERS = 3  # frames that are handed on with the tile
TRUSTED_DOF = 3.5
"""A longer predicted move is right in its direction but less in its length: a second pair confirms it."""


def two_frames(stage: FocusStage, eye: Eye, clock: Clock, around_um: float, delta_um: float) -> tuple[Frame, Frame]:
    """Two frames, `delta_um` below and at `around_um`; the stage stays at the second.

    :raises FrameLost: the first, which is read out on the way to the second.
    """
    first = eye.expose(stage.move_to(z_um=around_um - delta_um))  # read out while the stage rises
    settled_ns = stage.move_to(z_um=around_um)
    clock.wait_until(settled_ns, "settle")
    return first.read_out(), eye.look(settled_ns)


class TwoShotFocus:
    """The default way to focus a field.

    1. Below the pivot by delta while the XY move runs: first frame. 2. Up by delta: second frame, predict.
    3. Blank: keep it. In focus: it is the tile. Near: one upward move, the tile. Far or uncertain: another pair
    around the predicted z, at most `max_repeats`; then the contrast sweep; then the pivot, flagged.

    Only the pair at the pivot can make a field blank. No texture in a later one says that the prediction led away
    from focus: the sweep decides. So it does where the pair's first frame is lost again and again, and where the
    network does not answer (`Network`).
    """

    def __init__(
        self,
        stage: FocusStage,
        eye: Eye,
        clock: Clock,
        estimator: TwoShotEstimator,
        fallback: ContrastSweep,
        optics: Objective,
        focus: FocusTable,
        note: Note = lambda _: None,
    ) -> None:
        self._stage = stage
        self._eye = eye
        self._clock = clock
        self._network = Network(estimator, clock, note)
        self._fallback = fallback
        self._focus = focus
        self._dof_um = optics.depth_of_field_um
        self._delta_um = focus.delta_dof * self._dof_um

    def focus(self, x_um: float, y_um: float, pivot_um: float) -> FocusResult:
        before = self._eye.captures
        pivot_um = start_of_search(self._stage, pivot_um)
        first_move_um: float | None = None
        first_z_um = pivot_um
        last = Estimate(0.0, 0.0, 0, "uncertain")
        seen: list[tuple[float, Frame]] = []

        def result(frame: Frame, status: Status) -> FocusResult:
            return FocusResult(
                frame=frame,
                z_um=self._stage.z_um,
                predicted_um=last.move_um,
                spread_um=last.spread_um,
                patches=last.patches,
                captures=self._eye.captures - before,
                status=status,
                first_move_um=first_move_um,
                first_z_um=first_z_um,
                others=[each for each in seen[-_OTHERS:] if each[1] is not frame],
            )

        around_um = pivot_um
        self._stage.move_to(x_um=x_um, y_um=y_um, z_um=self._start_below(around_um))
        for _ in range(self._focus.max_repeats + 1 if self._network.is_wanted() else 0):
            if not (self._stage.z_allowed(around_um) and self._stage.z_allowed(around_um - self._delta_um)):
                break
            pair = self._pair(around_um)
            if pair is None:
                break
            first, second, estimate = pair
            seen += [(self._stage.z_um - self._delta_um, first), (self._stage.z_um, second)]
            if estimate.status == "blank":
                if first_move_um is None:
                    return result(second, "blank")
                break
            last = estimate
            if first_move_um is None:
                first_move_um, first_z_um = last.move_um, self._stage.z_um
            target_um = self._stage.z_um + last.move_um
            if last.status == "ok":
                if abs(last.move_um) <= self._focus.accept_dof * self._dof_um:
                    return result(second, "focused")
                if abs(last.move_um) <= TRUSTED_DOF * self._dof_um and self._stage.z_allowed(target_um):
                    return result(self._eye.look(self._stage.move_to(z_um=target_um)), "focused")
            around_um = target_um
        return self._fall_back(pivot_um, seen, result)

    def _start_below(self, around_um: float) -> float:
        """Where the XY move takes z along to; the pivot itself when there is no room below it."""
        below_um = around_um - self._delta_um
        return below_um if self._stage.z_allowed(below_um) else around_um

    def _pair(self, around_um: float) -> tuple[Frame, Frame, Estimate] | None:
        """Two frames, `delta` below and at `around_um`, and what they say; None where that cannot be had."""
        for _ in range(_PAIRS):
            try:
                first, second = two_frames(self._stage, self._eye, self._clock, around_um, self._delta_um)
            except FrameLost:
                continue
            estimate = self._network.estimate(first.image, second.image)
            return None if estimate is None else (first, second, estimate)
        return None

    def _fall_back(self, pivot_um: float, seen: list[tuple[float, Frame]], result: _Result) -> FocusResult:
        """The sweep; and when it finds nothing either, the pivot, flagged."""
        found = self._fallback.search(pivot_um)
        if found.z_um is not None and self._stage.z_allowed(found.z_um):
            below_um = found.z_um - self._delta_um
            if self._stage.z_allowed(below_um):
                seen[:] = [(below_um, self._eye.look(self._stage.move_to(z_um=below_um)))]
            return result(self._eye.look(self._stage.move_to(z_um=found.z_um)), "swept")
        return result(self._eye.look(self._stage.move_to(z_um=pivot_um)), "predicted")
