"""Single frames that are lost while the stage moves on, and a network that fails: no field ends a scan."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_loop import DOF, MS, PROFILE, InFlight, Knows, World
from test_wide_search import Bench

from firmware_host.camera.port import Exposure, Frame, FrameLost
from firmware_host.cancel import CancelToken
from firmware_host.errors import HardwareError
from firmware_host.focus.estimator import Estimate
from firmware_host.focus.eye import Eye
from firmware_host.focus.loop import TwoShotFocus
from firmware_host.focus.network import IN_A_ROW, REST_FIELDS
from firmware_host.focus.result import FocusResult
from firmware_host.focus.sweep import ContrastSweep, search_wide
from firmware_host.incidents import Incident

SHARP_UM = 302.0


class Lost:
    """An exposure whose frame is bad, and lost if the stage moves before it is read out; else it is taken again."""

    def __init__(self, world: World, exposure: InFlight) -> None:
        self._world, self._exposure = world, exposure
        self._moves = len(world.moves)

    def read_out(self) -> Frame:
        frame = self._exposure.read_out()
        if len(self._world.moves) != self._moves:
            raise FrameLost("camera: it is black, and the stage had moved on")
        return frame


class Losing(World):
    """:param loses: whether the n-th frame is bad."""

    def __init__(self, loses: Callable[[int], bool] = lambda _: False, sharp: float = SHARP_UM) -> None:
        super().__init__(sharp)
        self.loses = loses

    def expose(self, not_before_ns: int, timeout_s: float) -> Exposure:  # type: ignore[override]
        bad = self.loses(len(self.seen))
        exposure = super().expose(not_before_ns, timeout_s)
        return Lost(self, exposure) if bad else exposure


class LostAnyway:
    def read_out(self) -> Frame:
        raise FrameLost("camera: it is black, and the stage had moved on")


class LosingBench(Bench):
    """Every other frame is lost."""

    def expose(self, not_before_ns: int, timeout_s: float) -> Exposure:  # type: ignore[override]
        exposure = super().expose(not_before_ns, timeout_s)
        return exposure if len(self.seen) % 2 else LostAnyway()


class Field:
    """A loop and what it notes. :param answer: what the network says to a true move; it may raise."""

    def __init__(self, world: World, answer: Callable[[float], Estimate] | None = None) -> None:
        self.world = world
        self.eye = Eye(world, world.clock, world.cancel, 2.0)
        self.sweep = ContrastSweep(world, self.eye, PROFILE.optics, PROFILE.focus)
        self.incidents: list[Incident] = []
        self.loop = TwoShotFocus(
            world,
            self.eye,
            world.clock,
            Knows(world, answer),  # type: ignore[arg-type]
            self.sweep,
            PROFILE.optics,
            PROFILE.focus,
            self.incidents.append,
        )

    def focus(self, pivot_um: float = 300.0) -> FocusResult:
        return self.loop.focus(0.0, 0.0, pivot_um)

    @property
    def causes(self) -> list[str]:
        return [incident.cause for incident in self.incidents]


@pytest.mark.parametrize(
    ("lost", "status", "more"),
    [
        ([], "focused", 0),
        ([0], "focused", 1),  # the second frame is not even taken
        ([0, 1], "focused", 2),
        ([1], "focused", 0),  # the second frame and the tile are taken again on the spot
        ([2], "focused", 0),
        ([0, 1, 2], "swept", None),
        (range(100), "swept", None),
    ],
    ids=str,
)
def test_a_pair_is_taken_again_and_then_swept(lost: list[int], status: str, more: int | None) -> None:
    plain = Field(Losing()).focus()
    world = Losing(lambda number: number in lost and number < 3)
    result = Field(world).focus()
    assert result.status == status
    assert result.z_um == pytest.approx(SHARP_UM, abs=0.35)
    if more is not None:
        assert result.captures == plain.captures + more


@pytest.mark.parametrize("every", [2, 3])
def test_a_sweep_goes_without_the_heights_that_are_lost(every: int) -> None:
    world = Losing(lambda number: number % every == 0)
    field = Field(world)
    assert field.sweep.search(300.0).z_um == pytest.approx(SHARP_UM, abs=0.35)
    result = field.sweep.focus(0.0, 0.0, 300.0)
    assert result.status == "swept"
    assert result.z_um == pytest.approx(SHARP_UM, abs=0.35)


def test_a_sweep_with_two_heights_left_finds_nothing_and_the_field_is_flagged() -> None:
    world = Losing(lambda number: number > 1)
    result = Field(world).sweep.focus(0.0, 0.0, 300.0)
    assert (result.status, result.z_um) == ("predicted", 300.0)


def test_the_wide_search_goes_without_them_too() -> None:
    """It is no nearer then than the heights that are left, 10 um apart."""
    bench = LosingBench(sharp=303.0)
    found = search_wide(bench, Eye(bench, bench.clock, CancelToken(), 2.0), 300.0, 90.0, 5.0)
    assert found == pytest.approx(303.0, abs=5.0)
    assert len(bench.seen) == 37


@settings(max_examples=60, deadline=None)
@given(lost=st.sets(st.integers(0, 40)), off_dof=st.floats(-6, 6))
def test_whatever_is_lost_the_field_is_in_focus_or_flagged(lost: set[int], off_dof: float) -> None:
    world = Losing(lambda number: number in lost)
    result = Field(world).focus(SHARP_UM - off_dof * DOF)
    assert result.status == "predicted" or result.z_um == pytest.approx(SHARP_UM, abs=0.4)


# --- a network that fails ---------------------------------------------------------------------------------------------


class Answers:
    """:param fails: whether the n-th answer does; :param takes_s: of the scanner's clock, for each answer."""

    def __init__(self, fails: Callable[[int], bool], takes_s: float = 0.0) -> None:
        self.fails, self.takes_s = fails, takes_s
        self.asked = 0
        self.world = World(sharp=SHARP_UM)

    def __call__(self, move_um: float) -> Estimate:
        self.asked += 1
        self.world.clock.wait_until(self.world.clock.now_ns() + round(self.takes_s * 1e3) * MS, "infer")
        if self.fails(self.asked - 1):
            raise HardwareError("inference failed: out of memory")
        return Estimate(move_um, 0.1, 16, "ok")

    def field(self) -> Field:
        return Field(self.world, self)


def test_a_network_that_fails_once_costs_a_sweep() -> None:
    answers = Answers(lambda number: number == 0)
    field = answers.field()
    results = [field.focus() for _ in range(3)]
    assert [result.status for result in results] == ["swept", "focused", "focused"]
    assert all(result.z_um == pytest.approx(SHARP_UM, abs=0.35) for result in results)
    assert field.causes == ["network failed"]
    assert "out of memory" in field.incidents[0].text


def test_a_network_that_fails_again_and_again_is_left_alone_for_a_while() -> None:
    answers = Answers(lambda number: number < IN_A_ROW + 1)
    field = answers.field()
    statuses = [field.focus().status for _ in range(IN_A_ROW + 2 * REST_FIELDS + 3)]
    assert statuses == ["swept"] * (IN_A_ROW + 2 * REST_FIELDS + 1) + ["focused"] * 2
    assert answers.asked == IN_A_ROW + 1 + 2
    left_out = ["network failed", "network left out"]
    assert field.causes == ["network failed"] * (IN_A_ROW - 1) + left_out + left_out + ["network back"]


def test_a_network_that_is_slower_than_a_sweep_is_left_alone_too() -> None:
    answers = Answers(lambda _: False, takes_s=10.0)
    field = answers.field()
    statuses = [field.focus().status for _ in range(IN_A_ROW + 1)]
    assert statuses == ["focused"] * IN_A_ROW + ["swept"]
    assert field.causes == ["network slow"] * IN_A_ROW + ["network left out"]


def test_a_camera_that_is_gone_is_not_taken_for_the_network() -> None:
    world = World(sharp=SHARP_UM, broken=True)
    field = Field(world)
    with pytest.raises(HardwareError, match="no frame"):
        field.focus()
    assert not field.causes
