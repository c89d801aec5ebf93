"""`wsi-export verify`: how many micrometres the device's graphs are off the network that was trained."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from firmware_host.bundle import find_bundle, read_bundle
from firmware_host.errors import ScannerError
from firmware_host.trust import trusted_keys
from firmware_host.whole_file import write_whole


def verify(
    bundle: Annotated[str, typer.Option(help="A bundle.")],
    stacks: Annotated[Path, typer.Option(help="Stacks whose X/test is asked about.")],
    checkpoint: Annotated[Path | None, typer.Option(help="What the bundle was made of: asks torch too.")] = None,
    count: Annotated[int, typer.Option(min=1, help="Fields to judge.")] = 1000,
    max_growth_um: Annotated[float, typer.Option(min=0, help="The mean absolute error may grow by this.")] = 0.01,
    max_p99_um: Annotated[float, typer.Option(min=0, help="99 in 100 fields may differ by this at most.")] = 0.05,
    plot: Annotated[Path | None, typer.Option(help="Where to write an SVG: difference against defocus.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """The same fields through FP32, INT8 and torch; fails when INT8 is farther from FP32 than it may be."""
    from export.parity import parity, parity_by_defocus
    from export.runtimes import GraphModel, graph_codes
    from firmware_host.slide import charts
    from training import recipe
    from training.checkpoint import load_checkpoint
    from training.cli.common import open_pairs
    from training.evaluate import TorchModel, judge

    checked = read_bundle(find_bundle(bundle), trusted_keys())
    rule = checked.patch_rule
    test = open_pairs(stacks, "test", rule)
    fields = test.fields(count, recipe.TEST_PATCHES, seed=5)
    codes = graph_codes(checked.calibration_graph, test)
    models = {
        "fp32": GraphModel(checked.fp32_graph, rule.size_px),
        "int8": GraphModel(checked.int8_graph, rule.size_px),
    }
    judged = {name: judge(model, codes, fields, rule.min_weight) for name, model in models.items()}
    if checkpoint is not None:
        judged["torch"] = judge(TorchModel(load_checkpoint(checkpoint)[0]), codes, fields, rule.min_weight)
    reference = judged["fp32"]
    compared = {name: parity(reference, judged[name]) for name in judged}
    by_defocus = {name: parity_by_defocus(reference, judged[name]) for name in judged if name != "fp32"}
    if plot is not None:
        lines = {name: [(float(at), each.mean_um) for at, each in bins.items()] for name, bins in by_defocus.items()}
        axes = ("true move, DoF", "mean |difference from fp32|, um")
        write_whole(plot, charts.standalone(charts.curves(lines, *axes, "difference against defocus")).encode())
    if as_json:
        tables = {name: {move: asdict(each) for move, each in bins.items()} for name, bins in by_defocus.items()}
        print(json.dumps({"runtimes": {k: asdict(v) for k, v in compared.items()}, "by_defocus_dof": tables}))
    else:
        for name, each in compared.items():
            print(
                f"{name}: error {each.error_um:.4f} um ({each.growth_um:+.4f}); from fp32: mean {each.mean_um:.4f}, "
                f"P99 {each.p99_um:.4f}, at most {each.max_um:.4f} um; {each.fields} fields"
            )
    int8 = compared["int8"]
    if int8.growth_um > max_growth_um or int8.p99_um > max_p99_um:
        raise ScannerError(
            f"verify: INT8 errs {int8.growth_um:+.4f} um more than FP32 (allowed {max_growth_um:g}), P99 of the "
            f"difference is {int8.p99_um:.4f} um (allowed {max_p99_um:g})"
        )
