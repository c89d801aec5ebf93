"""`wsi-train synthesize`: stacks from the twin."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from firmware_host.errors import UsageError
from training import recipe
from training.cli.common import Every
from training.synthesize import synthesize as run_synthesize


def synthesize(
    out: Annotated[Path, typer.Option(help="Folder for the stacks.")],
    slides: Annotated[int, typer.Option(min=1, help="Slides to train on, of two stacks each.")] = recipe.SLIDES,
    test_slides: Annotated[int, typer.Option(min=1, help="Slides to test on.")] = recipe.TEST_SLIDES,
    seed: Annotated[int, typer.Option(min=0)] = 1,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = os.cpu_count() or 1,
) -> None:
    """Render z-stacks of many different emulated slides and scanners."""
    if (out / "X").exists():
        raise UsageError(f"stacks {out}: holds stacks already; choose another folder or remove it")
    run_synthesize(out, slides, test_slides, seed, workers, Every(50, "slides rendered"))
