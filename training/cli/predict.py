"""`wsi-train predict`: what a checkpoint says of a stack, or of two images. Needs no bundle, no network, no scanner."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from firmware_host.errors import UsageError
from firmware_host.focus.replay import ReplayModel, ReplayOptics, replay_pair, replay_stack, write_replay_csv
from firmware_host.optics import Objective
from training import recipe
from training.checkpoint import load_checkpoint
from training.evaluate import TorchModel


def predict(
    checkpoint: Annotated[Path, typer.Option(help="From wsi-train fit; focus-20x: the shipped model's.")],
    stack: Annotated[Path | None, typer.Option(help="Folder of planes; needs --delta and --csv.")] = None,
    delta: Annotated[float | None, typer.Option(help="Distance of the two planes of a pair, um.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Where to write the stack's table.")] = None,
    plane_spacing_um: Annotated[
        float | None, typer.Option(help="um from one plane_index to the next, for a planes.csv.")
    ] = None,
    pair: Annotated[
        tuple[Path, Path] | None, typer.Option(help="Instead of a stack: two images, the second higher.")
    ] = None,
    na: Annotated[float, typer.Option(min=0.05, max=1.45, help="Aperture.")] = recipe.DEFAULT_OPTICS.na,
    pixel_um: Annotated[float, typer.Option(min=0.01, max=10, help="Pixel pitch on the slide.")] = 0.25,
) -> None:
    """Predict the move for every pair of planes of a stack, or for two images."""
    if (stack is None) == (pair is None):
        raise UsageError("predict: give either --stack or --pair")
    trained, settings = load_checkpoint(checkpoint)
    network = ReplayModel(TorchModel(trained), settings.rule)
    optics = ReplayOptics(Objective(na), pixel_um)
    if pair is not None:
        estimate = replay_pair(*pair, network, optics)
        figures = {"predicted_move_um": estimate.move_um, "spread_um": estimate.spread_um}
        print(json.dumps({**figures, "patches": estimate.patches, "status": estimate.status}))
        return
    if stack is None or delta is None or csv is None:
        raise UsageError("predict --stack: give --delta and --csv too")
    rows = replay_stack(stack, delta, network, optics, plane_spacing_um)
    write_replay_csv(csv, rows)
    print(f"{len(rows)} pairs -> {csv}")
