"""Z-stacks rendered by many different twins, in the stack folders that every tool here reads.

Every slide is another tissue under another objective and another camera: what the optical units do not take out
(thickness, aberrations, condenser, noise, colour) is what varies here. A slide to learn from gives stacks of two
places: pairs of frames of the one, with known answers, calibrate the network for the other. A slide to test on gives
as many as a scanner calibrates with, and one more.
"""

from __future__ import annotations

import math
import multiprocessing
import string
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from firmware_host.optics import Objective
from firmware_host.stack_folder import Split, write_stack
from firmware_host.twin.column import OpticalColumn
from firmware_host.twin.pupil import Aberrations, colour_transfers
from firmware_host.twin.section import ProceduralSection, Specimen
from firmware_host.twin.section_style import SectionStyle, draw_style
from firmware_host.twin.sensor import Sensor, SensorStyle
from firmware_host.twin.slide import draw_surface
from training.data import EXAMPLE_PLACES
from training.random_tissue import RandomTissue
from training.recipe import DELTA_TOLERANCE, NA_RANGE, RULE, TEST_NA

FIELD_PX = {"train": 256, "test": 512}
LOWEST_DOF, HIGHEST_DOF = -9.0, 6.6  # of the first frame of the lowest pair, and the second of the highest
_PLACES = {"train": 2, "test": 1 + EXAMPLE_PLACES}
_STEP_DOF = {"train": RULE.delta_dof * DELTA_TOLERANCE, "test": RULE.delta_dof / 3}
_DIAMETER_UM = 2600.0
_CENTRE_UM = (1500.0, 1500.0)


@dataclass(frozen=True)
class _Job:
    out: Path
    split: Split
    number: int
    seed: int


def synthesize(
    out: Path,
    slides: int,
    test_slides: int,
    seed: int,
    workers: int,
    progress: Callable[[int, int], None],
) -> None:
    """Render the stacks of `slides` training slides and `test_slides` test slides below `out`.

    The same seed gives the same files, whatever the number of workers.

    :param workers: processes that render side by side.
    :param progress: called with (slides done, slides in all).
    """
    jobs = [_Job(out, "train", number, seed) for number in range(slides)]
    jobs += [_Job(out, "test", slides + number, seed) for number in range(test_slides)]
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        for done, _ in enumerate(pool.imap_unordered(_render_slide, jobs), start=1):
            progress(done, len(jobs))


def _render_slide(job: _Job) -> None:
    rng = np.random.default_rng([job.seed, job.number])
    na = float(rng.uniform(*NA_RANGE)) if job.split == "train" else TEST_NA[job.number % len(TEST_NA)]
    optics = Objective(na, wavelength_um=0.55)
    pixel_um = RULE.sampling * optics.lateral_unit_um * _draw_sampling(rng)
    specimen_seed = int(rng.integers(1 << 31))
    shape = (FIELD_PX[job.split], FIELD_PX[job.split])
    column = OpticalColumn(
        _draw_specimen(rng, job.split, specimen_seed, pixel_um),
        draw_surface(specimen_seed, 0.0, _CENTRE_UM, float(rng.uniform(0, 3)), float(rng.uniform(0, 2))),
        colour_transfers(optics, _draw_aberrations(rng), (0.61, 0.55, 0.465)),
        _draw_colour_shift(rng, optics),
        shape,
        pixel_um,
    )
    sensor = Sensor(_draw_sensor(rng), shape, specimen_seed)
    sway_px = float(rng.uniform(0, 0.3))  # the stage does not rise quite straight
    slide = f"s{job.number:05d}"
    for at in range(_PLACES[job.split]):
        x_um, y_um, focus_um = _textured_place(rng, column)
        z_um = plane_heights_um(rng, optics, job.split)
        path_px = np.cumsum(rng.normal(0, sway_px, (len(z_um), 2)), axis=0)
        images = [
            sensor.expose(
                column.transmittance(x_um, y_um, focus_um + z, sideways_px=(right, down)),
                rng.normal(1, 0.01),
                at * len(z_um) + index,
            )
            for index, (z, (right, down)) in enumerate(zip(z_um, path_px.tolist(), strict=True))
        ]
        write_stack(
            job.out / "X" / job.split / f"{slide}{string.ascii_lowercase[at]}",
            images,
            z_um,
            optics,
            pixel_um,
            slide=slide,
        )


def _draw_specimen(rng: np.random.Generator, split: Split, seed: int, pixel_um: float) -> Specimen:
    """Half of the sections to learn from look like tissue, half are of random matter; those to test on all do."""
    thickness_um = float(rng.uniform(0.3, 3.2))
    if split == "train" and rng.random() < 0.5:
        return RandomTissue(seed, thickness_um)
    style = _draw_style(rng) if split == "train" else draw_style(rng)
    return ProceduralSection(seed, pixel_um, _CENTRE_UM, _DIAMETER_UM, thickness_um, style)


def _draw_style(rng: np.random.Generator) -> SectionStyle:
    """A section as the emulated slide has them, with more of everything."""
    style = draw_style(rng)
    return replace(
        style,
        gland_share=float(rng.uniform(0.0, 0.9)),
        nucleus_radius_um=float(rng.uniform(1.5, 5.0)),
        crowding=float(rng.uniform(0.2, 1.0)),
        fibre_um=float(rng.uniform(0.7, 4.0)),
        grain=float(rng.uniform(0.2, 2.0)),
    )


def _draw_sampling(rng: np.random.Generator) -> float:
    """Most cameras sample about as the network wants it, some are scaled first."""
    if rng.random() < 0.75:
        return float(rng.uniform(1 - RULE.sampling_tolerance, 1 + RULE.sampling_tolerance))
    return float(rng.uniform(0.62, 1.8))


def _draw_aberrations(rng: np.random.Generator) -> Aberrations:
    return Aberrations(
        spherical_waves=float(rng.normal(0, 0.05)),
        coherence=float(rng.uniform(0.5, 1.0)),
        phase_ratio=float(rng.normal(0, 0.15)),
    )


def _draw_colour_shift(rng: np.random.Generator, optics: Objective) -> tuple[float, float, float]:
    spread = float(rng.normal(0, 0.5)) * optics.depth_of_field_um
    bow = float(rng.normal(0, 0.15)) * optics.depth_of_field_um
    return (-spread / 2 + bow, 0.0, spread / 2 + bow)


def _draw_sensor(rng: np.random.Generator) -> SensorStyle:
    red, green, blue = (float(value) for value in rng.uniform(0.6, 0.9, 3))
    return SensorStyle(
        full_well_electrons=float(rng.uniform(4000, 15000)),
        read_noise_electrons=float(rng.uniform(2, 10)),
        vignetting=float(rng.uniform(0, 0.2)),
        white=(red, green, blue),
        gamma=float(rng.choice([1 / 2.2, 1 / 1.8, 1.0])),
        dust=int(rng.integers(0, 2)),
    )


def _textured_place(rng: np.random.Generator, column: OpticalColumn) -> tuple[float, float, float]:
    """A place in the section that has something to focus on, and the true z of focus there."""
    for _ in range(1000):
        angle, radius = rng.uniform(0, 2 * math.pi), _DIAMETER_UM / 2 * math.sqrt(rng.uniform(0, 0.8))
        x_um = _CENTRE_UM[0] + radius * math.cos(angle)
        y_um = _CENTRE_UM[1] + radius * math.sin(angle)
        focus_um = column.focus_z_um(x_um, y_um)
        if focus_um is not None:
            return x_um, y_um, focus_um
    raise RuntimeError("the section has no tissue")


def plane_heights_um(rng: np.random.Generator, optics: Objective, split: Split) -> NDArray[np.float64]:
    """z of each plane relative to focus, um, rounded to nm, with a random start.

    To test on: a third of delta apart. To learn from: planes the rule's delta apart, and a second such row a fifth of
    delta above it. The two rows pair with themselves at delta, and with each other at four and at six fifths of it: as
    many pairs from a plane as can be, so that the time goes into more sections instead.
    """
    dof_nm = optics.depth_of_field_um * 1000
    low_nm, high_nm, delta_nm, step_nm = (
        round(length * dof_nm) for length in (LOWEST_DOF, HIGHEST_DOF, RULE.delta_dof, _STEP_DOF[split])
    )
    if split == "test":
        return np.arange(low_nm + int(rng.integers(step_nm)), high_nm + 1, step_nm) / 1000
    row = np.arange(low_nm + int(rng.integers(delta_nm)), high_nm + 1, delta_nm)
    return np.sort(np.concatenate([row, row + step_nm])) / 1000
