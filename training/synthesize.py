"""Z-stacks rendered by many different twins, in the stack folders that every tool here reads.

Every section is another tissue under another objective and another camera: what the optical units do not take out
(thickness, aberrations, noise, colour) is what varies here, so that the network must not rely on it.
"""

from __future__ import annotations

import math
import multiprocessing
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from firmware_host.optics import Objective
from firmware_host.twin.column import OpticalColumn
from firmware_host.twin.pupil import Aberrations, colour_transfers
from firmware_host.twin.section import ProceduralSection
from firmware_host.twin.sensor import Sensor, SensorStyle
from firmware_host.twin.slide import draw_surface
from training.stacks import write_stack

FIELD_PX = 320
PLANE_STEP_DOF = 0.5
HALF_RANGE_DOF = 9.0
SAMPLING = 1 / 3  # pixel pitch in lambda/NA
_POSITIONS_PER_SECTION = 4
_DIAMETER_UM = 1600.0
_CENTRE_UM = (1000.0, 1000.0)


@dataclass(frozen=True)
class _Job:
    out: Path
    split: str
    section: int
    seed: int
    positions: int


def synthesize(
    out: Path,
    positions: int,
    test_positions: int,
    seed: int,
    workers: int,
    progress: Callable[[int, int], None],
) -> None:
    """Render `positions` training stacks and `test_positions` test stacks below `out`.

    No section is in both splits. The same seed gives the same files, whatever the number of workers.

    :param workers: processes that render side by side.
    :param progress: called with (positions done, positions in all).
    """
    jobs = []
    for split, count in (("train", positions), ("test", test_positions)):
        for index in range(math.ceil(count / _POSITIONS_PER_SECTION)):
            here = min(_POSITIONS_PER_SECTION, count - index * _POSITIONS_PER_SECTION)
            jobs.append(_Job(out, split, len(jobs), seed, here))
    done = 0
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        for finished in pool.imap_unordered(_render_section, jobs):
            done += finished
            progress(done, positions + test_positions)


def _render_section(job: _Job) -> int:
    rng = np.random.default_rng([job.seed, job.section])
    optics = Objective(na=float(rng.uniform(0.65, 0.80)), wavelength_um=0.55)
    pixel_um = SAMPLING * optics.lateral_unit_um * float(rng.uniform(0.88, 1.12))
    specimen_seed = int(rng.integers(1 << 31))
    section = ProceduralSection(
        specimen_seed, pixel_um, _CENTRE_UM, _DIAMETER_UM, thickness_um=float(rng.uniform(0.3, 3.2))
    )
    surface = draw_surface(specimen_seed, 0.0, _CENTRE_UM, float(rng.uniform(0, 3)), float(rng.uniform(0, 2)))
    column = OpticalColumn(
        section,
        surface,
        colour_transfers(optics, _draw_aberrations(rng), (0.61, 0.55, 0.465)),
        _draw_colour_shift(rng),
        (FIELD_PX, FIELD_PX),
        pixel_um,
    )
    sensor = Sensor(_draw_sensor(rng), (FIELD_PX, FIELD_PX), specimen_seed)
    for position in range(job.positions):
        x_um, y_um, focus_um = _textured_place(rng, column)
        z_um = _plane_heights(rng, optics)
        images = [
            sensor.expose(column.transmittance(x_um, y_um, focus_um + z), 1.0, position * 1000 + index)
            for index, z in enumerate(z_um)
        ]
        folder = job.out / "X" / job.split / f"s{job.section:04d}p{position}"
        write_stack(folder, images, z_um, optics, pixel_um)
    return job.positions


def _draw_aberrations(rng: np.random.Generator) -> Aberrations:
    return Aberrations(
        spherical_waves=float(rng.normal(0, 0.05)),
        coherence=float(rng.uniform(0.6, 1.0)),
        phase_ratio=float(rng.normal(0, 0.15)),
    )


def _draw_colour_shift(rng: np.random.Generator) -> tuple[float, float, float]:
    spread = float(rng.normal(0, 0.5))
    bow = float(rng.normal(0, 0.15))
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
        angle, radius = rng.uniform(0, 2 * math.pi), _DIAMETER_UM / 2 * math.sqrt(rng.uniform(0, 0.9))
        x_um = _CENTRE_UM[0] + radius * math.cos(angle)
        y_um = _CENTRE_UM[1] + radius * math.sin(angle)
        focus_um = column.focus_z_um(x_um, y_um)
        if focus_um is not None:
            return x_um, y_um, focus_um
    raise RuntimeError("the section has no tissue")


def _plane_heights(rng: np.random.Generator, optics: Objective) -> NDArray[np.float64]:
    """z of each plane relative to focus, um, rounded to nm: evenly spaced, with a random start."""
    count = round(2 * HALF_RANGE_DOF / PLANE_STEP_DOF) + 1
    step_nm = round(PLANE_STEP_DOF * optics.depth_of_field_um * 1000)
    start_nm = -(count // 2) * step_nm + int(rng.integers(-step_nm // 2, step_nm // 2))
    return (start_nm + step_nm * np.arange(count)) / 1000
