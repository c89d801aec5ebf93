"""`wsi-export model`: the shipped model from nothing."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from export.cli.common import DEFAULT_KEY, Key
from firmware_host.errors import ScannerError
from firmware_host.whole_file import whole_file


def model(
    workdir: Annotated[Path, typer.Option(help="Folder for stacks and checkpoint; several GB.")],
    key: Key = DEFAULT_KEY,
) -> None:
    """Shipped checkpoint and bundle from nothing, with fixed seeds: stacks, training, INT8; says how long each took."""
    from training.checkpoint import SHIPPED

    stacks, checkpoint = workdir / "stacks", workdir / "focus.pt"
    train, export = [sys.executable, "-m", "training"], [sys.executable, "-m", "export"]
    steps = (
        ("render stacks", [*train, "synthesize", "--out", str(stacks)]),
        ("train", [*train, "fit", "--stacks", str(stacks), "--out", str(checkpoint)]),
        ("export", [*export, "bundle", "--checkpoint", str(checkpoint), "--stacks", str(stacks), "--key", str(key)]),
    )
    taken = []
    for what, command in steps:
        began = time.monotonic()
        if subprocess.run(command, check=False).returncode != 0:
            raise ScannerError(f"model: the step '{what}' failed; its message is above")
        taken.append(f"{what} {(time.monotonic() - began) / 60:.1f} min")
    with whole_file(SHIPPED / "focus-20x.pt") as part:
        shutil.copyfile(checkpoint, part)
    print(f"{', '.join(taken)} (on {platform.machine()})")
