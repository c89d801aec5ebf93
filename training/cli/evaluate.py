"""`wsi-train evaluate`: how far off a checkpoint is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from firmware_host.errors import UsageError
from training import recipe
from training.checkpoint import load_checkpoint
from training.classical import peak_errors_um
from training.cli.common import Heights, Stacks, open_pairs
from training.evaluate import TorchModel, by_objective, codes_from, corrections_from, judge, uncalibrated, uncorrected
from training.report import Evaluation, figures, write_fields_csv, write_html, write_json


def evaluate(
    stacks: Stacks,
    checkpoint: Annotated[Path, typer.Option(help="From wsi-train fit; focus-20x: the shipped model's.")],
    out: Annotated[
        Path | None, typer.Option(help="New folder for fields.csv, figures.json and report.html; default: print only.")
    ] = None,
    calibration: Annotated[
        bool, typer.Option(help="Calibrate and correct for each stack by the other stacks of its slide.")
    ] = True,
    count: Annotated[int, typer.Option(min=1, help="Fields to judge.")] = 2000,
    heights: Heights = "exif",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Errors on the stacks of X/test: all, by objective and by stack, beside classical measures of sharpness."""
    if out is not None and out.exists():
        raise UsageError(f"evaluation {out}: is there already; choose another folder or remove it")
    network, settings = load_checkpoint(checkpoint)
    pairs = open_pairs(stacks, "test", settings.rule, heights)
    model = TorchModel(network)
    codes, corrections = uncalibrated(pairs), uncorrected
    if calibration:
        if settings.code_size:
            codes = codes_from(model.calibrate, pairs, recipe.TEST_PATCHES)
        corrections = corrections_from(model, codes, pairs, recipe.TEST_PATCHES, settings.rule.min_weight)
    fields = pairs.fields(count, recipe.TEST_PATCHES, seed=5)
    judged = judge(model, codes, fields, settings.rule.min_weight, corrections)
    classical = {}
    if out is not None or as_json:
        for stack, planes in pairs.whole_stacks():
            classical[stack.name] = peak_errors_um([plane.z_nm / 1000 for plane in stack.planes], planes)
    evaluation = Evaluation(checkpoint.name, judged, classical)
    if out is not None:
        out.mkdir(parents=True)
        write_fields_csv(out / "fields.csv", judged)
        write_json(out / "figures.json", evaluation)
        write_html(out / "report.html", evaluation)
    if as_json:
        print(json.dumps(figures(evaluation)))
        return
    for name, errors in by_objective(judged).items():
        print(f"{name}: {errors.line()}")
    if out is not None:
        print(f"report  {out / 'report.html'}\ntable   {out / 'fields.csv'}")
