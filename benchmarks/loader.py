"""Whether training waits for its data."""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.machine import Machine
from benchmarks.measure import Row, timed


def loader(_machine: Machine) -> list[Row]:
    """Whether training waits for its data: a lesson drawn, developed, seen, and learnt from."""
    import torch

    from training import recipe
    from training.augment import developed
    from training.data import PairSet
    from training.lessons import Lessons
    from training.loss import focus_loss
    from training.network import FocusNetwork
    from training.rehearsal import Seen, joined
    from training.settings import FitSettings
    from training.stacks import read_stacks
    from training.synthesize import synthesize

    with tempfile.TemporaryDirectory() as scratch:
        synthesize(Path(scratch), 4, 1, 1, 1, lambda done, total: None)  # noqa: ARG005
        stacks, _ = read_stacks(Path(scratch), "train", recipe.DEFAULT_OPTICS, recipe.DEFAULT_PIXEL_UM)
        cache = Path(scratch) / "cache"
        pairs = PairSet(stacks, recipe.RULE, recipe.MAX_MOVE_DOF, cache, lambda done, total: None)  # noqa: ARG005
        settings = FitSettings()
        lessons = Lessons(pairs, settings.batch, settings.examples, 1)
        numbers = itertools.count()
        rows = [timed("loader", "draw a lesson, one core", lambda: lessons.lesson(next(numbers)), 20)]
        lesson = lessons.lesson(0)
    first, second, truth, optics, shown, teacher = (
        torch.from_numpy(part)
        for part in (
            lesson.pairs.first,
            lesson.pairs.second,
            lesson.pairs.move_dof,
            lesson.optics,
            lesson.shown_dof,
            lesson.teacher,
        )
    )
    network = FocusNetwork.of(settings).train()
    network.backbone.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    rng = np.random.default_rng(0)
    before, after = developed(first, second, lesson.camera, rng)
    with torch.no_grad():
        images, spectra, texture = network.see(before, after)
    seen = Seen(spectra, texture, truth, optics, shown, teacher)
    rehearsed = joined([seen] * (1 + settings.rehearsed))

    def see() -> None:
        with torch.no_grad():
            network.see(before, after)

    def learn(all_of: Seen) -> None:
        move = network.learn(images, all_of.spectra, all_of.texture, all_of.optics, all_of.shown_dof, all_of.teacher)
        focus_loss(move, all_of.move_dof, all_of.texture, 1).backward()  # type: ignore[no-untyped-call]

    for name, work in (
        ("develop a lesson", lambda: developed(first, second, lesson.camera, rng)),
        ("take its spectra", see),
        ("learn from it", lambda: learn(seen)),
        (f"learn from it and {settings.rehearsed} earlier ones", lambda: learn(rehearsed)),
    ):
        rows.append(timed("loader", f"{name}, all cores", work, 12))
    return rows
