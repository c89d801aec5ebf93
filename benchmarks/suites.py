"""The suites, each a short list of what is timed."""

from __future__ import annotations

import functools
import itertools
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.inference import inference
from benchmarks.measure import Row, timed
from benchmarks.runtime import runtime
from firmware_host.inference.ort import OrtPatchModel
from firmware_host.inference.port import NOTHING_KNOWN
from firmware_host.optics import Objective
from firmware_host.twin.column import OpticalColumn
from firmware_host.twin.pupil import Aberrations, colour_transfers
from firmware_host.twin.section import ProceduralSection
from firmware_host.twin.sensor import Sensor, SensorStyle
from firmware_host.twin.slide import draw_surface

_CENTRE_UM = (1000.0, 1000.0)


def render() -> list[Row]:
    """The twin's picture of a 1024 x 1024 colour field: another height, another place, and tissue never seen."""
    shape = (1024, 1024)
    section = ProceduralSection(1, 0.25, _CENTRE_UM, 2400, 2.0)
    surface = draw_surface(1, 0.0, _CENTRE_UM, 1.0, 2.0)
    transfers = colour_transfers(Objective(0.75), Aberrations(0.04, 0.85, 0.1), (0.61, 0.545, 0.465))
    column = OpticalColumn(section, surface, transfers, (-0.3, 0.0, 0.3), shape, 0.25)
    sensor = Sensor(SensorStyle(8000, 4, 0.25), shape, 1)
    heights = itertools.cycle(np.linspace(-4, 4, 9).tolist())
    shifts = itertools.count()
    fresh = itertools.cycle(range(-3, 4))

    def field(z_um: float, shift_um: float) -> None:
        sensor.expose(column.transmittance(_CENTRE_UM[0] + shift_um, _CENTRE_UM[1], z_um), 1.0, 0)

    return [
        timed("render", "same place, another height", lambda: field(next(heights), 0.0), 30, warm_up=9),
        timed("render", "another place, its tissue made before", lambda: field(0.0, next(shifts) % 5 * 0.1), 15, 6),
        timed("render", "another place, its tissue made now", lambda: field(0.0, next(fresh) * 256.0), 10, 1),
    ]


_NETWORKS = (  # width, stride of the stem, spectra, size of a patch in pixels
    (0.5, 4, 512, 128),
    (0.5, 4, 0, 128),
    (0.35, 4, 0, 128),
    (0.75, 4, 0, 128),
    (1.0, 4, 0, 128),
    (0.5, 2, 0, 128),
    (0.5, 2, 0, 64),
    (0.5, 4, 0, 64),
)


def networks() -> list[Row]:
    """What width, stem, spectra and the patch's size cost: an area of 16 patches of 128 px, FP32."""
    from export.onnx import to_onnx
    from training.network import FocusNetwork

    rng = np.random.default_rng(0)
    rows = []
    for width, stride, spectra, size in _NETWORKS:
        count = 16 * (128 // size) ** 2
        first, second = (rng.integers(0, 256, (count, size, size, 3), dtype=np.uint8) for _ in range(2))
        model = OrtPatchModel(
            to_onnx(FocusNetwork(width, "difference+second", stride, spectra, size).eval(), size), size
        )
        name = f"width {width:g}, stem stride {stride}, {'spectra, ' if spectra else ''}{count} patches of {size} px"
        rows.append(timed("networks", name, functools.partial(model.predict, first, second, NOTHING_KNOWN), 12))
    return rows


def loader() -> list[Row]:
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


SUITES: dict[str, Callable[[], list[Row]]] = {
    "render": render,
    "inference": inference,
    "runtime": runtime,
    "networks": networks,
    "loader": loader,
}
