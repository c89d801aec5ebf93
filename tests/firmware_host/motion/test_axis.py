"""One axis: what it refuses, and how it plans every approach upward."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_host.errors import UsageError
from firmware_host.motion.axis import Axis
from firmware_host.profile import load_profile

X, Z = (load_profile("emulated").axes.of(name) for name in ("x", "z"))
TAKEUP_STEPS = 60  # of z: 3 um of 0.05 um


def standing_at(z_um: float, taken_up: bool) -> Axis:
    """A z axis that stands somewhere, its backlash taken up or not."""
    axis = Axis("z", Z)
    steps = round(z_um * Z.steps_per_um)
    axis.made(steps, [axis.train(TAKEUP_STEPS if taken_up else -1)], whole=True)
    return axis


def plan(axis: Axis, target_um: float) -> list[int]:
    """Signed steps of the trains to a target."""
    return [train.way * len(train.times_ns) for train in axis.approach(target_um)]


@pytest.mark.parametrize(
    ("at_um", "taken_up", "target_um", "trains"),
    [
        (100, True, 110, [200]),  # up again: straight
        (100, True, 100, []),  # there
        (100, True, 99, [-80, 60]),  # down: past it by the take-up, and up
        (100, False, 100, [-60, 60]),  # there, but from above
        (100, False, 101, [-40, 60]),  # up by less than the take-up: some of it downward first
        (100, False, 103, [60]),  # up by the take-up
        (100, False, 110, [200]),
        (10, True, 0, [-260, 60]),  # the take-up may pass below the soft limit, the target not
    ],
)
def test_every_approach_ends_upward(at_um: float, taken_up: bool, target_um: float, trains: list[int]) -> None:
    assert plan(standing_at(at_um, taken_up), target_um) == trains


@given(st.lists(st.tuples(st.floats(0, 600), st.floats(0, 1)), min_size=1, max_size=8))
def test_any_history_of_whole_and_broken_moves_keeps_the_backlash_out(moves: list[tuple[float, float]]) -> None:
    """After each whole plan at least the take-up was made upward in one go since the last step down."""
    axis, up_since_down = Axis("z", Z), 0
    for target_um, share in moves:
        trains = axis.approach(target_um)
        every = [train.way for train in trains for _ in train.times_ns]
        played = every[: math.ceil(share * len(every))]
        for way in played:
            up_since_down = up_since_down + 1 if way > 0 else 0
        if trains:
            axis.made(sum(played), trains, whole=len(played) == len(every))
        if len(played) == len(every):
            assert up_since_down >= TAKEUP_STEPS
            assert axis.position_um == pytest.approx(target_um, abs=0.5 / Z.steps_per_um + 1e-9)


@pytest.mark.parametrize("target_um", [-0.001, 600.001, 1e9, math.nan, -math.inf])
def test_a_target_outside_the_soft_limits_is_refused_with_axis_target_and_range(target_um: float) -> None:
    axis = standing_at(100, taken_up=True)
    with pytest.raises(UsageError, match=rf"axis z: {target_um:.3f} um is outside its soft limits 0 to 600 um"):
        axis.approach(target_um)
    assert axis.steps == 2000


@pytest.mark.parametrize("soft_min_um", [-12.0, 0.0, 50.0])
def test_a_soft_limit_that_leaves_room_above_the_switch_is_taken(soft_min_um: float) -> None:
    axis = Axis("x", X.model_copy(update={"soft_min_um": soft_min_um}))
    lowest_um = soft_min_um - X.takeup_um
    assert lowest_um > -axis.zero_above_switch_um


def test_a_soft_limit_at_the_switch_is_refused() -> None:
    with pytest.raises(UsageError, match=r"axes\.x\.soft_min_um = -12\.5: .*make it -12 or more"):
        Axis("x", X.model_copy(update={"soft_min_um": -12.5}))


@pytest.mark.parametrize(
    ("positive", "steps", "level"), [("high", 5, 1), ("high", -5, 0), ("low", 5, 0), ("low", -5, 1)]
)
def test_dir_positive_gives_the_level_of_dir(positive: str, steps: int, level: int) -> None:
    axis = Axis("z", Z.model_copy(update={"dir_positive": positive}))
    assert axis.train(steps).dir_level == level


def test_a_train_keeps_to_the_profiles_speed_and_acceleration() -> None:
    axis = Axis("x", X)
    shortest_ns = np.diff(axis.train(20_000).times_ns).min()
    assert shortest_ns == pytest.approx(1e9 / (6000 * 3.2), abs=1)
    slow_ns = np.diff(axis.train(20_000, speed_um_s=300).times_ns).min()
    assert slow_ns == pytest.approx(1e9 / (300 * 3.2), abs=1)
    first_ns = axis.train(20_000).times_ns[0]
    assert first_ns == pytest.approx(1e9 * math.sqrt(2 * 0.5 / (60_000 * 3.2)), abs=1)
