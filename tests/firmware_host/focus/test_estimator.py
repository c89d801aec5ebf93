"""From two frames to um, with a network that answers what the frames' colour tells it."""

from __future__ import annotations

import numpy as np
import pytest

from firmware_host.errors import UsageError
from firmware_host.focus.correction import Correction
from firmware_host.focus.estimator import TwoShotEstimator
from firmware_host.optics import Objective
from firmware_host.patches import PatchRule
from firmware_host.profile import load_profile
from firmware_host.profile_tables import FocusTable

RULE = PatchRule(size_px=32, sampling=1 / 3, sampling_tolerance=0.1, delta_dof=2.0, min_weight=0.02)
FOCUS = load_profile("emulated").focus
SHAPE = (96, 128)  # twelve patches of 32 px
OBJECTIVES = [Objective(0.4), Objective(0.75), Objective(1.3, immersion_index=1.515)]


class Painted:
    """A network that reads its answer off the second patch: red is the move in tenths of a DoF, 100 being none;
    green is the weight in hundredths. It keeps what it was shown."""

    def predict(self, first: np.ndarray, second: np.ndarray, code: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self.first, self.second, self.code = first, second, code
        corner = second[:, 0, 0].astype(np.float32)
        return (corner[:, 0] - 100) / 10, corner[:, 1] / 100


def pixel_um(optics: Objective) -> float:
    return RULE.sampling * optics.lateral_unit_um


def estimator(
    model: Painted, optics: Objective = OBJECTIVES[1], shape: tuple[int, int] = SHAPE, focus: FocusTable = FOCUS
) -> TwoShotEstimator:
    return TwoShotEstimator(model, RULE, optics, pixel_um(optics), shape, focus)


def painted(moves_dof: list[float], weights: list[float]) -> np.ndarray:
    """A frame of twelve plain squares, row by row."""
    colours = np.array([[round(m * 10 + 100), round(w * 100), 0] for m, w in zip(moves_dof, weights, strict=True)])
    squares = colours.astype(np.uint8).reshape(3, 4, 3)
    return squares.repeat(32, axis=0).repeat(32, axis=1)


DARK = np.zeros((*SHAPE, 3), np.uint8)


@pytest.mark.parametrize("optics", OBJECTIVES, ids=lambda optics: f"NA {optics.na:g}")
@pytest.mark.parametrize("move_dof", [-3.0, 0.0, 0.4, 2.5])
def test_the_networks_answer_becomes_um_of_this_objective(optics: Objective, move_dof: float) -> None:
    """Positive stays up; one DoF is lambda n / NA^2."""
    answer = estimator(Painted(), optics).estimate(DARK, painted([move_dof] * 12, [0.2] * 12))
    assert answer.status == "ok"
    assert answer.move_um == pytest.approx(move_dof * 0.55 * optics.immersion_index / optics.na**2, abs=1e-6)
    assert (answer.spread_um, answer.patches) == (0.0, 12)


def test_the_network_is_told_the_optics_and_the_code_of_the_slide() -> None:
    model, frame = Painted(), painted([0.5] * 12, [0.2] * 12)
    plain, code = estimator(model), np.array([0.1, -0.2], np.float32)
    optics = RULE.optics_code(OBJECTIVES[1], pixel_um(OBJECTIVES[1]))
    plain.calibrated(code, Correction()).estimate(DARK, frame)
    np.testing.assert_array_equal(model.code, [*optics, *code])
    plain.estimate(DARK, frame)
    np.testing.assert_array_equal(model.code, optics)


def test_a_calibrations_correction_mends_the_answer_and_its_spread() -> None:
    optics = OBJECTIVES[0]
    mended = estimator(Painted(), optics).calibrated(None, Correction(offset_dof=0.1, up=1.5, down=0.5))
    for move_dof, expected in ((2.0, 3.1), (-2.0, -0.9)):
        moves = [move_dof - 0.2, move_dof, move_dof + 0.2] * 4
        plain = estimator(Painted(), optics).estimate(DARK, painted(moves, [0.2] * 12))
        answer = mended.estimate(DARK, painted(moves, [0.2] * 12))
        assert answer.move_um == pytest.approx(expected * optics.depth_of_field_um)
        assert answer.spread_um == pytest.approx(plain.spread_um * (1.5 if move_dof > 0 else 0.5))


def test_the_first_frame_is_the_first_argument() -> None:
    """Swapped frames would turn every move around."""
    model = Painted()
    estimator(model).estimate(DARK, painted([1.0] * 12, [0.2] * 12))
    assert model.first.max() == 0
    assert model.second.max() > 0


@pytest.mark.parametrize(
    ("moves", "status"),
    [
        ([1.0] * 11 + [9.0], "ok"),
        ([1.0] * 7 + [-9.0] * 5, "ok"),
        ([-9.0, -6.0, -4.0, -2.0, -1.0, 0.0, 1.0, 2.0, 4.0, 6.0, 8.0, 9.0], "uncertain"),
        ([-3.0] * 6 + [3.0] * 6, "uncertain"),
    ],
    ids=["one outlier", "a majority agrees", "all over the place", "two camps"],
)
def test_patches_that_disagree_make_a_field_uncertain(moves: list[float], status: str) -> None:
    answer = estimator(Painted()).estimate(DARK, painted(moves, [0.2] * 12))
    assert answer.status == status
    assert (answer.spread_um > FOCUS.max_spread_dof * OBJECTIVES[1].depth_of_field_um) == (status == "uncertain")


@pytest.mark.parametrize("textured", [0, FOCUS.min_patches - 1, FOCUS.min_patches])
def test_too_few_textured_patches_make_a_field_blank(textured: int) -> None:
    weights = [0.2] * textured + [0.0] * (12 - textured)
    answer = estimator(Painted()).estimate(DARK, painted([2.0] * 12, weights))
    if textured < FOCUS.min_patches:
        assert (answer.status, answer.move_um, answer.patches) == ("blank", 0.0, 0)
    else:
        assert (answer.status, answer.patches) == ("ok", textured)


def test_no_more_patches_are_judged_than_the_profile_says() -> None:
    model = Painted()
    focus = FOCUS.model_copy(update={"patches": 5})
    estimator(model, focus=focus).estimate(DARK, painted([1.0] * 12, [0.2] * 12))
    assert len(model.second) == 5


@pytest.mark.parametrize(("shape", "room"), [((63, 64), 2), ((31, 400), 0), ((32, 127), 3)])
def test_frames_that_hold_too_few_patches_are_refused_at_once(shape: tuple[int, int], room: int) -> None:
    with pytest.raises(UsageError, match=rf"hold {room} patches of 32 px, and focus\.min_patches is 4"):
        estimator(Painted(), shape=shape)
