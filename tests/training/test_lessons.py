"""Lessons: what is asked, and who calibrates for whom."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from firmware_host.errors import UsageError
from firmware_host.focus.calibration import CODE_DOF
from firmware_host.optics import Objective
from firmware_host.patches import PatchRule
from firmware_host.stack_folder import write_stack
from training.data import DELTAS, PairSet, joined
from training.lessons import NOBODY, Lesson, Lessons
from training.settings import PAIRS_PER_PLACE
from training.stacks import read_stacks

RULE = PatchRule(32, 1 / 3, 0.15, 2.0, 0.01)
OPTICS = Objective(0.75)
DOF = OPTICS.depth_of_field_um
GREY = {"a0": 40, "a1": 80, "b0": 120, "b1": 160, "lone": 200, "other": 240}  # mean level of a stack's planes
PARTNER = {"a0": "a1", "a1": "a0", "b0": "b1", "b1": "b0"}
PIXEL_UM = {name: 0.25 if name < "b" else 0.26 for name in GREY}
EXAMPLES = 5


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> PairSet:
    """Slides a and b of two places each; a place whose slide nobody knows; and one of a slide of its own."""
    root = tmp_path_factory.mktemp("stacks")
    rng = np.random.default_rng(0)
    slides = {"a0": "a", "a1": "a", "b0": "b", "b1": "b", "lone": "", "other": "c"}
    for name, slide in slides.items():
        images = [(GREY[name] + rng.integers(-14, 15, (60, 60, 3))).astype(np.uint8) for _ in range(31)]
        z_um = np.round((np.arange(31) - 20) * 0.4 * DOF, 3)
        write_stack(root / "X/train" / name, images, z_um, OPTICS, PIXEL_UM[name], "png", slide)
    stacks, _ = read_stacks(root, "train", OPTICS, 0.25)
    return PairSet(stacks, RULE, 6.5, root / "cache", lambda *_: None)


def lessons(pairs: PairSet, count: int = 60, examples: int = EXAMPLES, seed: int = 1) -> list[Lesson]:
    source = Lessons(pairs, 5 * PAIRS_PER_PLACE, examples, seed)
    return [source.lesson(number) for number in range(count)]


def stack_of(images: np.ndarray) -> list[str]:
    levels = images.mean((1, 2, 3))
    names = list(GREY)
    return [names[int(np.abs(level - np.array(list(GREY.values()))).argmin())] for level in levels]


def by_place(part: np.ndarray) -> np.ndarray:
    return part.reshape(-1, PAIRS_PER_PLACE)


def test_a_lesson_is_a_function_of_its_number_and_seed(pairs: PairSet) -> None:
    once, again, other = lessons(pairs, 3), lessons(pairs, 3), lessons(pairs, 3, seed=2)
    for number in range(3):
        for part in ("camera", "optics", "shown_dof", "teacher"):
            np.testing.assert_array_equal(getattr(once[number], part), getattr(again[number], part))
        np.testing.assert_array_equal(once[number].pairs.first, again[number].pairs.first)
        assert not np.array_equal(once[number].pairs.first, other[number].pairs.first)
    assert not np.array_equal(once[0].pairs.first, once[1].pairs.first)


def test_another_place_of_the_same_slide_teaches(pairs: PairSet) -> None:
    """Never the place that is asked: it would show its own tissue. A place without neighbours has no teacher."""
    met = set()
    for lesson in lessons(pairs):
        assert len(lesson.teacher) == 5
        names = by_place(np.array(stack_of(lesson.pairs.second)))
        assert all(len(set(row)) == 1 for row in names)
        for name, teacher in zip(names[:, 0], lesson.teacher, strict=True):
            assert teacher == NOBODY or names[teacher, 0] == PARTNER.get(name)
            met.add((str(name), bool(teacher != NOBODY)))
    # slides are asked untaught now and then, so that the network can do without
    assert met == {(name, True) for name in PARTNER} | {(name, False) for name in GREY}


def test_the_places_of_a_slide_share_its_camera_and_tell_their_optics(pairs: PairSet) -> None:
    for lesson in lessons(pairs, 20):
        names, cameras = by_place(np.array(stack_of(lesson.pairs.second)))[:, 0], by_place(lesson.camera)
        for at, teacher in enumerate(lesson.teacher):
            assert len(set(cameras[at])) == 1
            assert teacher == NOBODY or cameras[at, 0] == cameras[teacher, 0]
        expected = [RULE.optics_code(OPTICS, PIXEL_UM[name]) for name in names]
        np.testing.assert_allclose(lesson.optics, expected)


def test_answers_are_true_and_what_is_shown_is_measured(pairs: PairSet) -> None:
    """Planes are 0.4 DoF apart: a true move is a multiple of that, a shown one has a sweep's error and is near."""
    drawn = lessons(pairs)
    true = np.concatenate([by_place(lesson.pairs.move_dof) for lesson in drawn]) / 0.4
    shown = np.concatenate([lesson.shown_dof for lesson in drawn])
    assert np.abs(true - np.round(true)).max() < 0.01
    off = shown - 0.4 * true[:, :EXAMPLES]
    assert 0.02 < off.std() < 0.1
    assert np.abs(shown).max() < CODE_DOF + 0.4
    assert np.abs(true[:, EXAMPLES:]).min() * 0.4 > CODE_DOF


def test_without_examples_nobody_teaches(pairs: PairSet) -> None:
    lesson = lessons(pairs, 1, examples=0)[0]
    assert lesson.shown_dof.shape == (5, 0)
    assert set(lesson.teacher) == {NOBODY}
    near = np.abs(lesson.pairs.move_dof) <= CODE_DOF
    assert 0 < near.sum() < len(near)


def test_the_examples_of_an_evaluation_are_the_scanner_s(pairs: PairSet) -> None:
    """Seven pairs at every other place of the slide, up to six DoF from focus, their best patches."""
    examples = pairs.examples("a0", 1)
    assert len(examples) == 7
    assert set(stack_of(joined(examples).second)) == {"a1"}
    moves = joined(examples).move_dof
    assert moves.min() == pytest.approx(-4, abs=0.4)  # as far as these stacks go
    assert moves.max() == pytest.approx(6, abs=0.4)
    assert pairs.examples("lone", 1) == pairs.examples("other", 1) == []


def test_pairs_of_every_distance_are_there(pairs: PairSet) -> None:
    assert all(pairs.pairs(0, delta) for delta in range(len(DELTAS)))


def test_a_split_is_by_slide_and_lessons_keep_to_their_part(pairs: PairSet) -> None:
    learnt, held = pairs.split(0.3)
    slide = {number: stack.slide or stack.name for number, stack in enumerate(pairs.stacks)}
    ours, theirs = ({slide[number] for number in part.kept} for part in (learnt, held))
    assert ours | theirs == set(slide.values())
    assert not ours & theirs
    assert len(theirs) == 1
    assert len(learnt) + len(held) == len(pairs)
    met = {name for lesson in lessons(learnt, 20) for name in stack_of(lesson.pairs.second)}
    assert met == {pairs.stacks[number].name for number in learnt.kept}
    assert {field.stack for field in held.fields(1000, 1, seed=0).fields} == {
        pairs.stacks[number].name for number in held.kept
    }


def test_one_slide_is_split_by_place_and_one_place_not_at_all(pairs: PairSet, tmp_path: Path) -> None:
    of_a = [stack for stack in pairs.stacks if stack.slide == "a"]
    both = PairSet(of_a, RULE, 6.5, tmp_path / "both", lambda *_: None)
    assert [list(part.kept) for part in both.split(0.0)] in ([[0], [1]], [[1], [0]])
    with pytest.raises(UsageError, match="one position is too few to learn from and to validate"):
        PairSet(of_a[:1], RULE, 6.5, tmp_path / "one", lambda *_: None).split(0.5)


def test_stacks_without_pairs_are_in_neither_part(pairs: PairSet, tmp_path: Path) -> None:
    """Else a part could be left with nothing to learn from, or to judge."""
    useless = replace(pairs.stacks[-1], name="useless", planes=pairs.stacks[-1].planes[:3])
    three = PairSet([*pairs.stacks[:2], useless], RULE, 6.5, tmp_path / "three", lambda *_: None)
    assert sorted(number for part in three.split(0.5) for number in part.kept) == [0, 1]
