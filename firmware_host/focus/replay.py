"""The focus estimator over a recorded stack. It sees two planes at a time, and never where focus is."""

from __future__ import annotations

import csv
import functools
import io
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from firmware_host.errors import UsageError
from firmware_host.focus.estimator import Estimate, TwoShotEstimator
from firmware_host.inference.port import PatchModel
from firmware_host.optics import Objective
from firmware_host.patches import PatchRule
from firmware_host.profile_tables import FocusTable
from firmware_host.stack_folder import SUFFIXES, read_height_nm
from firmware_host.whole_file import write_whole

_TOLERANCE = 0.1  # of delta


@dataclass(frozen=True)
class ReplayOptics:
    """The optics of a recording."""

    objective: Objective
    pixel_um: float


@dataclass(frozen=True)
class ReplayRow:
    """One pair of planes and what the estimator says of it; z in um as recorded."""

    z1_um: float
    z2_um: float
    estimate: Estimate


@dataclass(frozen=True)
class ReplayModel:
    """A network, whoever runs it, and how it wants its patches."""

    model: PatchModel
    rule: PatchRule


def replay_stack(
    folder: Path, delta_um: float, network: ReplayModel, optics: ReplayOptics, plane_spacing_um: float | None
) -> list[ReplayRow]:
    """Every pair of planes `delta_um` apart (within a tenth), lowest first.

    :raises UsageError: the folder, its table or an image cannot be used, or no pair fits.
    """
    if not (math.isfinite(delta_um) and delta_um > 0):
        raise UsageError(f"--delta {delta_um:g}: must be above 0")
    planes = sorted(_planes(folder, plane_spacing_um), key=lambda plane: plane[0])
    pairs = [
        (low, min(fits, key=lambda high: abs(high[0] - low[0] - delta_um)))
        for low in planes
        if (fits := [high for high in planes if abs(high[0] - low[0] - delta_um) <= _TOLERANCE * delta_um])
    ]
    if not pairs:
        raise UsageError(
            f"stack {folder}: no two of its {len(planes)} planes are {delta_um:g} um apart; change --delta"
        )
    load = functools.lru_cache(maxsize=8)(_image)
    estimator = _estimator(network, optics, load(pairs[0][0][1]).shape)
    return [ReplayRow(low[0], high[0], _judge(estimator, low[1], high[1], load)) for low, high in pairs]


def replay_pair(first: Path, second: Path, network: ReplayModel, optics: ReplayOptics) -> Estimate:
    """One pair of images, the second `delta` higher.

    :raises UsageError: an image cannot be read, or they differ in size.
    """
    return _judge(_estimator(network, optics, _image(first).shape), first, second, _image)


def _estimator(network: ReplayModel, optics: ReplayOptics, shape: tuple[int, ...]) -> TwoShotEstimator:
    rule = network.rule
    side = rule.source_px(optics.objective, optics.pixel_um)
    room = (shape[0] // side) * (shape[1] // side)
    focus = FocusTable(
        delta_dof=rule.delta_dof,
        accept_dof=0.25,
        max_spread_dof=1.0,
        max_repeats=0,
        patches=16,
        min_patches=max(1, min(3, room)),
        arithmetic="int8",
        sweep_half_range_dof=8,
        sweep_step_dof=1,
    )
    return TwoShotEstimator(network.model, rule, optics.objective, optics.pixel_um, (shape[0], shape[1]), focus)


def _judge(
    estimator: TwoShotEstimator, first: Path, second: Path, load: Callable[[Path], NDArray[np.uint8]]
) -> Estimate:
    before, after = load(first), load(second)
    if before.shape != after.shape:
        raise UsageError(f"planes {first} and {second.name} differ in size; planes must be alike")
    return estimator.estimate(before, after)


def write_replay_csv(path: Path, rows: list[ReplayRow]) -> None:
    """Columns z1, z2, predicted_move_um, spread_um, patches, status."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["z1", "z2", "predicted_move_um", "spread_um", "patches", "status"])
    for row in rows:
        e = row.estimate
        move, spread = f"{e.move_um:.4f}", f"{e.spread_um:.4f}"
        writer.writerow([f"{row.z1_um:.3f}", f"{row.z2_um:.3f}", move, spread, e.patches, e.status])
    try:
        write_whole(path, text.getvalue().encode("ascii"))
    except OSError as error:
        raise UsageError(f"table {path}: cannot be written: {error.strerror}") from error


def _planes(folder: Path, spacing_um: float | None) -> list[tuple[float, Path]]:
    """(z in um, file) of each plane."""
    if not folder.is_dir():
        raise UsageError(f"stack {folder}: no such folder")
    table = folder / "planes.csv"
    if table.exists():
        if spacing_um is None or not spacing_um > 0:
            raise UsageError(f"stack {folder}: its planes.csv has no micrometres; give --plane-spacing-um above 0")
        try:
            rows = list(csv.DictReader(table.read_text(encoding="utf-8").splitlines()))
            return [(float(row["plane_index"]) * spacing_um, _inside(folder, row["file"])) for row in rows]
        except (KeyError, TypeError, ValueError, OSError) as error:
            raise UsageError(f"table {table}: needs the columns file and plane_index (a number): {error}") from error
    planes = []
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in SUFFIXES:
            try:
                planes.append((read_height_nm(path) / 1000, path))
            except ValueError as error:
                raise UsageError(f"plane {path}: no z in um: {error}") from error
    return planes


def _inside(folder: Path, name: str) -> Path:
    path = (folder / name).resolve()
    if folder.resolve() not in path.parents:
        raise UsageError(f"stack {folder}: planes.csv names {name!r}, which lies outside the folder")
    return path


def _image(path: Path) -> NDArray[np.uint8]:
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))
    except OSError as error:
        raise UsageError(f"plane {path}: cannot be read as an image: {error}") from error
