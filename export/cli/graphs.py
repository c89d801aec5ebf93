"""`wsi-export onnx` and `quantize`: the steps to a bundle, one at a time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from export.cli.common import INT8_PATCHES, INT8_SEED
from firmware_host.bundle import FILES
from firmware_host.errors import UsageError
from firmware_host.whole_file import write_whole


def onnx(
    checkpoint: Annotated[Path, typer.Option(help="From wsi-train fit; focus-20x: the shipped model's.")],
    out: Annotated[Path, typer.Option(help="Folder for the graphs.")],
) -> None:
    """Checkpoint -> the focus graph and the calibration graph, FP32, checked against torch."""
    from export.onnx import calibration_to_onnx, to_onnx
    from training.checkpoint import load_checkpoint

    network, settings = load_checkpoint(checkpoint)
    size_px = settings.rule.size_px
    _write(out / FILES["fp32"], to_onnx(network, size_px))
    if calibration := calibration_to_onnx(network, size_px):
        _write(out / FILES["calibration"], calibration)


def quantize(
    graph: Annotated[Path, typer.Option(help="A focus graph, FP32, from wsi-export onnx.")],
    stacks: Annotated[Path, typer.Option(help="Stacks whose patches set the ranges.")],
    out: Annotated[Path | None, typer.Option(help="Folder for the graphs; default: that of the first.")] = None,
    count: Annotated[int, typer.Option(min=32, help="Patches, evenly of every defocus and texture.")] = INT8_PATCHES,
) -> None:
    """FP32 -> INT8, a graph for processors and one for TensorRT: static, per channel, with explicit Q and DQ nodes."""
    from onnx import load_from_string

    from export.calibration_set import stratified
    from export.quantize import to_int8
    from training.cli.common import open_pairs
    from training.recipe import RULE

    try:
        fp32 = graph.read_bytes()
        first = next(each for each in load_from_string(fp32).graph.input if each.name == "first")
    except Exception as error:  # protobuf's own, StopIteration, OSError
        raise UsageError(f"graph {graph}: not a focus graph: {error}; make it with wsi-export onnx") from error
    rule = replace(RULE, size_px=first.type.tensor_type.shape.dim[1].dim_value)
    patches = stratified(open_pairs(stacks, "train", rule), count, INT8_SEED)
    folder = out or graph.parent
    _write(folder / FILES["int8"], to_int8(fp32, patches, "onnxruntime"))
    _write(folder / FILES["tensorrt"], to_int8(fp32, patches, "tensorrt"))


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, content)
    print(f"{path}: {len(content) / 1e6:.2f} MB")
