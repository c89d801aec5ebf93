"""How well tiles are judged: which of those that are out of focus on purpose pass, and which good ones do not.

Fields of emulated slides, none of which the judge's figures were chosen on. Each is scanned as a scan does it, a little
off focus as the network is, and then taken again at heights that only this suite knows.
"""

from __future__ import annotations

import copy
import itertools
import math
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.machine import Machine
from benchmarks.measure import Row, figure, row
from benchmarks.scans import Scanner, profile_of
from firmware_host.profile import Profile
from firmware_host.profile_tables import TwinTable
from firmware_host.quality.judge import QualityJudge, Shot
from firmware_host.quality.verdict import BLURRED, NOT_JUDGED, UNEVEN
from firmware_host.scan.light import FlatField
from firmware_host.scan.plan import Site
from firmware_host.twin.column import OpticalColumn
from firmware_host.twin.emulation import CAMERA_WAVELENGTHS_UM, twin_of
from firmware_host.twin.pupil import Aberrations, colour_transfers
from firmware_host.twin.section import ProceduralSection
from firmware_host.twin.sensor import Sensor, SensorStyle
from firmware_host.twin.slide import draw_surface

_SUITE = "quality"
_SEEDS = range(200, 220)
_OBJECTIVES: dict[str, Scanner] = {"20x/0.75": "emulated", "20x/0.65": "20x/0.65", "10x/0.40": "10x/0.40"}
_ROWS, _COLUMNS = 2, 3
_CENTRE_UM = (4000.0, 3000.0)
_NETWORK_DOF = 0.1  # standard deviation of what the two-shot network leaves
_EDGES_DOF = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0, 5.0)
_THICKNESS_UM = (1.0, 2.0, 3.0, 4.0)
_SPHERICAL_WAVES = (0.04, -0.04, 0.08, -0.08, 0.0)
_EMPTY_FRAMES = 3


@dataclass(frozen=True)
class Trial:
    """A tile that was judged. :param true_dof: its z minus that of focus; :param told_dof: what the judge said."""

    seed: int
    true_dof: float
    told_dof: float | None
    causes: tuple[str, ...]
    judge_ms: float

    @property
    def flagged(self) -> bool:
        return bool({BLURRED, UNEVEN, NOT_JUDGED} & set(self.causes))


class EmulatedField:
    """A slide under an objective, looked at without a stage: any place and height, a new exposure each time."""

    def __init__(self, profile: Profile, seed: int, coherence: float = 0.85) -> None:
        """:param coherence: condenser aperture over objective aperture."""
        twin: TwinTable = twin_of(profile)
        camera = profile.camera
        self._shape = (camera.height_px, camera.width_px)
        self._dof_um = profile.optics.depth_of_field_um
        self._numbers = itertools.count()
        aberrations = Aberrations(_SPHERICAL_WAVES[seed % len(_SPHERICAL_WAVES)], coherence, 0.1)
        thickness_um = _THICKNESS_UM[seed % len(_THICKNESS_UM)]
        self._column = OpticalColumn(
            ProceduralSection(seed, camera.pixel_um, _CENTRE_UM, twin.tissue_mm * 1e3, thickness_um),
            draw_surface(seed, twin.surface_z_um, _CENTRE_UM, twin.tilt_um_per_mm, twin.bump_um),
            colour_transfers(profile.optics, aberrations, CAMERA_WAVELENGTHS_UM),
            (-twin.chromatic_um / 2, 0.0, twin.chromatic_um / 2),
            self._shape,
            camera.pixel_um,
        )
        style = SensorStyle(twin.full_well_electrons, twin.read_noise_electrons, twin.vignetting)
        self._sensor = Sensor(style, self._shape, seed)
        self.flat_field = FlatField.from_empty([self.empty() for _ in range(_EMPTY_FRAMES)])

    def empty(self) -> NDArray[np.uint8]:
        """A frame of empty glass."""
        return self._expose([np.ones(self._shape, np.float32)] * 3)

    def shots(self, site: Site, heights_dof: Sequence[float]) -> list[Shot] | None:
        """Frames at heights above focus, DoF; None where there is nothing to focus on."""
        focus_um = self._column.focus_z_um(site.x_um, site.y_um)
        if focus_um is None:
            return None
        heights_um = [focus_um + height * self._dof_um for height in heights_dof]
        return [Shot(z, self._expose(self._column.transmittance(site.x_um, site.y_um, z))) for z in heights_um]

    def _expose(self, light: Sequence[NDArray[np.float32]]) -> NDArray[np.uint8]:
        return self._sensor.expose(light, 1.0, next(self._numbers))


def trials(profile: Profile, seed: int) -> Iterator[Trial]:
    """Scan some fields of a slide, and judge each again out of focus; once a field for each pair of edges."""
    rng = np.random.default_rng([seed, 71])
    slide, judge = EmulatedField(profile, seed), QualityJudge(profile)
    for site in _sites(profile, rng):
        scanned = slide.shots(site, _heights(float(rng.normal(0, _NETWORK_DOF)), rng))
        if scanned is None:
            continue
        tile = slide.flat_field.apply(scanned[0].image)
        judge.remember(site, tile, judge.judge(site, tile, scanned[0], scanned[1:]))
        for low, high in itertools.pairwise(_EDGES_DOF):
            true_dof = float(rng.uniform(low, high) * rng.choice((-1, 1)))
            again = slide.shots(site, _heights(true_dof, rng)) or []
            tile = slide.flat_field.apply(again[0].image)
            fresh = copy.deepcopy(judge)  # what is tried here is no part of the scan
            began_s = time.thread_time()
            quality = fresh.judge(site, tile, again[0], again[1:])
            judge_ms = (time.thread_time() - began_s) * 1000
            if quality.sharpness is not None:
                yield Trial(seed, true_dof, quality.defocus_dof, quality.causes, judge_ms)


def _heights(tile_dof: float, rng: np.random.Generator) -> list[float]:
    """Of a tile and its focus frames, DoF: the second of two frames, or a third one after a move."""
    if rng.random() < 0.5:
        return [tile_dof, tile_dof - 2]
    second_dof = tile_dof - float(rng.uniform(0.3, 3.5) * rng.choice((-1, 1)))
    return [tile_dof, second_dof, second_dof - 2]


def _sites(profile: Profile, rng: np.random.Generator) -> list[Site]:
    width_um, height_um = (side * (1 - profile.scan.overlap) for side in profile.field_um)
    assert profile.twin is not None
    room_um = profile.twin.tissue_mm * 250
    x_um, y_um = (middle + float(rng.uniform(-room_um, room_um)) for middle in _CENTRE_UM)
    return [
        Site(line, col, x_um + (col - 1) * width_um, y_um + line * height_um)
        for line in range(_ROWS)
        for col in range(_COLUMNS)
    ]


def quality(machine: Machine) -> list[Row]:
    """By objective: the share of tiles that is flagged, by how far they are from focus; and what a judgement costs.

    Each slide lies under one of the objectives, in turn.
    """
    if not machine.is_emulated:
        return []
    done: dict[str, list[Trial]] = {objective: [] for objective in _OBJECTIVES}
    for seed, objective in zip(_SEEDS, itertools.cycle(_OBJECTIVES), strict=False):
        done[objective] += trials(profile_of(_OBJECTIVES[objective]), seed)
    everything = list(itertools.chain.from_iterable(done.values()))
    return [
        *itertools.chain.from_iterable(shares(objective, some) for objective, some in done.items()),
        *promises("all", everything),
        row(_SUITE, "judging a tile, processor time", "ms", [trial.judge_ms for trial in everything]),
    ]


def shares(objective: str, done: Sequence[Trial]) -> list[Row]:
    """Per cent flagged between any two edges, and the promises."""
    rows = []
    for low, high in itertools.pairwise(_EDGES_DOF):
        flags = [trial.flagged for trial in done if low <= abs(trial.true_dof) < high]
        rows += _share(f"{objective}: flagged, {low:g} to {high:g} DoF off", flags)
    return [*rows, *promises(objective, done)]


def promises(objective: str, done: Sequence[Trial]) -> list[Row]:
    """What the scan promises, in one figure each."""
    told = [abs(t.told_dof - t.true_dof) for t in done if t.told_dof is not None and abs(t.true_dof) < 1.5]
    return [
        *_share(f"{objective}: let pass, more than 1 DoF off", [not t.flagged for t in done if abs(t.true_dof) > 1]),
        *_share(f"{objective}: flagged, within DoF/4", [t.flagged for t in done if abs(t.true_dof) < 0.25]),
        row(_SUITE, f"{objective}: error of the defocus told, within 1.5 DoF", "DoF", told or [math.nan], "mean"),
    ]


def _share(name: str, flags: Sequence[bool]) -> list[Row]:
    return [figure(_SUITE, name, "%", 100 * statistics.fmean(flags), len(flags))] if flags else []
