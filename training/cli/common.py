"""What the subcommands share: opening stacks, and telling how far long work is."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from firmware_host.patches import PatchRule
from firmware_host.stack_folder import Split
from training import recipe
from training.data import PairSet
from training.stacks import read_stacks

Stacks = Annotated[Path, typer.Option(help="Folder with X/train and X/test.")]


class Every:
    """A progress callback that prints every so many."""

    def __init__(self, count: int, what: str) -> None:
        self._count, self._what = count, what

    def __call__(self, done: int, total: int) -> None:
        if done % self._count == 0 or done == total:
            print(f"{done} of {total} {self._what}", flush=True)


def open_pairs(stacks: Path, split: Split, rule: PatchRule) -> PairSet:
    """The pairs of a split; whatever is left out is named on standard error."""
    found, skipped = read_stacks(stacks, split, recipe.DEFAULT_OPTICS, recipe.DEFAULT_PIXEL_UM)
    for fault in skipped:
        print(f"left out {fault.path}: {fault.reason}", file=sys.stderr)
    cache = stacks / "cache" / split
    reach_dof = recipe.LEARNT_MOVE_DOF if split == "train" else recipe.MAX_MOVE_DOF
    return PairSet(found, rule, reach_dof, cache, Every(5000, f"{split} planes decoded"))
