"""What an evaluation leaves behind: a table of fields (CSV), figures (JSON), and one HTML page with plots."""

from __future__ import annotations

import csv
import io
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from firmware_host.slide import charts
from firmware_host.slide.page import cards, page, section, table
from firmware_host.whole_file import write_whole
from training.evaluate import Errors, Judged, by_objective, summarise

FIELD_COLUMNS = ("stack", "na", "z1_um", "z2_um", "move_um", "predicted_um", "error_um", "spread_um", "patches")
_DEFOCUS_BINS_DOF = np.arange(-6.5, 7.0, 1.0)
_SPREAD_BINS = 8


@dataclass(frozen=True)
class Evaluation:
    """A checkpoint on the test stacks.

    :param classical: per stack, the error of each classical measure's peak over the whole stack, um; empty when not
        asked for.
    """

    checkpoint: str
    judged: Sequence[Judged]
    classical: Mapping[str, Mapping[str, float]]


def write_fields_csv(path: Path, judged: Sequence[Judged]) -> None:
    """One row a field; blank fields have no prediction."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(FIELD_COLUMNS)
    for each in judged:
        figures = (each.predicted_um, each.error_um, each.spread_um)
        writer.writerow(
            [
                each.field.stack,
                f"{each.field.optics.na:.4g}",
                *(f"{value:.3f}" for value in (each.field.z1_um, each.field.z2_um, each.field.move_um)),
                *("" if value is None else f"{value:.4f}" for value in figures),
                each.patches,
            ]
        )
    write_whole(path, text.getvalue().encode())


def figures(evaluation: Evaluation) -> dict[str, object]:
    """Everything as plain values, for JSON."""
    return {
        "checkpoint": evaluation.checkpoint,
        "errors": {name: asdict(errors) for name, errors in by_objective(evaluation.judged).items()},
        "stacks": {name: asdict(errors) for name, errors in _by_stack(evaluation.judged).items()},
        "classical_mean_um": _classical_means(evaluation.classical),
        "error_by_defocus_dof": error_by_defocus(evaluation.judged),
        "reliability_dof": reliability(evaluation.judged),
    }


def write_json(path: Path, evaluation: Evaluation) -> None:
    write_whole(path, json.dumps(figures(evaluation), indent=1).encode())


def write_html(path: Path, evaluation: Evaluation) -> None:
    """One page that needs nothing else."""
    groups = by_objective(evaluation.judged)
    total = groups["all"]
    objectives = [name for name in groups if name != "all"] or ["all"]
    defocus = {name: error_by_defocus(_of_group(evaluation.judged, name)) for name in objectives}
    answered = [each for each in evaluation.judged if each.predicted_um is not None]
    moves = [(each.field.move_um, each.predicted_um) for each in answered if each.predicted_um is not None]
    title = f"Evaluation of {evaluation.checkpoint}"
    body = [
        f"<h1>{escape(title)}</h1><p>{escape(total.line())}</p>",
        cards(
            [
                (f"{total.mean_um:.3f} um", "mean absolute field error"),
                (f"{total.within_half:.1%}", "of fields within DoF/2"),
                (f"{total.wrong_direction:.2%}", "would move the wrong way"),
                (str(total.fields), f"fields judged, {total.blank} blank"),
            ]
        ),
        section("By objective", _errors_table(groups)),
        '<div class="two">',
        section(
            "Error against defocus",
            charts.curves(defocus, "true move, DoF", "mean |error|, DoF", "error against defocus"),
        ),
        section(
            "Does a large spread mean a large error?",
            charts.curves(
                {"fields": reliability(evaluation.judged)}, "spread, DoF", "mean |error|, DoF", "reliability", True
            ),
        ),
        section("Predicted against true move", charts.scatter(moves, "true move, um", "predicted move, um", "moves")),
        section(
            "Errors of the fields",
            charts.histogram(
                [each.error_um / each.field.optics.depth_of_field_um for each in answered if each.error_um is not None],
                0.5,
                "predicted less true move, DoF (band: DoF/2)",
                "errors",
            ),
        ),
        "</div><p></p>",
        _classical_section(evaluation) if evaluation.classical else "",
        section("By stack", _errors_table(_by_stack(evaluation.judged))),
    ]
    write_whole(path, page(title, body).encode())


def error_by_defocus(judged: Sequence[Judged]) -> list[tuple[float, float]]:
    """(true move, mean absolute error), both DoF, in bins of one DoF."""
    truth, error, _ = _in_dof(judged)
    points = []
    for low, high in itertools.pairwise(_DEFOCUS_BINS_DOF):
        inside = (truth >= low) & (truth < high)
        if inside.any():
            points.append((float((low + high) / 2), float(np.abs(error[inside]).mean())))
    return points


def reliability(judged: Sequence[Judged]) -> list[tuple[float, float]]:
    """(mean spread, mean absolute error), both DoF, of equally many fields each, from the smallest spread up."""
    _, error, spread = _in_dof(judged)
    order = np.argsort(spread, kind="stable")
    groups = [group for group in np.array_split(order, _SPREAD_BINS) if len(group)]
    return [(float(spread[group].mean()), float(np.abs(error[group]).mean())) for group in groups]


def _in_dof(judged: Sequence[Judged]) -> tuple[NDArray[np.float64], ...]:
    """True moves, errors and spreads of the fields that were judged."""
    rows = [
        (each.field.move_um / dof_um, each.error_um / dof_um, each.spread_um / dof_um)
        for each in judged
        if each.error_um is not None and each.spread_um is not None
        for dof_um in [each.field.optics.depth_of_field_um]
    ]
    return tuple(np.array(column) for column in zip(*rows, strict=True))


def _by_stack(judged: Sequence[Judged]) -> dict[str, Errors]:
    names = sorted({each.field.stack for each in judged if each.error_um is not None})
    return {name: summarise([each for each in judged if each.field.stack == name]) for name in names}


def _of_group(judged: Sequence[Judged], name: str) -> list[Judged]:
    return [each for each in judged if name in ("all", f"NA {each.field.optics.na:g}")]


def _errors_table(groups: Mapping[str, Errors]) -> str:
    head = ("", "fields", "field, um", "patch, um", "field, DoF", "P95, DoF", "within DoF/2", "wrong direction")
    rows = [
        (
            name,
            str(errors.fields),
            f"{errors.mean_um:.3f}",
            f"{errors.patch_mean_um:.3f}",
            f"{errors.mean:.3f}",
            f"{errors.p95:.3f}",
            f"{errors.within_half:.1%}",
            f"{errors.wrong_direction:.2%}",
        )
        for name, errors in groups.items()
    ]
    return table([head], rows, numbers=True)


def _classical_means(classical: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    measures = {measure for errors in classical.values() for measure in errors}
    return {
        measure: float(np.mean([abs(errors[measure]) for errors in classical.values()])) for measure in sorted(measures)
    }


def _classical_section(evaluation: Evaluation) -> str:
    means = _classical_means(evaluation.classical)
    planes = "all planes of the stack"
    rows = [("this network", "2 planes", f"{summarise(evaluation.judged).mean_um:.3f}")]
    rows += [(name, planes, f"{mean:.3f}") for name, mean in means.items()]
    return section(
        "Beside classical measures of sharpness, on the same stacks",
        table([("method", "looks at", "mean |error|, um")], rows, numbers=True),
    )
