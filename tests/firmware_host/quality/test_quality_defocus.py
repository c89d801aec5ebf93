"""From how detail fades between frames of one field to how far the tile is from focus."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from firmware_host.optics import Objective
from firmware_host.quality.defocus import defocus_dof, is_dust, sharpness_of, steepness_in_focus
from firmware_host.quality.detail import BANDS, COARSE, MIDDLE, Detail, DetailMeter, light_of

PATCHES = 20
SHARP = np.array([[1e6, 1e5, 5e4]] * PATCHES, np.float32)
NOISE = np.full(PATCHES, 100.0, np.float32)


def detail(defocus_dof_: float, tissue: np.ndarray = SHARP, noise: np.ndarray = NOISE) -> Detail:
    """What is left of a tissue's detail, by the laws of a slide between those that the judge's tables come from."""
    distance = abs(defocus_dof_)
    left = np.ones(len(BANDS))
    left[COARSE] = math.exp(-0.21 * distance**2 if distance < 3 else -1.9 - 1.05 * (distance - 3))
    left[MIDDLE] = math.exp(-0.54 * distance**2 if distance < 2.6 else -3.65 - 1.1 * (distance - 2.6))
    return Detail((tissue * left).astype(np.float32), noise)


def told(z_dof: float, *apart_dof: float, fallen: float | None = None) -> float | None:
    return defocus_dof(detail(z_dof), [(apart, detail(z_dof + apart)) for apart in apart_dof], fallen)


@given(st.floats(-1.3, 1.3), st.sampled_from([(-2.0,), (-0.8, -2.8), (2.0,), (-1.6, -0.8, 0.8, 1.6)]))
def test_near_focus_it_is_told_whatever_the_frames(z_dof: float, apart_dof: tuple[float, ...]) -> None:
    assert told(z_dof, *apart_dof) == pytest.approx(z_dof, abs=0.45)


@given(st.floats(1.5, 6), st.sampled_from([-1, 1]))
def test_far_from_focus_it_is_told_to_be_far(distance_dof: float, side: int) -> None:
    """With the fall against the neighbours, as two frames that are both far off look much alike."""
    z_dof = side * distance_dof
    fallen = sharpness_of(detail(z_dof)), sharpness_of(detail(0))
    assert fallen[0] is not None
    assert fallen[1] is not None
    found = told(z_dof, -2.0, fallen=fallen[0] - fallen[1])
    assert found is not None
    assert abs(found) > 1


def test_tissue_and_light_do_not_matter() -> None:
    rng = np.random.default_rng(0)
    tissue = (SHARP * rng.uniform(0.2, 3, SHARP.shape)).astype(np.float32)
    for brightness in (0.5, 1.0, 2.0):
        here, there = (detail(z, tissue * np.float32(brightness), NOISE) for z in (0.4, -1.6))
        assert defocus_dof(here, [(-2.0, there)]) == pytest.approx(told(0.4, -2.0), abs=0.06)


@pytest.mark.parametrize("steepness", [0.65, 0.8, 1.0])
def test_a_slide_on_which_detail_fades_otherwise_is_learnt(steepness: float) -> None:
    """As behind a condenser that is stopped down. What is not learnt makes a tile too low pass for one in focus."""

    def frame(z_dof: float) -> Detail:
        return detail(steepness * z_dof)

    found = steepness_in_focus(frame(0), [(-2.0, frame(-2.0))])
    assert found == pytest.approx(steepness, abs=0.06)
    for z_dof in (-1.3, 0.0, 1.3):
        tile, others = frame(z_dof), [(-2.0, frame(z_dof - 2))]
        assert defocus_dof(tile, others, None, found) == pytest.approx(z_dof, abs=0.45)
    assert steepness_in_focus(frame(0), []) is None


@pytest.mark.parametrize("z_dof", [-2.0, -1.5, 1.25, 2.0])
def test_a_slide_that_is_out_of_focus_all_over_is_not_taken_for_a_flat_one(z_dof: float) -> None:
    tile, others = detail(z_dof), [(-2.0, detail(z_dof - 2))]
    found = steepness_in_focus(tile, others)
    assert found is not None
    told_dof = defocus_dof(tile, others, None, found)
    assert told_dof is not None
    assert abs(told_dof) > 0.55


def test_dust_on_the_sensor_is_in_no_focus() -> None:
    """It looks alike at every height; tissue does not, however little there is of it."""
    few = SHARP.copy()
    few[4:] = 50
    assert is_dust(detail(0, few), [(-2.0, detail(0, few))])
    assert not is_dust(detail(0, few), [(-2.0, detail(-2, few))])
    assert not is_dust(detail(0, few), [(-0.5, detail(0, few))])
    assert not is_dust(detail(0), [(-2.0, detail(0))])
    assert not is_dust(detail(0, SHARP * 1e-4), [(-2.0, detail(0, SHARP * 1e-4))])


def test_one_fold_does_not_outvote_the_field() -> None:
    """It stands 3 DoF out of the section, and holds more detail than all the rest."""
    tissue = SHARP.copy()
    tissue[0] *= 50
    here, there = detail(0.0, tissue), detail(-2.0, tissue)
    here.energy[0], there.energy[0] = detail(3.0, tissue).energy[0], detail(1.0, tissue).energy[0]
    assert defocus_dof(here, [(-2.0, there)]) == pytest.approx(0, abs=0.5)


@pytest.mark.parametrize(
    ("tile", "others"),
    [
        (detail(0), []),
        (detail(0), [(-0.1, detail(-0.1))]),
        (detail(0), [(-30.0, detail(-30))]),
        (detail(0, SHARP * 1e-3), [(-2.0, detail(-2, SHARP * 1e-3))]),
        (detail(0, SHARP[:2], NOISE[:2]), [(-2.0, detail(-2, SHARP[:2], NOISE[:2]))]),
    ],
    ids=["no other frame", "at the same height", "out of reach", "empty glass", "two patches of tissue"],
)
def test_what_cannot_be_told_is_not(tile: Detail, others: list[tuple[float, Detail]]) -> None:
    assert defocus_dof(tile, others) is None


def test_sharpness_is_that_of_tissue_alone() -> None:
    whole = sharpness_of(detail(0))
    assert whole == pytest.approx(math.log(0.1))
    half_empty = SHARP.copy()
    half_empty[::2] = 50
    assert sharpness_of(detail(0, half_empty)) == pytest.approx(whole)
    assert sharpness_of(detail(0, SHARP * 1e-3)) is None


def test_a_real_stack_is_sharpest_where_the_expert_says(shared_data: Path) -> None:
    """Adipose tissue through a 5x/0.12; plane 10 of 17 was chosen by eye. Sharpness falls on both sides of it."""
    meter = DetailMeter(Objective(0.12), 1.29)
    found = []
    for plane in range(1, 18):
        image = np.asarray(Image.open(shared_data / f"stacks/adipose_5x/S1_{plane:02d}.png").convert("RGB"))
        light = light_of(image)
        found.append(sharpness_of(meter.measure(light, meter.places(light))))
    sharpness = np.array(found, np.float64)
    assert int(np.argmax(sharpness)) + 1 == 10
    assert (np.diff(sharpness[3:10]) > 0).all()
    assert (np.diff(sharpness[9:13]) < 0).all()
