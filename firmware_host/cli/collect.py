"""`wsi-host collect`: z-stacks of one's own slide, to train on."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from statistics import fmean
from typing import Annotated

import typer

from firmware_host.cancel import CancelToken
from firmware_host.cli.running import Bars, stop_on_signals
from firmware_host.profile import load_profile
from firmware_host.scan.collect import CollectRequest, CollectResult, run_collect
from firmware_host.scan.collect_table import TABLE
from firmware_host.scan.plan import parse_region
from firmware_host.stack_folder import PlaneFormat


def collect(
    profile: Annotated[str, typer.Option(help="A shipped profile's name, or a TOML file.")],
    out: Annotated[Path, typer.Option(help="Folder for the stacks; must be new or empty.")],
    positions: Annotated[int, typer.Option(help="How many fields to take a stack of.", min=1)] = 40,
    test_share: Annotated[
        float, typer.Option(help="Share of the positions that goes to X/test.", min=0.0, max=0.9)
    ] = 0.15,
    region: Annotated[str | None, typer.Option(help="X0,Y0,X1,Y1 in mm; default: all tissue that is found.")] = None,
    below_dof: Annotated[
        float, typer.Option(help="Stacks begin so far below focus, depths of field.", min=1.0, max=50.0)
    ] = 9.0,
    above_dof: Annotated[
        float, typer.Option(help="Stacks end so far above focus, depths of field.", min=1.0, max=50.0)
    ] = 7.0,
    step_dof: Annotated[
        float, typer.Option(help="From one plane to the next, depths of field.", min=0.02, max=5.0)
    ] = 0.4,
    plane_format: Annotated[PlaneFormat, typer.Option("--format", help="Of the planes; png loses nothing.")] = "png",
    slide: Annotated[Path | None, typer.Option(help="Emulated scanner: an image to lay on the stage.")] = None,
    seed: Annotated[int, typer.Option(help="Emulated scanner: which slide, which noise.", min=0)] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Take z-stacks of fields spread over the tissue, for wsi-train fit."""
    request = CollectRequest(
        profile=load_profile(profile),
        out=out,
        positions=positions,
        test_share=test_share,
        region=None if region is None else parse_region(region),
        below_dof=below_dof,
        above_dof=above_dof,
        step_dof=step_dof,
        plane_format=plane_format,
        seed=seed,
        slide=slide,
    )
    cancel = CancelToken()
    stop_on_signals(cancel)
    with Bars() as bars:
        result = run_collect(request, cancel, bars.tell)
    _print_result(result, out, as_json)
    if result.stopped is not None:
        raise result.stopped


def _print_result(result: CollectResult, out: Path, as_json: bool) -> None:
    train, test, left_out = result.count("train"), result.count("test"), result.count(None)
    error_um = fmean(map(abs, result.errors_um)) if result.errors_um else None
    for row in result.rows:
        if row.reason:
            print(f"left out {row.position}: {row.reason}", file=sys.stderr)
    if as_json:
        counts = {"train": train, "test": test, "left_out": left_out, "mean_abs_error_um": error_um}
        print(json.dumps({"out": str(out), "table": str(out / TABLE), **counts, "stopped": str(result.stopped or "")}))
        return
    print(f"stacks  {out / 'X'}: {train} to train, {test} to test; {left_out} fields left out\ntable   {out / TABLE}")
    if error_um is not None:
        print(
            f"The focus that was found is {error_um:.3f} um off the emulated truth (mean of {len(result.errors_um)})."
        )
