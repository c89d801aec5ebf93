"""`wsi-export verify`: how many micrometres the device's graphs are off the network that was trained."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from firmware_host.bundle import find_bundle, read_bundle
from firmware_host.errors import ScannerError
from firmware_host.trust import trusted_keys
from firmware_host.whole_file import write_whole

if TYPE_CHECKING:
    from export.fusion import Fusion
    from export.parity import Parity


def verify(
    bundle: Annotated[str, typer.Option(help="A bundle.")],
    stacks: Annotated[Path, typer.Option(help="Stacks whose X/test is asked about.")],
    checkpoint: Annotated[Path | None, typer.Option(help="What the bundle was made of: asks torch too.")] = None,
    count: Annotated[int, typer.Option(min=1, help="Fields to judge.")] = 1000,
    max_growth_um: Annotated[float, typer.Option(min=0, help="The mean absolute error may grow by this.")] = 0.01,
    max_p99_um: Annotated[float, typer.Option(min=0, help="99 in 100 fields may differ by this at most.")] = 0.05,
    aarch64: Annotated[
        Path | None, typer.Option(help="Folder made by export/aarch64.sh: asks an emulated aarch64 too, slowly.")
    ] = None,
    aarch64_count: Annotated[int, typer.Option(min=1, help="Fields to ask the emulated aarch64 about.")] = 100,
    plot: Annotated[Path | None, typer.Option(help="Where to write an SVG: difference against defocus.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """The same fields through FP32, both INT8 graphs and torch; and what of INT8 is computed on integers here.

    Fails where INT8 is farther from FP32 than it may be, or anything quantised is left to floats.
    """
    from export.aarch64 import on_aarch64
    from export.fusion import fusion, optimised
    from export.parity import parity, parity_by_defocus
    from export.runtimes import GraphModel, graph_codes
    from firmware_host.slide import charts
    from training import recipe
    from training.checkpoint import load_checkpoint
    from training.cli.common import open_pairs
    from training.evaluate import TorchModel, judge

    checked = read_bundle(find_bundle(bundle), trusted_keys())
    rule, graphs = checked.patch_rule, checked.graphs
    test = open_pairs(stacks, "test", rule)
    fields = test.fields(count, recipe.TEST_PATCHES, seed=5)
    codes = graph_codes(graphs.calibration, test)
    asked = {"fp32": graphs.fp32, "int8": graphs.int8, "int8 for TensorRT": graphs.tensorrt}
    judged = {
        name: judge(GraphModel(graph, rule.size_px), codes, fields, rule.min_weight) for name, graph in asked.items()
    }
    if checkpoint is not None:
        judged["torch"] = judge(TorchModel(load_checkpoint(checkpoint)[0]), codes, fields, rule.min_weight)
    compared = {name: parity(judged["fp32"], each) for name, each in judged.items()}
    fused = {"here": fusion(graphs.int8, optimised(graphs.int8))}
    elsewhere: Parity | None = None
    if aarch64 is not None:
        some = test.fields(min(aarch64_count, count), recipe.TEST_PATCHES, seed=5)
        with on_aarch64(graphs.int8, aarch64) as model:
            elsewhere = parity(judged["int8"][: len(some.fields)], judge(model, codes, some, rule.min_weight))
            fused["aarch64"] = fusion(graphs.int8, model.optimised())
    by_defocus = {name: parity_by_defocus(judged["fp32"], each) for name, each in judged.items() if name != "fp32"}
    if plot is not None:
        lines = {name: [(float(at), each.mean_um) for at, each in bins.items()] for name, bins in by_defocus.items()}
        axes = ("true move, DoF", "mean |difference from fp32|, um")
        write_whole(plot, charts.standalone(charts.curves(lines, *axes, "difference against defocus")).encode())
    if as_json:
        tables = {name: {move: asdict(each) for move, each in bins.items()} for name, bins in by_defocus.items()}
        told = {
            "runtimes": {name: asdict(each) for name, each in compared.items()},
            "by_defocus_dof": tables,
            "aarch64_from_int8_here": elsewhere and asdict(elsewhere),
            "fusion": {name: asdict(each) for name, each in fused.items()},
        }
        print(json.dumps(told))
    else:
        for name, each in compared.items():
            print(f"{name}: error {each.error_um:.4f} um ({each.growth_um:+.4f}); from fp32: {_spread(each)}")
        if elsewhere is not None:
            print(f"int8 on aarch64: from int8 here: {_spread(elsewhere)}")
        for name, part in fused.items():
            print(f"int8 {name}: {part.line()}")
    _check({name: compared[name] for name in asked if name != "fp32"}, fused, max_growth_um, max_p99_um)


def _spread(parity: Parity) -> str:
    return f"mean {parity.mean_um:.4f}, P99 {parity.p99_um:.4f}, at most {parity.max_um:.4f} um; {parity.fields} fields"


def _check(
    compared: Mapping[str, Parity], fused: Mapping[str, Fusion], max_growth_um: float, max_p99_um: float
) -> None:
    """:raises ScannerError: a graph differs by more than it may, or is not all integers where it should be."""
    for name, each in compared.items():
        if each.growth_um > max_growth_um or each.p99_um > max_p99_um:
            raise ScannerError(
                f"verify: {name} errs {each.growth_um:+.4f} um more than FP32 (allowed {max_growth_um:g}), P99 of the "
                f"difference is {each.p99_um:.4f} um (allowed {max_p99_um:g})"
            )
    for name, part in fused.items():
        if part.left:
            raise ScannerError(f"verify: int8 {name}: {part.line()}; quantise otherwise, or change the architecture")
