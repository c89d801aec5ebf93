"""`wsi-train evaluate`: how far off a checkpoint is."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from training import recipe
from training.checkpoint import load_checkpoint
from training.cli.common import Stacks, open_pairs
from training.evaluate import by_objective, judge, network_predict


def evaluate(
    stacks: Stacks,
    checkpoint: Annotated[Path, typer.Option(help="From wsi-train fit.")],
    count: Annotated[int, typer.Option(min=1, help="Fields to judge.")] = 2000,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Errors on the stacks of X/test: all, and by objective."""
    network, _ = load_checkpoint(checkpoint)
    fields = open_pairs(stacks, "test").fields(count, recipe.TEST_PATCHES, seed=5)
    judged = judge(network_predict(network), fields, recipe.RULE.min_weight)
    table = by_objective(judged)
    if as_json:
        print(json.dumps({name: asdict(errors) for name, errors in table.items()}))
        return
    for name, errors in table.items():
        print(f"{name}: {errors.line()}")
