"""The focus loop in a small world: a stage that only counts, frames that carry their z, an estimator that knows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_host.camera.port import Frame
from firmware_host.cancel import CancelToken
from firmware_host.clock import VirtualClock
from firmware_host.errors import Cancelled, HardwareError
from firmware_host.focus.estimator import Estimate
from firmware_host.focus.eye import Eye
from firmware_host.focus.loop import TRUSTED_DOF, TwoShotFocus
from firmware_host.focus.result import FocusResult
from firmware_host.focus.sweep import ContrastSweep
from firmware_host.profile import load_profile

PROFILE = load_profile("emulated")
DOF = PROFILE.optics.depth_of_field_um
MS = 1_000_000
Answer = Callable[[float], Estimate]


class InFlight:
    """A frame that is read out in 20 ms."""

    def __init__(self, clock: VirtualClock, frame: Frame) -> None:
        self._clock, self._frame = clock, frame
        self._delivered_ns = clock.now_ns() + 20 * MS

    def read_out(self) -> Frame:
        self._clock.wait_until(self._delivered_ns, "readout")
        return self._frame


class World:
    """Stage and camera. `sharp` is the z of focus; a frame's first pixel says how sharp it is."""

    def __init__(self, sharp: float, highest: float = 600.0, textured: bool = True, broken: bool = False) -> None:
        self.clock = VirtualClock()
        self.cancel = CancelToken()
        self.z_um = 0.0
        self.sharp, self.highest, self.textured, self.broken = sharp, highest, textured, broken
        self.moves: list[float] = []
        self.seen: list[float] = []
        self.settled_ns = 0

    def move_to(self, *, x_um: float | None = None, y_um: float | None = None, z_um: float | None = None) -> int:
        self.clock.wait_until(self.clock.now_ns() + 10 * MS, "move")
        if z_um is not None:
            assert self.z_allowed(z_um), "the loop sent the stage beyond its limits"
            self.z_um = z_um
            self.moves.append(z_um)
        self.settled_ns = self.clock.now_ns() + 5 * MS
        return self.settled_ns

    def z_allowed(self, z_um: float) -> bool:
        return 0 <= z_um <= self.highest

    @property
    def shape(self) -> tuple[int, int]:
        return (64, 64)

    def expose(self, not_before_ns: int, timeout_s: float) -> InFlight:
        if self.broken:
            raise HardwareError("camera: no frame within 2 s")
        assert not_before_ns >= self.settled_ns, "a frame from before the stage had settled"
        self.seen.append(self.z_um)
        image = np.full((64, 64, 3), 100, np.uint8)
        if self.textured:
            height = 90 * np.exp(-(((self.z_um - self.sharp) / (3 * DOF)) ** 2))
            image[::4] = np.uint8(100 + height)
        began_ns = self.clock.now_ns()
        self.clock.wait_until(began_ns + 8 * MS, "expose")
        return InFlight(self.clock, Frame(image, began_ns, 8 * MS, len(self.seen)))

    def close(self) -> None: ...


class Knows:
    """An estimator that knows where focus is, and answers as it is told to."""

    def __init__(self, world: World, answer: Answer | None = None) -> None:
        self.world = world
        self.answer = answer or (lambda true_move: Estimate(true_move, 0.1, 16, "ok"))

    def estimate(self, first: np.ndarray, second: np.ndarray) -> Estimate:
        below, above = self.world.seen[-2:]
        assert above - below == pytest.approx(2 * DOF), "the frames are not delta apart"
        return self.answer(self.world.sharp - above)


def run(world: World, pivot: float, answer: Answer | None = None) -> FocusResult:
    eye = Eye(world, world.clock, world.cancel, 2.0)
    sweep = ContrastSweep(world, eye, PROFILE.optics, PROFILE.focus)
    estimator = Knows(world, answer)
    loop = TwoShotFocus(world, eye, world.clock, estimator, sweep, PROFILE.optics, PROFILE.focus)  # type: ignore[arg-type]
    return loop.focus(0.0, 0.0, pivot)


@pytest.mark.parametrize(
    ("off_dof", "captures"),
    [(0.0, 2), (0.2, 2), (-0.2, 2), (0.5, 3), (-0.5, 3), (3.0, 3), (-3.0, 3), (5.0, 4), (-6.0, 4)],
    ids=lambda value: f"{value:g}",
)
def test_captures_by_how_far_the_pivot_is_off(off_dof: float, captures: int) -> None:
    """The second frame is the tile when it is near enough; a far move is confirmed by a second pair."""
    world = World(sharp=300.0)
    result = run(world, 300.0 - off_dof * DOF)
    assert (result.status, result.captures) == ("focused", captures)
    assert abs(result.z_um - 300) <= PROFILE.focus.accept_dof * DOF + 1e-9
    assert result.first_move_um == pytest.approx(off_dof * DOF)


@given(off_dof=st.floats(-12, 12), scale=st.floats(0.7, 1.3))
def test_any_start_ends_in_focus(off_dof: float, scale: float) -> None:
    """A length that is wrong by some share leaves that share of the last, trusted move."""
    world = World(sharp=300.0)
    result = run(world, 300.0 - off_dof * DOF, lambda move: Estimate(move * scale, 0.1, 16, "ok"))
    assert result.status in ("focused", "swept")
    assert abs(result.z_um - 300) <= max(abs(1 / scale - 1) * TRUSTED_DOF, 0.32) * DOF * 1.01
    if result.status == "focused":
        assert result.captures <= 7


def test_the_lower_frame_is_read_out_while_the_stage_rises() -> None:
    world = World(sharp=300.0)
    run(world, 300.0)
    assert world.clock.booked_ns()["readout"] == (20 - 10 - 5 + 20) * MS, "the stage moved and settled meanwhile"
    assert world.clock.now_ns() == (10 + 10 + 5 + 8 + 20 + 8 + 20) * MS


def test_a_blank_field_keeps_its_second_frame() -> None:
    world = World(sharp=300.0)
    result = run(world, 300.0, lambda _: Estimate(0.0, 0.0, 0, "blank"))
    assert (result.status, result.captures, result.z_um) == ("blank", 2, 300.0)
    assert result.frame.sequence == 2


def test_a_wild_first_answer_does_not_make_tissue_blank() -> None:
    """The first pair sends the second one so far away that nothing has texture there: tissue was seen, so sweep."""
    world = World(sharp=302.0)
    answers = iter([Estimate(12 * DOF, 9.0, 16, "uncertain"), Estimate(0.0, 0.0, 0, "blank")])
    result = run(world, 300.0, lambda _: next(answers))
    assert (result.status, result.captures) == ("swept", 2 + 2 + 21 + 2)
    assert result.z_um == pytest.approx(302.0, abs=0.2)
    assert (result.predicted_um, result.patches) == (12 * DOF, 16), "the last prediction, not the blank pair"


def test_disagreement_is_asked_again_then_swept() -> None:
    world = World(sharp=303.0)
    result = run(world, 300.0, lambda _: Estimate(0.0, 9.0, 16, "uncertain"))
    assert result.status == "swept"
    assert result.z_um == pytest.approx(303.0, abs=0.2)
    assert result.captures == 2 * (PROFILE.focus.max_repeats + 1) + 21 + 2, "the tile, and one below to judge it by"


def test_when_nothing_helps_the_pivot_is_kept_and_flagged() -> None:
    world = World(sharp=303.0, textured=False)
    result = run(world, 300.0, lambda _: Estimate(1.0, 9.0, 16, "uncertain"))
    assert (result.status, result.z_um) == ("predicted", 300.0)


@pytest.mark.parametrize("sharp", [4.0, 596.0])
def test_near_a_soft_limit_nothing_is_sent_beyond_it(sharp: float) -> None:
    """An answer beyond the limit is not clamped: the field is swept, or flagged."""
    world = World(sharp=sharp)
    pivot = 3.0 if sharp < 300 else 597.0
    result = run(world, pivot, lambda move: Estimate(9.0 * np.sign(move), 0.1, 16, "ok"))
    assert result.status in ("swept", "predicted")


@pytest.mark.parametrize("pivot", [-40.0, -0.001, 600.001, 650.0])
@pytest.mark.parametrize("method", ["sweep", "two-shot"])
@pytest.mark.parametrize(("textured", "status"), [(True, "found"), (False, "predicted")])
def test_a_pivot_beyond_the_limits_ends_no_scan(pivot: float, method: str, textured: bool, status: str) -> None:
    """A steep slide, continued to a far field: the search starts where the field before was in focus."""
    world = World(sharp=302.0, textured=textured)
    world.z_um = 300.0
    if method == "sweep":
        eye = Eye(world, world.clock, world.cancel, 2.0)
        result = ContrastSweep(world, eye, PROFILE.optics, PROFILE.focus).focus(0.0, 0.0, pivot)
    else:
        result = run(world, pivot, None if textured else lambda _: Estimate(1.0, 9.0, 16, "uncertain"))
    assert result.status == status or (status == "found" and result.status in ("focused", "swept"))
    assert result.z_um == pytest.approx(302.0 if textured else 300.0, abs=0.25)


def test_a_dead_camera_ends_the_field_with_its_error() -> None:
    with pytest.raises(HardwareError, match="no frame"):
        run(World(sharp=300.0, broken=True), 300.0)


def test_a_stop_is_heeded_before_the_next_frame() -> None:
    world = World(sharp=300.0)
    world.cancel.request("Ctrl-C")
    with pytest.raises(Cancelled):
        run(world, 300.0)
    assert not world.seen


def test_settling_and_inference_are_booked() -> None:
    world = World(sharp=300.0)
    world.clock = VirtualClock(work_ns={"infer": 12 * MS})
    run(world, 300.0)
    booked = world.clock.booked_ns()
    assert booked["settle"] == 2 * 5 * MS
    assert booked["infer"] == 12 * MS


@pytest.mark.parametrize("method", ["sweep", "two-shot"])
def test_frames_of_a_sweep_go_upwards(method: Literal["sweep", "two-shot"]) -> None:
    world = World(sharp=302.0)
    eye = Eye(world, world.clock, world.cancel, 2.0)
    sweep = ContrastSweep(world, eye, PROFILE.optics, PROFILE.focus)
    result = sweep.focus(0.0, 0.0, 300.0) if method == "sweep" else run(world, 300.0)
    heights = world.seen[:-1]
    assert heights == sorted(heights)
    assert result.z_um == pytest.approx(302.0, abs=0.25)


def test_a_sweep_with_a_witness_takes_one_more_frame_below_its_tile() -> None:
    world = World(sharp=302.0)
    eye = Eye(world, world.clock, world.cancel, 2.0)
    result = ContrastSweep(world, eye, PROFILE.optics, PROFILE.focus, with_witness=True).focus(0.0, 0.0, 300.0)
    assert (result.status, result.captures) == ("swept", 21 + 2)
    delta_um = PROFILE.focus.delta_dof * PROFILE.optics.depth_of_field_um
    ((witness_um, _),) = result.others
    assert (witness_um, result.z_um) == tuple(world.seen[-2:])
    assert result.z_um - witness_um == pytest.approx(delta_um, abs=0.1)


def test_a_sweep_is_made_once_more_around_its_end() -> None:
    world = World(sharp=310.0)
    eye = Eye(world, world.clock, world.cancel, 2.0)
    result = ContrastSweep(world, eye, PROFILE.optics, PROFILE.focus).focus(0.0, 0.0, 300.0)
    assert (result.status, result.captures) == ("swept", 2 * 21 + 1)
    assert result.z_um == pytest.approx(310.0, abs=0.25)
