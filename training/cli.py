"""The command `wsi-train`."""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer

from firmware_host.cli.errors import run_app
from firmware_host.errors import UsageError
from firmware_host.patches import PatchRule
from training import recipe
from training.data import PairSet
from training.evaluate import field_errors
from training.fit import FitSettings, Progress, load_checkpoint, save_checkpoint
from training.fit import fit as run_fit
from training.network import Inputs
from training.stacks import Split, read_stacks
from training.synthesize import synthesize as run_synthesize

# Without these, malloc gives every large tensor back to the system and faults it in again: 1.6 times slower.
_TUNABLES = "glibc.malloc.mmap_threshold=4294967296:glibc.malloc.trim_threshold=8589934592"

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Train the focus network on z-stacks.")

Stacks = Annotated[Path, typer.Option(help="Folder with X/train and X/test.")]


@app.command()
def synthesize(
    out: Annotated[Path, typer.Option(help="Folder for the stacks.")],
    positions: Annotated[int, typer.Option(min=1, help="Stacks to train on.")] = recipe.POSITIONS,
    test_positions: Annotated[int, typer.Option(min=1, help="Stacks to test on.")] = recipe.TEST_POSITIONS,
    seed: Annotated[int, typer.Option(min=0)] = 1,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = os.cpu_count() or 1,
) -> None:
    """Render z-stacks of many different emulated slides and scanners."""
    if (out / "X").exists():
        raise UsageError(f"stacks {out}: holds stacks already; choose another folder or remove it")
    run_synthesize(out, positions, test_positions, seed, workers, _every(20, "stacks rendered"))


@app.command()
def fit(
    stacks: Stacks,
    out: Annotated[Path, typer.Option(help="Where to write the checkpoint.")],
    width: Annotated[float, typer.Option(min=0.1, max=2, help="Width multiplier.")] = recipe.SETTINGS.width,
    inputs: Annotated[Inputs, typer.Option(help="What the network sees.")] = recipe.SETTINGS.inputs,
    fold: Annotated[
        int, typer.Option(min=1, max=4, help="Fold squares of pixels into channels.")
    ] = recipe.SETTINGS.fold,
    steps: Annotated[int, typer.Option(min=2, help="Batches.")] = recipe.SETTINGS.steps,
    batch: Annotated[int, typer.Option(min=2, help="Patch pairs in a batch.")] = recipe.SETTINGS.batch,
    peak_lr: Annotated[float, typer.Option(min=1e-6, max=1)] = recipe.SETTINGS.peak_lr,
    phase_2: Annotated[float, typer.Option(min=0, max=1, help="Share of the run before phase 2.")] = 0.5,
    patch: Annotated[int, typer.Option(min=32, max=256, help="Side of a patch, pixels.")] = recipe.RULE.size_px,
    seed: Annotated[int, typer.Option(min=0)] = recipe.SETTINGS.seed,
) -> None:
    """Train on the stacks of X/train, report um on those of X/test."""
    _with_tunables()
    settings = FitSettings(width, inputs, fold, steps, batch, peak_lr, phase_2, seed=seed)
    began = time.monotonic()
    rule = replace(recipe.RULE, size_px=patch)
    # As many patches as cover the same area of a test field.
    judged_by = recipe.TEST_PATCHES * (recipe.RULE.size_px // patch) ** 2 if patch < recipe.RULE.size_px else 4
    train, test = _pairs(stacks, "train", rule), _pairs(stacks, "test", rule)
    network = run_fit(train, test, settings, judged_by, _print_progress)
    save_checkpoint(out, network, settings)
    print(f"{out}: trained in {time.monotonic() - began:.0f} s")


@app.command()
def evaluate(
    stacks: Stacks,
    checkpoint: Annotated[Path, typer.Option(help="From wsi-train fit.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Errors on the stacks of X/test, by patch and by field."""
    network, _ = load_checkpoint(checkpoint)
    errors = field_errors(network, _pairs(stacks, "test"), recipe.TEST_PATCHES, count=2000)
    print(json.dumps(asdict(errors)) if as_json else errors.line())


def main() -> None:
    """Entry point of `wsi-train`."""
    run_app(app)


def _pairs(stacks: Path, split: Split, rule: PatchRule = recipe.RULE) -> PairSet:
    found, skipped = read_stacks(stacks, split, recipe.DEFAULT_OPTICS, recipe.DEFAULT_PIXEL_UM)
    for fault in skipped:
        print(f"left out {fault.path}: {fault.reason}", file=sys.stderr)
    cache = stacks / "cache" / split
    return PairSet(found, rule, recipe.MAX_MOVE_DOF, cache, _every(2000, f"{split} planes decoded"))


def _print_progress(progress: Progress) -> None:
    judged = f"  {progress.errors.line()}" if progress.errors is not None else ""
    left = f"{progress.seconds_left / 60:.1f} min left"
    print(f"step {progress.step}/{progress.steps}  loss {progress.loss:.4f}  {left}{judged}", flush=True)


class _every:  # noqa: N801 - reads as a phrase where it is used
    """A progress callback that prints every so many."""

    def __init__(self, count: int, what: str) -> None:
        self._count, self._what = count, what

    def __call__(self, done: int, total: int) -> None:
        if done % self._count == 0 or done == total:
            print(f"{done} of {total} {self._what}", flush=True)


def _with_tunables() -> None:
    """Start this command again with the allocator's settings, which are read only at a process's start."""
    if sys.platform == "linux" and "GLIBC_TUNABLES" not in os.environ:
        os.environ["GLIBC_TUNABLES"] = _TUNABLES
        os.execv(sys.executable, [sys.executable, *sys.argv])
