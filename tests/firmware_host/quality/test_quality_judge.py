"""What is wrong with a tile is said by its name, and nothing is said of a good one: on fields of the emulated slide."""

from __future__ import annotations

import copy
import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pytest
from PIL import Image

from benchmarks.quality import EmulatedField
from firmware_host.incidents import RESPONSES
from firmware_host.profile import load_profile
from firmware_host.quality import verdict
from firmware_host.quality.judge import QualityJudge, Shot
from firmware_host.quality.seams import Seam
from firmware_host.quality.verdict import Quality
from firmware_host.scan.plan import Site

SEED = 5  # 2 um thick, with the spherical aberration of the emulated profile
PROFILE = load_profile("emulated")
PROFILE = PROFILE.model_copy(update={"camera": PROFILE.camera.model_copy(update={"width_px": 640, "height_px": 480})})
X_UM, Y_UM = (side * (1 - PROFILE.scan.overlap) for side in PROFILE.field_um)
EMPTY = Site(9, 9, 300.0, 300.0)


def site(row: int, col: int) -> Site:
    return Site(row, col, 4000 + (col - 1) * X_UM, 3000 + row * Y_UM)


@cache
def slide() -> EmulatedField:
    return EmulatedField(PROFILE, SEED)


@dataclass(frozen=True)
class Taken:
    """A field as a scan hands it to the judge."""

    place: Site
    tile: np.ndarray
    shot: Shot
    others: list[Shot]

    def judged(self, judge: QualityJudge) -> Quality:
        return judge.judge(self.place, self.tile, self.shot, self.others)


def take(place: Site, *heights_dof: float, of: EmulatedField | None = None) -> Taken:
    """The field at these heights above focus, the first of them the tile's."""
    view = of or slide()
    shots = view.shots(place, heights_dof)
    assert shots is not None
    return Taken(place, view.flat_field.apply(shots[0].image), shots[0], shots[1:])


@cache
def _scanned() -> tuple[QualityJudge, list[tuple[Taken, Quality]]]:
    judge, found = QualityJudge(PROFILE), []
    for place in (site(0, 0), site(0, 1), site(0, 2), site(1, 2)):
        taken = take(place, 0.1, -1.9)
        found.append((taken, taken.judged(judge)))
        judge.remember(place, taken.tile, found[-1][1])
    judge.learn(None, [(direction, Seam(0, 0, 0.95, 1.0, 0.0)) for direction in ("across", "down") for _ in range(3)])
    return judge, found


@pytest.fixture
def judge() -> QualityJudge:
    """After a row and the first field of the next; what it learns is not for the next test."""
    return copy.deepcopy(_scanned()[0])


@cache
def good() -> Taken:
    return take(site(1, 1), 0.0, -2.0)


def test_good_tiles_are_good_from_the_first_on(judge: QualityJudge) -> None:
    qualities = [*(quality for _, quality in _scanned()[1]), good().judged(judge)]
    assert [quality.causes for quality in qualities] == [()] * 5
    assert qualities[0].exposure is None
    last = qualities[-1]
    assert last.verdict == "ok"
    assert (last.exposure, last.seam_px) == (pytest.approx(1, abs=0.01), pytest.approx(0, abs=0.5))
    assert last.defocus_dof == pytest.approx(0, abs=0.35)


@pytest.mark.parametrize("defocus_dof", [-6.0, -4.0, -2.0, -1.2, 1.2, 2.0, 4.0, 6.0])
@pytest.mark.parametrize("first_field", [False, True])
def test_a_tile_more_than_a_depth_of_field_off_is_blurred(
    defocus_dof: float, first_field: bool, judge: QualityJudge
) -> None:
    taken = take(site(1, 1), defocus_dof, defocus_dof - 2)
    quality = taken.judged(QualityJudge(PROFILE) if first_field else judge)
    assert quality.causes == (verdict.BLURRED,)
    assert quality.verdict == "retake"
    assert quality.defocus_dof is not None
    assert quality.defocus_dof * defocus_dof > 0
    if abs(defocus_dof) <= 2:
        assert quality.defocus_dof == pytest.approx(defocus_dof, abs=0.5)


@pytest.mark.parametrize("others_dof", [(-2.0,), (-0.7, -2.7), (3.3, 1.3), (-1.6, -0.8, 0.8)])
def test_it_does_not_matter_which_focus_frames_there_are(others_dof: tuple[float, ...], judge: QualityJudge) -> None:
    for defocus_dof, blurred in ((0.0, False), (1.3, True), (-1.3, True)):
        taken = take(site(1, 1), defocus_dof, *(defocus_dof + apart for apart in others_dof))
        assert (verdict.BLURRED in taken.judged(judge).causes) == blurred


def test_behind_a_stopped_down_condenser_the_judge_learns_how_detail_fades() -> None:
    """At half the objective's aperture a tile that is too low would pass, were it not learnt."""
    dim, judge = EmulatedField(PROFILE, SEED, coherence=0.5), QualityJudge(PROFILE)
    for _ in range(4):
        taken = take(site(1, 1), 0.1, -1.9, of=dim)
        judge.remember(taken.place, taken.tile, taken.judged(judge))
    for defocus_dof, causes in ((-1.3, (verdict.BLURRED,)), (0.1, ()), (1.3, (verdict.BLURRED,))):
        assert take(site(1, 1), defocus_dof, defocus_dof - 2, of=dim).judged(judge).causes == causes


def test_without_focus_frames_the_neighbours_tell(judge: QualityJudge) -> None:
    for defocus_dof, causes in ((0.0, ()), (2.2, (verdict.BLURRED,)), (-2.2, (verdict.BLURRED,))):
        assert take(site(1, 1), defocus_dof).judged(judge).causes == causes


def test_without_either_it_is_said_that_nobody_knows() -> None:
    quality = take(site(1, 1), 0.0).judged(QualityJudge(PROFILE))
    assert (quality.causes, quality.verdict) == ((verdict.NOT_JUDGED,), "flag")


def test_a_scan_without_focus_frames_judges_by_neighbours_from_the_fourth_field_on() -> None:
    judge, found = QualityJudge(PROFILE), []
    for taken, _ in _scanned()[1]:
        found.append(replace(taken, others=[]).judged(judge))
        judge.remember(taken.place, taken.tile, found[-1])
    assert [quality.causes for quality in found] == [(verdict.NOT_JUDGED,)] * 3 + [()]
    assert take(site(1, 1), 2.2).judged(judge).causes == (verdict.BLURRED,)


def darker(image: np.ndarray) -> np.ndarray:
    return (image * 0.9).astype(np.uint8)


def brighter(image: np.ndarray) -> np.ndarray:
    return np.minimum(image * 1.07, 255).astype(np.uint8)


def clipped(image: np.ndarray) -> np.ndarray:
    return np.minimum(image * 1.3, 255).astype(np.uint8)


def black(image: np.ndarray) -> np.ndarray:
    return image // 64


def half(image: np.ndarray) -> np.ndarray:
    return np.concatenate([image[:400], 0 * image[400:]])


def swapped_halves(image: np.ndarray) -> np.ndarray:
    return np.concatenate([image[400:], image[:400]])


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (darker, verdict.DARK),
        (brighter, verdict.BRIGHT),
        (clipped, verdict.BRIGHT),
        (black, verdict.DAMAGED),
        (half, verdict.DAMAGED),
        (swapped_halves, verdict.DAMAGED),
    ],
)
def test_light_and_damage_are_told(change: Callable[[np.ndarray], np.ndarray], cause: str, judge: QualityJudge) -> None:
    taken = good()
    changed = replace(taken, tile=change(taken.tile), shot=Shot(taken.shot.z_um, change(taken.shot.image)))
    assert cause in changed.judged(judge).causes


def test_a_frame_that_was_delivered_before_is_told(judge: QualityJudge) -> None:
    """Once as another height of the same field, once as another field."""
    taken = good()
    stale = replace(taken, others=[Shot(taken.shot.z_um - 2, taken.shot.image)])
    assert stale.judged(copy.deepcopy(judge)).causes == (verdict.REPEATED,)
    assert taken.judged(judge).causes == ()
    assert replace(taken, place=site(1, 0)).judged(judge).causes == (verdict.REPEATED,)


def test_the_same_field_may_look_the_same_again(judge: QualityJudge) -> None:
    """On a twin whose noise repeats itself a second take is the first to the bit."""
    assert [good().judged(judge).causes for _ in range(2)] == [(), ()]


@pytest.mark.parametrize(("x_um", "y_um"), [(5.0, 0.0), (0.0, -5.0), (-2.0, 2.0)])
def test_a_stage_that_has_lost_its_place_is_told(x_um: float, y_um: float, judge: QualityJudge) -> None:
    place = site(1, 1)
    taken = take(replace(place, x_um=place.x_um + x_um, y_um=place.y_um + y_um), 0.0, -2.0)
    quality = replace(taken, place=place).judged(judge)
    assert quality.causes == (verdict.POSITION_OFF,)
    assert quality.seam_px == pytest.approx(np.hypot(x_um, y_um) / PROFILE.camera.pixel_um, abs=0.7)


def test_of_a_blurred_tile_nothing_is_said_about_its_place(judge: QualityJudge) -> None:
    """Nobody homes a stage for a blur. What has slipped besides shows when the field was taken again."""
    place = site(1, 1)
    taken = take(replace(place, x_um=place.x_um + 5), 2.0, 0.0)
    causes = replace(taken, place=place).judged(judge).causes
    assert verdict.BLURRED in causes
    assert verdict.POSITION_OFF not in causes


def test_another_field_in_its_place_is_told(judge: QualityJudge) -> None:
    assert verdict.SEAM_OFF in replace(take(site(0, 0), 0.0, -2.0), place=site(1, 1)).judged(judge).causes


def test_empty_glass_is_good_and_a_dim_lamp_shows_on_it() -> None:
    empty, judge = slide().empty(), QualityJudge(PROFILE)
    bright = slide().flat_field.apply(empty)
    assert judge.judge(EMPTY, bright, Shot(0, empty), []) == Quality(None, None, None, None, None, 0)
    judge.remember(EMPTY, bright, Quality(None, None, None, None, None))
    beside = replace(EMPTY, col=10, x_um=EMPTY.x_um + X_UM)
    again = slide().empty()
    assert judge.judge(beside, darker(slide().flat_field.apply(again)), Shot(0, again), []).causes == (verdict.DARK,)


def test_a_dusty_sensor_does_not_make_empty_glass_blurred() -> None:
    empty, spots = slide().empty(), np.zeros(slide().empty().shape[:2], bool)
    y, x = np.mgrid[: spots.shape[0], : spots.shape[1]]
    for row, col in ((100, 100), (230, 300), (300, 420), (420, 550)):
        spots |= np.hypot(y - row, x - col) < 9
    below, here = ((each * np.where(spots, 0.9, 1.0)[..., None]).astype(np.uint8) for each in (empty, slide().empty()))
    tile = slide().flat_field.apply(here)
    assert QualityJudge(PROFILE).judge(EMPTY, tile, Shot(2, here), [Shot(0, below)]).causes == ()
    assert QualityJudge(PROFILE).judge(EMPTY, tile, Shot(2, here), []).causes == (verdict.NOT_JUDGED,)


def test_a_tile_read_back_from_disk_serves_as_well(judge: QualityJudge) -> None:
    """As a JPEG, after a power cut, with the figures of its record."""
    recalled = QualityJudge(PROFILE)
    for taken, quality in _scanned()[1]:
        stream = io.BytesIO()
        Image.fromarray(taken.tile).save(stream, "JPEG", quality=90, subsampling=0)
        recalled.learn(quality.steepness, quality.seams)
        recalled.remember(taken.place, np.asarray(Image.open(stream)), quality)
    before, after = good().judged(judge), good().judged(recalled)
    assert after.causes == ()
    assert after.defocus_dof == before.defocus_dof
    assert (after.exposure, after.seam_px) == (pytest.approx(before.exposure, abs=0.003), pytest.approx(0, abs=0.5))
    assert take(site(1, 1), 1.3, -0.7).judged(recalled).causes == (verdict.BLURRED,)


def test_a_forgotten_tile_is_no_neighbour_any_more(judge: QualityJudge) -> None:
    judge.forget([(0, 1), (1, 2)])
    assert good().judged(judge).seam_px is None


def test_memory_is_bounded_by_two_rows() -> None:
    judge, tile = QualityJudge(PROFILE), good().tile
    for row in range(5):
        for col in range(4):
            judge.remember(site(row, col), tile, Quality(None, None, None, None, None))
    assert judge.nbytes < 2 * 4 * 0.2 * tile.size / 3


@pytest.mark.parametrize("defocus_dof", [-1.2, 1.2])
def test_a_tile_whose_own_frames_are_shaken_too_is_told_by_its_seams(defocus_dof: float, judge: QualityJudge) -> None:
    """Its frames say that it is in focus: they were as far off as it is."""
    there, shaken = good(), take(site(1, 1), defocus_dof)
    quality = replace(there, tile=shaken.tile).judged(judge)
    assert quality.causes == (verdict.BLURRED,)
    assert quality.seam_sharpness is not None
    assert quality.seam_sharpness < -0.35
    assert abs(quality.defocus_dof or 0) < 0.4


def test_a_tile_that_passed_is_found_blurred_by_the_next_one() -> None:
    judge, blurred = QualityJudge(PROFILE), take(site(0, 0), 1.6)
    judge.remember(site(0, 0), blurred.tile, Quality(None, None, None, None, None))
    found = take(site(0, 1), 0.0, -2.0).judged(judge)
    assert found.causes == ()
    assert [place[:2] for place in found.blurred] == [(0, 0)]
    assert found.blurred[0][2] == pytest.approx(-(found.seam_sharpness or 0.0))
    once_more = take(site(0, 1), 0.0, -2.0).judged(judge)
    assert once_more.blurred == (), "nothing is laid beside it any more"


def test_a_tile_beside_a_dark_and_blurred_one_is_told_to_be_dark() -> None:
    """The lamp dimmed with that one: a tile laid beside nothing would begin a new level, and all after it follow."""
    judge = QualityJudge(PROFILE)
    for place, defocus_dof, change in ((site(0, 0), 0.0, None), (site(0, 1), 2.5, darker), (site(0, 2), 0.0, darker)):
        taken = take(place, defocus_dof, defocus_dof - 2)
        if change is not None:
            taken = replace(taken, tile=change(taken.tile))
        quality = taken.judged(judge)
        judge.remember(place, taken.tile, quality)
    assert quality.causes == (verdict.DARK,)


def test_a_lamp_that_dims_is_never_taken_for_usual() -> None:
    """All seams of a row tell of it, and those of each further take: tiles of the next row would pass as they are."""
    judge = QualityJudge(PROFILE)
    causes = []
    for row, cols in ((0, (0, 1, 2, 3)), (1, (3, 2, 1, 0)), (2, (0, 1, 2, 3))):
        for col in cols:
            taken = take(site(row, col), 0.0, -2.0)
            if row > 0:
                taken = replace(taken, tile=darker(taken.tile))
            for _ in range(1 + 2 * (row > 0)):
                quality = taken.judged(judge)
                judge.remember(taken.place, taken.tile, quality)
                causes.append((row, quality.causes))
    assert set(causes) == {(0, ()), (1, (verdict.DARK,)), (2, (verdict.DARK,))}


def test_a_step_of_brightness_in_all_seams_is_the_scanners_own() -> None:
    """Every tile is a tenth darker at its left than at its right: once the first row is taken anew, none is dark."""
    judge = QualityJudge(PROFILE)
    ramp = np.linspace(0.9, 1.0, PROFILE.camera.width_px)[None, :, None]

    def row_of(row: int) -> list[tuple[str, ...]]:
        causes = []
        for col in range(4):
            taken = take(site(row, col), 0.0, -2.0)
            taken = replace(taken, tile=(taken.tile * ramp).astype(np.uint8))
            quality = taken.judged(judge)
            judge.remember(taken.place, taken.tile, quality)
            causes.append(quality.causes)
        return causes

    assert row_of(0) == [(), *[(verdict.DARK,)] * 3]
    judge.forget([(0, col) for col in range(4)])
    assert [row_of(row) for row in range(3)] == [[()] * 4] * 3


def test_no_place_is_told_by_a_blurred_tile() -> None:
    judge, blurred = QualityJudge(PROFILE), take(site(0, 0), 2.5, 0.5)
    judge.remember(site(0, 0), blurred.tile, blurred.judged(judge))
    quality = take(site(0, 1), 0.0, -2.0).judged(judge)
    assert (quality.causes, quality.seam_px, quality.seam_sharpness) == ((), None, None)
    assert quality.exposure == pytest.approx(1, abs=0.02)


def test_what_passed_before_it_was_known_how_seams_are_is_judged_again() -> None:
    """A tile that is a little blurred passes in the first row; the one that makes seams well known tells of it."""
    judge = QualityJudge(PROFILE)
    first, second = take(site(0, 0), 0.0, -2.0), take(site(0, 1), 1.25)
    for taken in (first, second):
        judge.remember(taken.place, taken.tile, Quality(None, None, None, None, None))
    judge.learn(None, [("across", Seam(0, 0, 0.95, 1.0, 0.0))] * 4)
    blamed = []
    for place in (site(1, 0), site(1, 1), site(2, 0), site(2, 1)):
        taken = take(place, 0.0, -2.0)
        quality = taken.judged(judge)
        judge.remember(place, taken.tile, quality)
        blamed.append([place[:2] for place in quality.blurred])
    assert blamed == [[], [], [], [(0, 1)]]


def test_a_blurred_tile_blames_nobody(judge: QualityJudge) -> None:
    assert take(site(1, 1), 2.5, 0.5).judged(judge).blurred == ()


def in_two_heights(share: float, up_dof: float) -> Taken:
    """The left part of the field lies so much lower than the rest, in the tile and in its frame alike."""
    flat, low = take(site(1, 1), 0.0, -2.0), take(site(1, 1), up_dof, up_dof - 2.0)
    left = soft(24, flat.tile.shape[1], round(share * flat.tile.shape[1]))

    def joined(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        return np.round(one * (1 - left) + other * left).astype(np.uint8)

    shot = replace(flat.shot, image=joined(flat.shot.image, low.shot.image))
    other = replace(flat.others[0], image=joined(flat.others[0].image, low.others[0].image))
    return replace(flat, tile=joined(flat.tile, low.tile), shot=shot, others=[other])


def soft(ramp_px: int, width: int, edge: int) -> np.ndarray:
    """Share of the left part, by column."""
    return np.clip((edge - np.arange(width)) / ramp_px + 0.5, 0, 1)[None, :, None]


@pytest.mark.parametrize("up_dof", [-2.5, -2.0, 1.5, 2.0, 3.0])
def test_a_tile_of_two_heights_is_uneven_and_not_taken_again(up_dof: float, judge: QualityJudge) -> None:
    quality = in_two_heights(0.4, up_dof).judged(judge)
    assert (quality.causes, quality.verdict) == ((verdict.UNEVEN,), "flag")
    assert quality.steepness is None, "nothing is learnt from it"


def test_a_small_part_at_another_height_does_not_make_a_tile_uneven(judge: QualityJudge) -> None:
    assert verdict.UNEVEN not in in_two_heights(0.1, 3.0).judged(judge).causes


@pytest.mark.parametrize(("again_um", "causes"), [(0.2, ()), (0.8, (verdict.HEIGHT_OFF,))])
def test_a_height_that_no_neighbour_expects_is_believed_when_it_is_found_twice(
    again_um: float, causes: tuple[str, ...], judge: QualityJudge
) -> None:
    """A stage that swings deceives all frames of a field, but not twice in the same way."""
    there = good()
    for taken, quality in _scanned()[1]:
        judge.remember(taken.place, taken.tile, replace(quality, z_um=there.shot.z_um))
    far_um = 2 * PROFILE.optics.depth_of_field_um

    def at(z_um: float) -> Quality:
        new = take(site(1, 1), 0.0, -2.0)  # with its own noise
        others = [replace(other, z_um=other.z_um + z_um) for other in new.others]
        return replace(new, shot=replace(new.shot, z_um=new.shot.z_um + z_um), others=others).judged(judge)

    first = at(far_um)
    assert (first.causes, first.verdict) == ((verdict.HEIGHT_OFF,), "retake")
    judge.remember(there.place, there.tile, first)
    assert at(far_um + again_um).causes == causes
    assert at(0.0).causes == ()


def test_the_same_frames_get_the_same_judgement() -> None:
    assert good().judged(copy.deepcopy(_scanned()[0])) == good().judged(copy.deepcopy(_scanned()[0]))


def test_every_cause_has_its_response() -> None:
    causes = {value for name, value in vars(verdict).items() if name.isupper() and isinstance(value, str)}
    assert len(causes) == 10
    assert causes <= RESPONSES.keys()
