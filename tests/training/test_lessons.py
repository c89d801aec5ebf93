"""Lessons: what is asked, and what is shown to calibrate for it."""

from __future__ import annotations

import numpy as np
import pytest

from firmware_host.optics import Objective
from firmware_host.patches import PatchRule
from firmware_host.stack_folder import write_stack
from training.data import DELTAS, EXAMPLE_DOF, PairSet
from training.lessons import Lesson, Lessons
from training.stacks import read_stacks

RULE = PatchRule(32, 1 / 3, 0.15, 2.0, 0.01)
OPTICS = Objective(0.75)
DOF = OPTICS.depth_of_field_um
GREY = {"a0": 40, "a1": 80, "b0": 120, "b1": 160, "lone": 200, "other": 240}  # mean level of a stack's planes


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> PairSet:
    """Slides a and b of two places each; a place whose slide nobody knows; and one of a slide of its own."""
    root = tmp_path_factory.mktemp("stacks")
    rng = np.random.default_rng(0)
    slides = {"a0": "a", "a1": "a", "b0": "b", "b1": "b", "lone": "", "other": "c"}
    for name, slide in slides.items():
        images = [(GREY[name] + rng.integers(-14, 15, (60, 60, 3))).astype(np.uint8) for _ in range(31)]
        z_um = np.round((np.arange(31) - 20) * 0.4 * DOF, 3)
        write_stack(root / "X/train" / name, images, z_um, OPTICS, 0.25, "png", slide)
    stacks, _ = read_stacks(root, "train", OPTICS, 0.25)
    return PairSet(stacks, RULE, 6.5, root / "cache", lambda *_: None)


def lessons(pairs: PairSet, count: int = 60, examples: int = 5, seed: int = 1) -> list[Lesson]:
    source = Lessons(pairs, 16, examples, seed)
    return [source.lesson(number) for number in range(count)]


def stack_of(images: np.ndarray) -> list[str]:
    levels = images.mean((1, 2, 3))
    names = list(GREY)
    return [names[int(np.abs(level - np.array(list(GREY.values()))).argmin())] for level in levels]


def test_a_lesson_is_a_function_of_its_number_and_seed(pairs: PairSet) -> None:
    once, again, other = lessons(pairs, 3), lessons(pairs, 3), lessons(pairs, 3, seed=2)
    for number in range(3):
        for part in ("asked", "shown"):
            np.testing.assert_array_equal(getattr(once[number], part).first, getattr(again[number], part).first)
        assert not np.array_equal(once[number].asked.first, other[number].asked.first)
    assert not np.array_equal(once[0].asked.first, once[1].asked.first)


def test_examples_come_from_other_places_of_the_same_slide(pairs: PairSet) -> None:
    """Never from the place that is asked: it would show its own tissue. A place without neighbours gets none."""
    partner = {"a0": "a1", "a1": "a0", "b0": "b1", "b1": "b0"}
    met = set()
    for lesson in lessons(pairs):
        assert (len(lesson.asked_of), set(lesson.asked_of)) == (16, {0, 1, 2, 3})
        asked, shown = stack_of(lesson.asked.second), stack_of(lesson.shown.second)
        for slide in range(4):
            (name,) = {asked[at] for at in np.flatnonzero(lesson.asked_of == slide)}
            others = {shown[at] for at in np.flatnonzero(lesson.shown_of == slide)}
            assert others <= {partner.get(name)}
            met.add((name, bool(others)))
        counts = np.bincount(lesson.shown_of, minlength=4)
        assert set(counts.tolist()) <= {0, 5}
        np.testing.assert_array_equal(lesson.known, np.flatnonzero(counts))
    # slides are asked without examples now and then, so that the network can do without
    assert met == {(name, True) for name in partner} | {(name, False) for name in GREY}


def test_asked_moves_are_true_and_shown_moves_nearly(pairs: PairSet) -> None:
    """Planes are 0.4 DoF apart: a move that is asked is a multiple of that, one that is shown has a sweep's error."""
    drawn = lessons(pairs)
    asked = np.concatenate([lesson.asked.move_dof for lesson in drawn]) / 0.4
    shown = np.concatenate([lesson.shown.move_dof for lesson in drawn])
    assert np.abs(asked - np.round(asked)).max() < 0.01
    off = shown - 0.4 * np.round(shown / 0.4)
    assert 0.02 < off.std() < 0.1
    assert np.abs(shown).max() < EXAMPLE_DOF + 0.4
    assert np.abs(asked).max() * 0.4 > EXAMPLE_DOF


def test_without_examples_nothing_is_shown(pairs: PairSet) -> None:
    lesson = lessons(pairs, 1, examples=0)[0]
    assert (len(lesson.shown_of), lesson.shown.first.shape, len(lesson.known)) == (0, (0, 32, 32, 3), 0)


def test_the_examples_of_an_evaluation_are_the_scanner_s(pairs: PairSet) -> None:
    """Seven pairs near focus at every other place of the slide, their most textured patches."""
    examples = pairs.examples("a0", 1)
    assert set(stack_of(examples.second)) == {"a1"}
    assert len(examples.move_dof) == 7
    assert np.abs(examples.move_dof).max() <= EXAMPLE_DOF
    assert len(pairs.examples("lone", 1).move_dof) == len(pairs.examples("other", 1).move_dof) == 0


def test_pairs_of_every_distance_are_there(pairs: PairSet) -> None:
    assert all(pairs.pairs(0, delta) for delta in range(len(DELTAS)))
