"""Evaluations side by side: a table with the spread over seeds, and one plot of error against defocus."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from firmware_host.errors import UsageError
from firmware_host.slide import charts

_MEASURES = {"field, DoF": "mean", "near focus, DoF": "near", "within DoF/2": "within_half"}


@dataclass(frozen=True)
class Compared:
    """One way of training, judged on the same stacks with one seed or several.

    :param errors: by measure, a value a seed; :param by_defocus: (true move, mean absolute error), DoF, over the seeds.
    """

    errors: Mapping[str, Sequence[float]]
    by_defocus: Sequence[tuple[float, float]]


def read_evaluations(folders: Sequence[Path]) -> Compared:
    """What `wsi-train evaluate --out` left in folders, one a seed.

    :raises UsageError: a folder holds no evaluation, or they are not of the same stacks.
    """
    read = [_figures(folder) for folder in folders]
    curves = [dict(figures["error_by_defocus_dof"]) for figures in read]
    if any(curve.keys() != curves[0].keys() for curve in curves):
        raise UsageError(f"evaluation {folders[0]}: not of the same stacks as the others; evaluate them on the same")
    return Compared(
        {name: [figures["errors"]["all"][key] for figures in read] for name, key in _MEASURES.items()},
        [(move, float(np.mean([curve[move] for curve in curves]))) for move in curves[0]],
    )


def table(runs: Mapping[str, Compared]) -> str:
    """Markdown: mean and standard deviation over the seeds."""
    lines = ["| | " + " | ".join(_MEASURES) + " |", "|---" * (len(_MEASURES) + 1) + "|"]
    for name, run in runs.items():
        cells = []
        for measure, values in run.errors.items():
            percent = measure == "within DoF/2"
            mean, deviation = (
                f"{value:.1%}" if percent else f"{value:.3f}" for value in (np.mean(values), _sd(values))
            )
            cells.append(f"{mean} ± {deviation}" if len(values) > 1 else mean)
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def plot(runs: Mapping[str, Compared]) -> str:
    """An SVG file."""
    series = {name: run.by_defocus for name, run in runs.items()}
    return charts.standalone(charts.curves(series, "true move, DoF", "mean |error|, DoF", "error against defocus"))


def _sd(values: Sequence[float]) -> float:
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def _figures(folder: Path) -> dict[str, dict[str, dict[str, float]]]:
    path = folder / "figures.json"
    try:
        read: dict[str, dict[str, dict[str, float]]] = json.loads(path.read_text())
        dict(read["error_by_defocus_dof"])
        [read["errors"]["all"][key] for key in _MEASURES.values()]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"evaluation {path}: cannot be used: {error}; make it with wsi-train evaluate --out"
        ) from error
    return read
