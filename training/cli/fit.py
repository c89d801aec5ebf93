"""`wsi-train fit`: stacks to a trained network."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import typer

from firmware_host.errors import UsageError
from training import recipe
from training.cli.common import Heights
from training.settings import PAIRS_PER_PLACE, PRESETS, Backbone, Inputs, Preset


def fit(
    stacks: Annotated[Path, typer.Option(help="Folder with X/train.")],
    out: Annotated[Path, typer.Option(help="The checkpoint to write; the run's state goes beside it, as .run.")],
    preset: Annotated[Preset, typer.Option(help="Where the options below start from.")] = "default",
    backbone: Annotated[Backbone | None, typer.Option(help="Architecture.")] = None,
    width: Annotated[float | None, typer.Option(min=0.1, max=2, help="Width multiplier.")] = None,
    inputs: Annotated[Inputs | None, typer.Option(help="What the network sees.")] = None,
    stem_stride: Annotated[
        int | None, typer.Option(min=2, max=8, help="Pixels that the first convolution steps on by.")
    ] = None,
    spectra: Annotated[
        int | None, typer.Option(min=0, max=1024, help="Width of the layers that judge spectra too; 0: none.")
    ] = None,
    layers: Annotated[int | None, typer.Option(min=0, max=8, help="How many such layers follow the first.")] = None,
    code: Annotated[
        int | None, typer.Option(min=0, max=64, help="Numbers that a calibration on the slide gives; 0: none.")
    ] = None,
    examples: Annotated[
        int | None, typer.Option(min=2, max=PAIRS_PER_PLACE, help="Pairs of a place that calibrate for another.")
    ] = None,
    rehearsed: Annotated[
        int | None, typer.Option(min=0, max=64, help="Earlier lessons that are judged again beside each new one.")
    ] = None,
    validation: Annotated[
        float | None, typer.Option(min=0, max=0.5, help="Share of the slides to validate on, one slide at least.")
    ] = None,
    pretrained: Annotated[Path | None, typer.Option(help="Weights saved by torchvision to start from.")] = None,
    begin_with: Annotated[
        Path | None, typer.Option(help="A checkpoint to start from; focus-20x: the shipped model's.")
    ] = None,
    steps: Annotated[int | None, typer.Option(min=2, help="Batches.")] = None,
    batch: Annotated[
        int | None,
        typer.Option(min=PAIRS_PER_PLACE, help="Patch pairs in a lesson, of all processes; whole places of 12 each."),
    ] = None,
    peak_lr: Annotated[float | None, typer.Option(min=1e-6, max=1)] = None,
    texture_weight: Annotated[bool | None, typer.Option(help="Weigh patches by texture (phase 1).")] = None,
    phase_2: Annotated[float | None, typer.Option(min=0, max=1, help="Share of the run before phase 2.")] = None,
    patch: Annotated[int | None, typer.Option(min=32, max=256, help="Side of a patch, pixels.")] = None,
    seed: Annotated[int | None, typer.Option(min=0)] = None,
    heights: Heights = "exif",
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a run that was stopped.")] = False,
    accelerator: Annotated[Literal["auto", "cpu", "gpu"], typer.Option(help="Where to train.")] = "auto",
    devices: Annotated[str, typer.Option(help="How many GPUs or CPU processes, or auto.")] = "auto",
    nodes: Annotated[int, typer.Option(min=1, help="Machines; start the command on each.")] = 1,
    precision: Annotated[Literal["32-true", "bf16-mixed"], typer.Option(help="Arithmetic.")] = "32-true",
    tensorboard: Annotated[Path | None, typer.Option(help="Folder for TensorBoard; needs tensorboard.")] = None,
) -> None:
    """Train on most stacks of X/train, validate on the rest, keep the best. X/test is not looked at."""
    chosen = {
        "backbone": backbone,
        "width": width,
        "inputs": inputs,
        "stem_stride": stem_stride,
        "spectra": spectra,
        "layers": layers,
        "code": code,
        "examples": examples,
        "rehearsed": rehearsed,
        "validation": validation,
        "patch": patch,
        "steps": steps,
        "batch": batch,
        "peak_lr": peak_lr,
        "texture_weight": texture_weight,
        "phase_2": phase_2,
        "seed": seed,
    }
    settings = replace(PRESETS[preset], **{name: value for name, value in chosen.items() if value is not None})
    if devices != "auto" and not (devices.isdecimal() and int(devices) > 0):
        raise UsageError(f"--devices {devices}: give a number above 0, or auto")

    from lightning_fabric import Fabric

    from training.cli.common import open_pairs
    from training.fit import fit as run_fit
    from training.fit import run_state
    from training.progress import Told

    if run_state(out).exists() and not resume:
        raise UsageError(f"run {run_state(out)}: a run was stopped here; go on with --resume, or remove it")
    fabric = Fabric(accelerator=accelerator, devices=devices, num_nodes=nodes, precision=precision)
    fabric.launch()
    began = time.monotonic()
    with fabric.rank_zero_first():
        train, validation = open_pairs(stacks, "train", settings.rule, heights).split(settings.validation)
    told = Told(fabric, tensorboard)
    run_fit(
        fabric,
        train,
        validation,
        settings,
        recipe.TEST_PATCHES,
        settings.rule.min_weight,
        out,
        told,
        resume=resume,
        pretrained=pretrained,
        begin_with=begin_with,
    )
    if fabric.is_global_zero:
        run_state(out).unlink()
        print(f"{out}: trained in {time.monotonic() - began:.0f} s")
