"""What can lie on a slide beside good tissue, as specimen and as picture."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from small_twin import FOCUS_UM, MIDDLE, small_twin

from firmware_host.camera.port import Frame
from firmware_host.cancel import CancelToken
from firmware_host.focus.contrast import brenner
from firmware_host.hardware import Scanner, over_emulation
from firmware_host.patches import LUMINANCE
from firmware_host.profile import Profile
from firmware_host.twin.emulation import Emulation
from firmware_host.twin.faults import slide
from firmware_host.twin.faults.fault import Chronicle, Fault, FaultPlan
from firmware_host.twin.faults.kinds import BlankSlide, Bubble, CoverslipDirt, Fold, PenMark
from firmware_host.twin.faults.opening import open_with_faults
from firmware_host.twin.faults.overlays import Dirt, Rim, Stroke
from firmware_host.twin.faults.tissue import Airy, Bare, Folded
from firmware_host.twin.section import Matter

PIXEL_UM = 0.5
WINDOW = (-200, -200, 400, 400)  # 200 um around the origin


class Even:
    """Tissue that is the same everywhere, but for a stripe of nuclei that tells one place from another."""

    absorbance = np.ones((2, 3), np.float32)
    thickness_um = 2.0

    def matter(self, column: int, row: int, width: int, height: int) -> Matter:
        x = np.broadcast_to(np.arange(column, column + width), (height, width))
        return Matter(
            np.stack([(x == 0).astype(np.float32), np.full((height, width), 0.5, np.float32)]),
            np.zeros((height, width), np.float32),
        )


class Seen:
    """Counts how often it was told."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> None:
        self.times += 1


def at(matter: Matter, x_um: float, y_um: float) -> tuple[float, float]:
    """(eosin, offset in um) at a place."""
    row, column = round(y_um / PIXEL_UM) - WINDOW[1], round(x_um / PIXEL_UM) - WINDOW[0]
    return float(matter.stain[1, row, column]), float(matter.offset_um[row, column])


def test_a_blank_slide_holds_nothing() -> None:
    seen = Seen()
    assert not Bare(Even(), PIXEL_UM, seen).matter(*WINDOW).stain.any()
    assert seen.times == 1


def test_no_tissue_is_in_a_bubble_and_all_of_it_is_outside() -> None:
    seen = Seen()
    airy = Airy(Even(), PIXEL_UM, seen, (20.0, -10.0), 30.0)
    matter = airy.matter(*WINDOW)
    for x_um, y_um, stain in ((20, -10, 0), (47, -10, 0), (20, 17, 0), (53, -10, 0.5), (-80, 60, 0.5)):
        assert at(matter, x_um, y_um)[0] == pytest.approx(stain)
    assert seen.times == 1
    airy.matter(2000, 0, 100, 100)
    assert seen.times == 1, "far from it there is nothing to see"


@pytest.mark.parametrize("angle_deg", [0.0, 30.0, 90.0, -60.0])
def test_a_fold_is_a_band_of_double_tissue_that_lies_higher(angle_deg: float) -> None:
    seen = Seen()
    folded = Folded(Even(), PIXEL_UM, seen, (5.0, 0.0), math.radians(angle_deg), 60.0, 4.0)
    matter = folded.matter(*WINDOW)
    way = np.array([math.cos(math.radians(angle_deg)), math.sin(math.radians(angle_deg))])
    across = np.array([-way[1], way[0]])
    for along_um in (-70.0, 0.0, 70.0):
        for across_um, double in ((0.0, True), (15.0, True), (-60.0, False), (60.0, False)):
            x_um, y_um = np.array([5.0, 0.0]) + along_um * way + across_um * across
            stain, offset_um = at(matter, x_um, y_um)
            assert stain == pytest.approx(1.0 if double else 0.5, abs=0.02)
            assert offset_um == pytest.approx(-4.0 if double else 0.0, abs=0.05), "up is nearer to the objective"
    assert matter.relief_um == 4.0
    assert seen.times == 1
    assert Folded(Even(), PIXEL_UM, seen, (5e4, 0.0), 1.5, 60.0, 4.0).matter(*WINDOW).relief_um == 0
    assert seen.times == 1


def test_the_upper_tissue_of_a_fold_is_from_beside_it() -> None:
    """So that nuclei lie over others, not over themselves."""
    matter = Folded(Even(), PIXEL_UM, Seen(), (0.0, 0.0), math.pi / 2, 60.0, 4.0).matter(*WINDOW)
    columns = np.flatnonzero(matter.stain[0, 200] > 0.5)
    assert columns.tolist() == [200], "the stripe itself; its copy would lie outside the band"
    shifted = Folded(Even(), PIXEL_UM, Seen(), (-78.0, 0.0), math.pi / 2, 60.0, 4.0).matter(*WINDOW)
    assert len(np.flatnonzero(shifted.stain[0, 200] > 0.5)) == 2


GRID_UM = np.arange(-300.0, 300.0, 2.0)


@pytest.mark.parametrize("colour", ["black", "blue", "green", "red"])
def test_a_pen_mark_is_dark_and_saturated_along_its_stroke(colour: str) -> None:
    seen = Seen()
    stroke = Stroke((40.0, 20.0), math.radians(30), 400.0, 80.0, 115.0, colour, 1, seen)
    contrast = stroke.contrast(GRID_UM, GRID_UM)
    assert contrast is not None
    light = 1 + contrast

    def passes(x_um: float, y_um: float) -> np.ndarray:
        return light[:, round((y_um + 300) / 2), round((x_um + 300) / 2)]

    inside = np.mean([passes(40, 20), passes(40 + 130, 20 + 75), passes(40 - 130, 20 - 75)], axis=0)
    assert inside.min() < 0.25
    expected = {"black": None, "blue": 2, "green": 1, "red": 0}[colour]
    assert np.ptp(inside) < 0.1 if expected is None else int(inside.argmax()) == expected
    assert passes(40 - 60, 20 + 100).min() == 1
    assert passes(40 + 210, 20 + 120).min() == 1
    assert stroke.contrast(GRID_UM + 2000, GRID_UM) is None
    assert seen.times == 1


def test_a_bubbles_rim_is_a_dark_ring() -> None:
    seen = Seen()
    rim = Rim((10.0, 0.0), 150.0, 8.0, seen)
    contrast = rim.contrast(GRID_UM, GRID_UM)
    assert contrast is not None
    row = 1 + contrast[1, 150]
    for x_um, light in ((10, 1.0), (160, 0.06), (-140, 0.06), (200, 1.0), (100, 1.0)):
        assert row[round((x_um + 300) / 2)] == pytest.approx(light, abs=0.02)
    assert rim.contrast(GRID_UM / 10, GRID_UM / 10) is None, "within it"
    assert rim.contrast(GRID_UM + 1000, GRID_UM) is None
    assert seen.times == 1


def test_dirt_is_the_same_wherever_one_looks_from_and_ends_at_its_radius() -> None:
    dirt = Dirt((0.0, 0.0), 200.0, 115.0, 2000.0, 1, Seen())
    fine = np.arange(-290.0, 290.0, 1.0)
    whole = dirt.contrast(fine, fine)
    part = dirt.contrast(fine[200:400], fine[100:300])
    assert whole is not None
    assert part is not None
    np.testing.assert_allclose(part, whole[:, 100:300, 200:400], atol=1e-6)
    dark = np.hypot(fine[None, :], fine[:, None])[whole[1] < -0.2]
    assert len(dark) > 100
    assert dark.max() < 200 + 70
    assert dirt.contrast(fine + 5000, fine) is None


@pytest.mark.parametrize("pitch_um", [2.0, 4.0, 8.0])
def test_dirt_that_is_finer_than_the_pitch_takes_about_as_much_light(pitch_um: float) -> None:
    dirt = Dirt((0.0, 0.0), 1000.0, 115.0, 3000.0, 1, Seen())
    missing = []
    for pitch in (0.25, pitch_um):
        places = np.arange(-160.0, 160.0, pitch)
        contrast = dirt.contrast(places, places)
        assert contrast is not None
        missing.append(-float(contrast[1].mean()))
    assert missing[1] == pytest.approx(missing[0], rel=0.5)


def test_more_specks_where_more_are_asked_for() -> None:
    def missing(specks: float) -> float:
        contrast = Dirt((0.0, 0.0), 1000.0, 115.0, specks, 1, Seen()).contrast(GRID_UM, GRID_UM)
        assert contrast is not None
        return -float(contrast[1].mean())

    assert missing(200) < missing(1000) < missing(5000)


def opened(*faults: Fault, profile: Profile | None = None) -> tuple[Scanner, FaultPlan]:
    plan = FaultPlan(faults)
    scanner = open_with_faults(profile or small_twin(repeatable=True), 1, None, CancelToken(), False, plan)
    scanner.stage.home()
    scanner.lamp.on()
    return scanner, plan


@dataclass(frozen=True)
class Look:
    """The middle of a slide, at heights above the plain tissue's focus."""

    scanner: Scanner
    plan: FaultPlan
    focus_um: float

    def frame(self, above_um: float) -> Frame:
        place = MIDDLE | {"z_um": self.focus_um + above_um}
        return self.scanner.camera.expose(self.scanner.stage.move_to(**place), 1.0).read_out()

    def picture(self, above_um: float) -> np.ndarray:
        return self.frame(above_um).image

    def error_um(self, above_um: float) -> float | None:
        assert self.scanner.truth is not None
        return self.scanner.truth(self.frame(above_um))


@pytest.fixture(scope="module")
def plain() -> Look:
    """Tissue without faults."""
    look = Look(*opened(), FOCUS_UM)
    error_um = look.error_um(0.0)
    assert error_um is not None
    return Look(look.scanner, look.plan, FOCUS_UM - error_um)


def looking(plain: Look, *faults: Fault) -> Look:
    return Look(*opened(*faults), plain.focus_um)


def test_dirt_is_a_false_focus_above_the_tissue(plain: Look) -> None:
    """As the stage travels: dirt above the tissue is sharp with the stage lower."""
    look = looking(plain, CoverslipDirt(**MIDDLE, height_um=10.0, specks_per_mm2=10_000.0))
    more = {um: brenner(look.picture(um)) - brenner(plain.picture(um)) for um in (-5.0, -10.0, -15.0)}
    assert more[-10.0] > 1.5 * max(more[-5.0], more[-15.0], 0)
    assert abs(look.error_um(0.0) or math.inf) < 0.1, "the truth is the tissue's"


def test_a_fold_is_darker_and_its_truth_is_its_own_height(plain: Look) -> None:
    look = looking(plain, Fold(**MIDDLE, width_um=600.0, up_um=4.0))
    assert look.picture(0.0).mean() < 0.9 * plain.picture(0.0).mean()
    assert look.error_um(-4.0) == pytest.approx(0, abs=0.4)
    assert brenner(look.picture(-4.0)) > 1.5 * brenner(look.picture(0.0))


@pytest.mark.parametrize("beside_um", [-20.0, 0.0, 20.0])
def test_the_truth_at_a_folds_edge_is_the_sharpest_of_its_two_heights(beside_um: float) -> None:
    profile = small_twin(repeatable=True)
    emulation, plan = Emulation(profile, 1, None), FaultPlan((Fold(**MIDDLE, width_um=100.0, up_um=6.0, angle_deg=0),))
    slide.strike(emulation, profile, plan.faults, Chronicle(plan, emulation.clock))
    x_um, y_um = slide.place_on_slide(emulation, profile, 200.0, 250.0 + beside_um)
    truth_um = emulation.column.focus_z_um(x_um, y_um)
    assert truth_um is not None

    def energy(z_um: float) -> float:
        light = np.tensordot(LUMINANCE, emulation.column.transmittance(x_um, y_um, z_um), 1)
        return float(sum((slope**2).sum() for slope in np.gradient(light)))

    assert max(energy(truth_um + um) for um in np.arange(-7.0, 7.1, 0.5)) < 1.02 * energy(truth_um)


def test_a_pen_mark_darkens_the_tissue_below_it_and_leaves_it_where_it_is(plain: Look) -> None:
    mark = PenMark(**MIDDLE, length_um=3000.0, width_um=1500.0, height_um=115.0, colour="blue")
    look = looking(plain, mark)
    inked, bare = look.picture(0.0), plain.picture(0.0)
    red, _, blue = (float(inked[..., colour].mean() / bare[..., colour].mean()) for colour in range(3))
    assert red < 0.4
    assert blue > 0.7
    assert look.error_um(0.0) == plain.error_um(0.0)
    assert look.plan.struck[0].fault == mark


def test_on_a_blank_slide_there_is_nothing_to_focus_on(plain: Look) -> None:
    assert looking(plain, BlankSlide()).error_um(0.0) is None


@pytest.mark.parametrize(
    "changes", [{}, {"rotation_deg": 90.0}, {"mirrored": True, "rotation_deg": 30.0}, {"skew_deg": 3.0}]
)
def test_a_fault_lies_where_the_stage_is_sent(changes: dict[str, Any]) -> None:
    """Places in a script are those of `--region`, however the camera is turned."""
    profile = small_twin(repeatable=True, target="grid", **changes)
    emulation = Emulation(profile, 1, None)
    stage = over_emulation(profile, emulation, CancelToken()).stage
    stage.home()
    emulation.clock.wait_until(stage.move_to(x_um=100.0, y_um=300.0), "settle")
    x_um, y_um, _ = emulation.machine.position_um(emulation.clock.now_ns())
    seen_um = emulation.on_slide(x_um, y_um)
    assert slide.place_on_slide(emulation, profile, 100.0, 300.0) == pytest.approx(seen_um, abs=1)


def test_what_lies_on_the_slide_is_booked_when_it_is_first_seen() -> None:
    bubble = Bubble(x_um=40.0, y_um=40.0, radius_um=20.0)
    scanner, plan = opened(bubble, profile=small_twin(target="grid"))
    scanner.camera.expose(scanner.stage.move_to(x_um=300.0, y_um=300.0, z_um=FOCUS_UM), 1.0).read_out()
    assert not plan.struck
    scanner.camera.expose(scanner.stage.move_to(x_um=60.0, y_um=60.0, z_um=FOCUS_UM), 1.0).read_out()
    scanner.camera.expose(scanner.stage.move_to(x_um=60.0, y_um=60.0, z_um=FOCUS_UM - 1), 1.0).read_out()
    assert [entry.fault for entry in plan.struck] == [bubble]
