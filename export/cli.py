"""The command `wsi-export`."""

from __future__ import annotations

import platform
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from export.keys import new_key, signing_key, write_public
from export.onnx import calibration_to_onnx, to_onnx
from export.quantize import to_int8
from firmware_host.bundle import SCHEMA_VERSION, Manifest, find_bundle, read_bundle, write_bundle
from firmware_host.cli.errors import run_app
from firmware_host.errors import ScannerError
from firmware_host.inference.ort import OrtCalibrator, OrtPatchModel
from firmware_host.trust import trusted_keys
from training import recipe
from training.checkpoint import load_checkpoint
from training.cli.common import open_pairs
from training.data import Batch, PairSet
from training.evaluate import Codes, Errors, by_objective, codes_from, judge, uncalibrated
from training.lessons import Lessons

_INT8_PATCHES = 768
_TEST_FIELDS = 1000
_MODELS = Path(__file__).parent.parent / "firmware_host" / "models"
_DEFAULT_KEY = Path.home() / ".config" / "wsi-scanner" / "signing.key"

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Export a trained network to a signed bundle.")

Key = Annotated[Path, typer.Option(help="Private signing key; made when it does not exist.")]


@app.command()
def bundle(
    checkpoint: Annotated[Path, typer.Option(help="From wsi-train fit.")],
    stacks: Annotated[Path, typer.Option(help="Stacks to calibrate INT8 and to measure with.")],
    out: Annotated[Path, typer.Option(help="The bundle to write.")] = _MODELS / "focus-20x.wsimodel",
    name: Annotated[str, typer.Option(help="What the bundle calls itself.")] = "focus-20x",
    key: Key = _DEFAULT_KEY,
) -> None:
    """Checkpoint -> ONNX -> INT8 -> signed bundle, with the error of each in depths of field."""
    network, settings = load_checkpoint(checkpoint)
    rule = settings.rule
    fp32 = to_onnx(network, rule.size_px)
    calibration = calibration_to_onnx(network, rule.size_px)
    int8 = to_int8(fp32, Lessons(open_pairs(stacks, "train", rule), _INT8_PATCHES, 0, seed=77).lesson(0).pairs)
    test = open_pairs(stacks, "test", rule)
    codes = _codes(calibration, test) if calibration else uncalibrated(test)
    errors = {name: _errors(graph, codes, test) for name, graph in (("fp32", fp32), ("int8", int8))}
    if calibration:
        errors["int8 without calibration"] = _errors(int8, uncalibrated(test), test)
    for label, table in errors.items():
        for group, measured in table.items():
            print(f"{label}, {group}: {measured.line()}")
    manifest = Manifest(
        schema_version=SCHEMA_VERSION,
        name=name,
        size_px=rule.size_px,
        sampling=rule.sampling,
        sampling_tolerance=rule.sampling_tolerance,
        delta_dof=rule.delta_dof,
        delta_tolerance=recipe.DELTA_TOLERANCE,
        min_weight=rule.min_weight,
        move_range_dof=(-recipe.MAX_MOVE_DOF, recipe.MAX_MOVE_DOF),
        na_range=recipe.NA_RANGE,
        output_unit="dof",
        sign="z of focus minus z of the second frame, positive = up",
        metrics={
            f"{label}, {group}, field mean um": round(measured.mean_um, 4)
            for label, table in errors.items()
            for group, measured in table.items()
        },
        sha256={},
        tools={"torch": version("torch"), "onnxruntime": version("onnxruntime"), "settings": repr(settings)},
    )
    signer = signing_key(key)
    write_bundle(out, manifest, int8, fp32, calibration, signer)
    if out.parent.resolve() == _MODELS.resolve():  # it comes with the software, and so does its key
        write_public(_MODELS / "trusted" / f"{out.stem}.pub", signer)
    print(f"{out}: {out.stat().st_size / 1e6:.1f} MB")


@app.command("key")
def make_key(
    path: Annotated[Path, typer.Argument(help="Where the private key is to be; the public one goes beside it.")],
) -> None:
    """Make another signing key. Trust its public half on the devices before you sign with it."""
    new_key(path)


@app.command()
def inspect(path: Annotated[str, typer.Argument(help="A bundle.")]) -> None:
    """Check a bundle and print its manifest."""
    print(read_bundle(find_bundle(path), trusted_keys()).manifest.model_dump_json(indent=1))


@app.command()
def model(
    workdir: Annotated[Path, typer.Option(help="Folder for stacks and checkpoint; several GB.")],
    key: Key = _DEFAULT_KEY,
) -> None:
    """Everything from nothing with fixed seeds: stacks, training, INT8, the shipped bundle; says how long each took."""
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
    print(f"{', '.join(taken)} (on {platform.machine()})")


def main() -> None:
    """Entry point of `wsi-export`."""
    run_app(app)


def _codes(calibration: bytes, pairs: PairSet) -> Codes:
    """Every stack calibrated by a calibration graph in ONNX Runtime."""
    calibrator = OrtCalibrator(calibration)

    def calibrate(examples: Batch) -> NDArray[np.float32]:
        return calibrator.calibrate(examples.first, examples.second, examples.move_dof)

    return codes_from(calibrate, pairs, recipe.TEST_PATCHES)


def _errors(graph: bytes, codes: Codes, pairs: PairSet) -> dict[str, Errors]:
    """Errors of a graph in ONNX Runtime on this machine."""
    fields = pairs.fields(_TEST_FIELDS, recipe.TEST_PATCHES, seed=5)
    return by_objective(judge(_Chunked(graph, pairs.rule.size_px), codes, fields, pairs.rule.min_weight))


class _Chunked:
    """A graph that is asked for a field's patches at a time, as on the device."""

    def __init__(self, graph: bytes, size_px: int) -> None:
        self._model = OrtPatchModel(graph, size_px)

    def predict(
        self, first: NDArray[np.uint8], second: NDArray[np.uint8], code: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        chunks = range(0, len(first), recipe.TEST_PATCHES)
        answers = [
            self._model.predict(first[at : at + recipe.TEST_PATCHES], second[at : at + recipe.TEST_PATCHES], code)
            for at in chunks
        ]
        moves, weights = (np.concatenate(part) for part in zip(*answers, strict=True))
        return moves, weights
