"""Stacks to train on: the usable positions of a set of stack folders, and the pairs of planes that fit together.

How a stack folder looks is `firmware_host.stack_folder`'s matter. Heights are integers in nanometres from here on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from firmware_host.errors import UsageError
from firmware_host.optics import Objective
from firmware_host.stack_folder import SUFFIXES, Split, TakenWith, read_height_nm, read_optics


@dataclass(frozen=True)
class Plane:
    """One image of a stack.

    :param z_nm: height relative to focus, nm; negative = below.
    """

    path: Path
    z_nm: int


@dataclass(frozen=True)
class Stack:
    """One position: its planes in order of height, and the optics that it was taken with.

    :param slide: positions of the same name were taken on one slide in one go, so that one may calibrate for the
        others; empty: not known.
    """

    name: str
    planes: tuple[Plane, ...]
    optics: Objective
    pixel_um: float
    slide: str = ""


@dataclass(frozen=True)
class Skipped:
    """A file or folder that was left out, and why."""

    path: Path
    reason: str


def read_stacks(
    root: Path,
    split: Split,
    optics: Objective,
    pixel_um: float,
    height_nm: Callable[[Path], int] = read_height_nm,
) -> tuple[list[Stack], list[Skipped]]:
    """All usable positions of a split, sorted by name, and what was left out.

    :param optics, pixel_um: of the positions that have no `optics.json` of their own.
    :param height_nm: tells the height of a plane relative to focus, or raises ValueError with the reason why it
        cannot; else the Exif tag does.
    :raises UsageError: there is no usable position.
    """
    folder = root / "X" / split
    if not folder.is_dir():
        raise UsageError(f"stacks {folder}: no such folder; expected X/train and X/test below {root}")
    stacks: list[Stack] = []
    skipped: list[Skipped] = []
    for position in sorted(entry for entry in folder.iterdir() if entry.is_dir()):
        planes, faults = _read_planes(position, height_nm)
        skipped += faults
        if len(planes) < 2:
            skipped.append(Skipped(position, f"{len(planes)} usable planes; two at least are needed"))
            continue
        taken = read_optics(position) or TakenWith(optics, pixel_um)
        stacks.append(Stack(position.name, tuple(planes), taken.optics, taken.pixel_um, taken.slide))
    if not stacks:
        first = f"; first problem: {skipped[0].path}: {skipped[0].reason}" if skipped else ""
        raise UsageError(f"stacks {folder}: no usable position{first}")
    return stacks, skipped


def match_pairs(z_nm: Sequence[int], delta_nm: int, tolerance_nm: int) -> list[tuple[int, int]]:
    """Indices (first, second) of all pairs with z[second] - z[first] = delta, within the tolerance.

    Of several seconds that fit a first, the nearest counts. Pairs that straddle the focus are pairs like all others.

    :param z_nm: heights in any order; :param delta_nm: > 0; :param tolerance_nm: >= 0.
    """
    if delta_nm <= 0 or tolerance_nm < 0:
        raise ValueError(f"delta {delta_nm} nm must be above 0 and tolerance {tolerance_nm} nm not below it")
    order = sorted(range(len(z_nm)), key=lambda index: z_nm[index])
    heights = np.array([z_nm[index] for index in order], dtype=np.int64)
    pairs = []
    for low, first in enumerate(order):
        wanted = int(heights[low]) + delta_nm
        high = int(np.searchsorted(heights, wanted))
        near = [at for at in (high - 1, high) if low < at < len(order)]
        near = [at for at in near if abs(int(heights[at]) - wanted) <= tolerance_nm]
        if near:
            best = min(near, key=lambda at: abs(int(heights[at]) - wanted))
            pairs.append((first, order[best]))
    return pairs


def _read_planes(position: Path, height_nm: Callable[[Path], int]) -> tuple[list[Plane], list[Skipped]]:
    planes: dict[int, Plane] = {}
    skipped = []
    for path in sorted(position.iterdir()):
        if path.suffix.lower() not in SUFFIXES:
            continue
        try:
            plane = Plane(path, height_nm(path))
        except ValueError as error:
            skipped.append(Skipped(path, str(error)))
            continue
        if plane.z_nm in planes:
            skipped.append(Skipped(path, f"same height as {planes[plane.z_nm].path.name}"))
            continue
        planes[plane.z_nm] = plane
    return [planes[z] for z in sorted(planes)], skipped
