"""`wsi-export bundle` and `inspect`: what the device is given."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from export.cli.common import DEFAULT_KEY, INT8_PATCHES, INT8_SEED, MODELS, Key
from firmware_host.bundle import SCHEMA_VERSION, Graphs, Manifest, find_bundle, read_bundle, write_bundle
from firmware_host.trust import trusted_keys

_TEST_FIELDS = 1000


def bundle(
    checkpoint: Annotated[Path, typer.Option(help="From wsi-train fit; focus-20x: the shipped model's.")],
    stacks: Annotated[Path, typer.Option(help="Stacks to calibrate INT8 and to measure with.")],
    out: Annotated[Path, typer.Option(help="The bundle to write.")] = MODELS / "focus-20x.wsimodel",
    name: Annotated[str, typer.Option(help="What the bundle calls itself.")] = "focus-20x",
    key: Key = DEFAULT_KEY,
) -> None:
    """Checkpoint -> ONNX -> INT8 -> signed bundle, with the error of each in depths of field."""
    from export.calibration_set import stratified
    from export.keys import signing_key, write_public
    from export.onnx import calibration_to_onnx, to_onnx
    from export.quantize import to_int8
    from export.runtimes import GraphModel, graph_codes
    from training import recipe
    from training.checkpoint import load_checkpoint
    from training.cli.common import open_pairs
    from training.evaluate import by_objective, corrections_from, judge, uncalibrated

    network, settings = load_checkpoint(checkpoint)
    rule = settings.rule
    fp32 = to_onnx(network, rule.size_px)
    patches = stratified(open_pairs(stacks, "train", rule), INT8_PATCHES, INT8_SEED)
    graphs = Graphs(
        int8=to_int8(fp32, patches, "onnxruntime"),
        tensorrt=to_int8(fp32, patches, "tensorrt"),
        fp32=fp32,
        calibration=calibration_to_onnx(network, rule.size_px),
    )
    test = open_pairs(stacks, "test", rule)
    fields = test.fields(_TEST_FIELDS, recipe.TEST_PATCHES, seed=5)
    codes = graph_codes(graphs.calibration, test)
    asked = {name: GraphModel(graph, rule.size_px) for name, graph in (("fp32", fp32), ("int8", graphs.int8))}
    measured = {
        name: judge(
            model,
            codes,
            fields,
            rule.min_weight,
            corrections_from(model, codes, test, recipe.TEST_PATCHES, rule.min_weight),
        )
        for name, model in asked.items()
    }
    measured["int8 without calibration"] = judge(asked["int8"], uncalibrated(test), fields, rule.min_weight)
    metrics = {}
    for label, judged in measured.items():
        for group, errors in by_objective(judged).items():
            print(f"{label}, {group}: {errors.line()}")
            metrics[f"{label}, {group}, field mean um"] = round(errors.mean_um, 4)
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
        metrics=metrics,
        sha256={},
        tools={"torch": version("torch"), "onnxruntime": version("onnxruntime"), "settings": repr(settings)},
    )
    signer = signing_key(key)
    write_bundle(out, manifest, graphs, signer)
    if out.parent.resolve() == MODELS.resolve():  # it comes with the software, and so does its key
        write_public(MODELS / "trusted" / f"{out.stem}.pub", signer)
    print(f"{out}: {out.stat().st_size / 1e6:.1f} MB")


def inspect(path: Annotated[str, typer.Argument(help="A bundle.")]) -> None:
    """Check a bundle and print its manifest."""
    print(read_bundle(find_bundle(path), trusted_keys()).manifest.model_dump_json(indent=1))
