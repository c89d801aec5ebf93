"""What the subcommands share: opening stacks, and telling how far long work is."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from firmware_host.patches import PatchRule
from firmware_host.stack_folder import Split, read_height_nm
from training import recipe
from training.data import PairSet
from training.labels import find_labels, heights_from, read_labels
from training.stacks import read_stacks

HeightSource = Literal["exif", "labels"]
Stacks = Annotated[Path, typer.Option(help="Folder with X/train and X/test.")]
Heights = Annotated[
    HeightSource, typer.Option(help="What tells each plane's height: its Exif tag Make, or the tables in y/.")
]


class Every:
    """A progress callback that prints every so many."""

    def __init__(self, count: int, what: str) -> None:
        self._count, self._what = count, what

    def __call__(self, done: int, total: int) -> None:
        if done % self._count == 0 or done == total:
            print(f"{done} of {total} {self._what}", flush=True)


def open_pairs(stacks: Path, split: Split, rule: PatchRule, heights: HeightSource = "exif") -> PairSet:
    """The pairs of a split; whatever is left out is named on standard error."""
    height_nm, faults = read_height_nm, []
    if heights == "labels":
        rows, faults = read_labels(find_labels(stacks, split))
        height_nm = heights_from(rows)
    found, skipped = read_stacks(stacks, split, recipe.DEFAULT_OPTICS, recipe.DEFAULT_PIXEL_UM, height_nm)
    for fault in faults + skipped:
        print(f"left out {fault.path}: {fault.reason}", file=sys.stderr)
    cache = stacks / "cache" / split
    reach_dof = recipe.LEARNT_MOVE_DOF if split == "train" else recipe.MAX_MOVE_DOF
    return PairSet(found, rule, reach_dof, cache, Every(5000, f"{split} planes decoded"))
