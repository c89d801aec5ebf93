"""`wsi-train label`: the pairs of planes of a set of stacks as a table."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import typer

from firmware_host.errors import UsageError
from firmware_host.stack_folder import SPLITS
from training import recipe
from training.labels import Format, label_pairs, write_labels
from training.stacks import Stack, read_stacks


def label(
    stacks: Annotated[Path, typer.Option(help="Folder with X/train and X/test; the tables go into its y/.")],
    delta: Annotated[float, typer.Option(help="Distance of the two planes of a pair, um.")],
    limit: Annotated[
        tuple[float, float] | None, typer.Option(help="Leave out planes farther from focus: MIN MAX, um.")
    ] = None,
    tolerance_nm: Annotated[int, typer.Option(min=0, help="How far a pair's distance may be from delta.")] = 20,
    make_is: Annotated[
        Literal["position", "move"],
        typer.Option(help="The Exif tag Make is the plane's z relative to focus, or the move to focus (its negative)."),
    ] = "position",
    file_format: Annotated[Format, typer.Option("--format", help="Of the tables.")] = "csv",
) -> None:
    """Write y/train and y/test: every pair of planes delta apart, with its distance from focus."""
    if not 0.001 <= delta <= 1000:
        raise UsageError(f"--delta {delta:g}: must be 0.001 to 1000 um")
    if limit is not None and limit[0] >= limit[1]:
        raise UsageError(f"--limit {limit[0]:g} {limit[1]:g}: MIN must be below MAX")
    limit_nm = None if limit is None else (round(limit[0] * 1000), round(limit[1] * 1000))
    written = 0
    for split in SPLITS:
        if not (stacks / "X" / split).is_dir():
            continue
        found, skipped = read_stacks(stacks, split, recipe.DEFAULT_OPTICS, recipe.DEFAULT_PIXEL_UM)
        for fault in skipped:
            print(f"left out {fault.path}: {fault.reason}", file=sys.stderr)
        if make_is == "move":
            found = [_turned(stack) for stack in found]
        rows = label_pairs(found, round(delta * 1000), tolerance_nm, limit_nm)
        if not rows:
            raise UsageError(f"stacks {stacks / 'X' / split}: no pair of planes {delta:g} um apart; change --delta")
        path = stacks / "y" / f"{split}.{file_format}"
        write_labels(path, rows)
        print(f"{path}: {len(rows)} pairs of {len(found)} positions")
        written += 1
    if not written:
        raise UsageError(f"stacks {stacks}: neither X/train nor X/test there")


def _turned(stack: Stack) -> Stack:
    """The same stack, its tags read as moves."""
    planes = [replace(plane, z_nm=-plane.z_nm) for plane in reversed(stack.planes)]
    return replace(stack, planes=tuple(planes))
