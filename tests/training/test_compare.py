"""Ways of training side by side: the table, the plot, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

from firmware_host.errors import UsageError
from training.cli import app


def evaluation(folder: Path, mean: float, moves: tuple[float, ...] = (-1.0, 0.0, 1.0)) -> Path:
    folder.mkdir()
    errors = {"all": {"mean": mean, "near": mean / 2, "within_half": 1 - mean}}
    content = {"errors": errors, "error_by_defocus_dof": [[move, mean * (1 + abs(move))] for move in moves]}
    (folder / "figures.json").write_text(json.dumps(content))
    return folder


def test_the_table_gives_mean_and_deviation_over_the_seeds(tmp_path: Path) -> None:
    one, two, three = (evaluation(tmp_path / name, mean) for name, mean in (("1", 0.2), ("2", 0.4), ("3", 0.1)))
    plot = tmp_path / "plot.svg"
    result = CliRunner().invoke(app, ["compare", f"two seeds={one},{two}", f"one={three}", "--out", str(plot)])
    assert result.exit_code == 0, result.output
    assert result.output.splitlines()[2:] == [
        "| two seeds | 0.300 ± 0.141 | 0.150 ± 0.071 | 70.0% ± 14.1% |",
        "| one | 0.100 | 0.050 | 90.0% |",
    ]
    texts = {each.text for each in ElementTree.fromstring(plot.read_text()).iter() if each.tag.endswith("text")}
    assert {"two seeds", "one", "true move, DoF"} <= texts


@pytest.mark.parametrize(
    ("run", "message"),
    [
        ("nameless", "nameless: give a name and folders"),
        ("a=missing", "figures.json: cannot be used"),
        ("a={empty}", "cannot be used: 'error_by_defocus_dof'; make it with wsi-train evaluate --out"),
        ("a={here},{elsewhere}", "not of the same stacks"),
    ],
)
def test_what_cannot_be_compared_is_one_line(tmp_path: Path, run: str, message: str) -> None:
    here, elsewhere = evaluation(tmp_path / "here", 0.1), evaluation(tmp_path / "elsewhere", 0.1, (5.0,))
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "figures.json").write_text("{}")
    result = CliRunner().invoke(app, ["compare", run.format(here=here, elsewhere=elsewhere, empty=empty)])
    assert isinstance(result.exception, UsageError)
    assert message in str(result.exception)
    assert "\n" not in str(result.exception)
