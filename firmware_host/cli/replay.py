"""`wsi-host focus-replay`: the focus estimator over a recorded stack, without a scanner."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from firmware_host.cli.bundle import open_bundle
from firmware_host.errors import UsageError
from firmware_host.focus.replay import ReplayModel, ReplayOptics, replay_stack, write_replay_csv
from firmware_host.inference.ort import OrtPatchModel
from firmware_host.optics import Objective


def focus_replay(
    stack: Annotated[Path, typer.Option(help="Folder of planes with their z in Exif Make, or with a planes.csv.")],
    delta_um: Annotated[float, typer.Option("--delta", help="Distance of the two planes of a pair, um.")],
    csv: Annotated[Path, typer.Option(help="Where to write the table.")],
    bundle: Annotated[str, typer.Option(help="Focus model.")] = "focus-20x.wsimodel",
    plane_spacing_um: Annotated[
        float | None, typer.Option(help="um from one plane_index to the next, for a planes.csv.")
    ] = None,
    pixel_um: Annotated[float | None, typer.Option(help="Pixel pitch on the slide; default: the bundle's.")] = None,
    na: Annotated[float | None, typer.Option(help="Aperture of the recording; default: the bundle's.")] = None,
    allow_unsigned: Annotated[
        bool, typer.Option("--allow-unsigned", help="Development: take a bundle that no trusted key signed.")
    ] = False,
) -> None:
    """Predict the move for every pair of planes that lie --delta apart."""
    checked = open_bundle(bundle, allow_unsigned)
    low, high = checked.manifest.na_range
    optics = Objective(na if na is not None else (low + high) / 2)
    pitch = pixel_um if pixel_um is not None else checked.manifest.sampling * optics.lateral_unit_um
    rule = checked.patch_rule
    network = ReplayModel(OrtPatchModel(checked.graphs.int8, rule.size_px), rule)
    rows = replay_stack(stack, delta_um, network, ReplayOptics(optics, pitch), plane_spacing_um)
    try:
        checked.check_optics(optics, pitch, delta_um / optics.depth_of_field_um)
    except UsageError as outside:
        print(f"warning: {outside}; the predicted moves may be wrong", file=sys.stderr)
    write_replay_csv(csv, rows)
    print(f"{len(rows)} pairs -> {csv}")
