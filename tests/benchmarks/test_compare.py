"""A change is told from noise, and which way it went."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from benchmarks import compare
from benchmarks.cli import app
from benchmarks.measure import figure
from benchmarks.results import Results
from firmware_host.errors import ScannerError, UsageError

PROGRAM = """
import json, sys
from dataclasses import asdict
from pathlib import Path
sys.path.append({project!r})
out = Path(sys.argv[sys.argv.index("--json") + 1])
def main():
    runs = Path(__file__).parent.parent / "runs"
    done = int(runs.read_text()) if runs.is_file() else 0
    runs.write_text(str(done + 1))
    row = dict(suite="inference", name="decide", unit="ms", value={ms} + 0.01 * (done % 3))
    row |= dict(p50=1, p90=1, p99=1, ci_low=1, ci_high=1, n=1, budget=None, passed=None)
    out.write_text(json.dumps(dict(schema=1, environment={{}}, results=[row])))
"""


def rounds(ratios: list[float]) -> list[tuple[Results, Results]]:
    def results(ms: float) -> Results:
        return Results({}, [figure("inference", "decide", "ms", ms), figure("inference", "size", "MB", ms)])

    return [(results(10.0), results(10.0 * each)) for each in ratios]


@pytest.mark.parametrize(
    ("ratios", "verdict"),
    [
        ([1.10] * 6, "slower"),
        ([0.90] * 6, "quicker"),
        ([1.02] * 6, ""),  # sure, but too little to speak of
        ([1.10] * 5, ""),  # five rounds cannot be surer than one in sixteen
        ([1.3, 0.8, 1.25, 0.85, 1.2, 0.9], ""),
        ([1.12, 1.08, 0.99, 1.11, 1.09, 1.13, 1.10, 1.07], "slower"),
    ],
)
def test_verdicts(ratios: list[float], verdict: str) -> None:
    (change,) = compare.changes(rounds(ratios))
    assert change.verdict == verdict
    assert change.name == "decide", "only times are compared"


def test_the_chance_is_that_of_the_exact_test() -> None:
    assert compare.chance([1.1] * 8) == 2 / 2**8
    assert compare.chance([1.1, 1 / 1.1]) == 1
    assert compare.chance([1.5]) == 1


@pytest.mark.parametrize(("slower_by", "least", "most"), [(0.10, 0.99, 1.0), (0.0, 0.0, 0.05)])
def test_a_tenth_is_found_and_nothing_is_not(slower_by: float, least: float, most: float) -> None:
    """Medians of fifty decisions scatter by two to three in a hundred from process to process."""
    rng = np.random.default_rng(1)
    told = 0
    for _ in range(300):
        noise = rng.normal(0, 0.03, 8)
        (change,) = compare.changes(rounds(((1 + slower_by) * np.exp(noise)).tolist()))
        told += change.verdict == "slower"
    assert least <= told / 300 <= most


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    """Two checkouts that measure themselves: the second is a tenth slower."""
    folders = (tmp_path / "base", tmp_path / "head")
    for folder, ms in zip(folders, (10.0, 11.0), strict=True):
        (folder / "benchmarks").mkdir(parents=True)
        (folder / "benchmarks" / "__init__.py").touch()
        project = str(Path(compare.__file__).parents[1])
        (folder / "benchmarks" / "cli.py").write_text(PROGRAM.format(ms=ms, project=project))
    return folders


def test_two_checkouts_are_measured_in_turn_and_the_slower_one_fails(two: tuple[Path, Path]) -> None:
    result = CliRunner().invoke(app, ["compare", str(two[0]), str(two[1]), "--rounds", "6"])
    assert isinstance(result.exception, ScannerError)
    assert str(result.exception) == "slower: inference: decide: 1.10 times"
    assert [(folder / "runs").read_text() for folder in two] == ["6", "6"]


def test_the_quicker_one_passes(two: tuple[Path, Path]) -> None:
    result = CliRunner().invoke(app, ["compare", str(two[1]), str(two[0]), "--rounds", "6"])
    assert result.exit_code == 0, result.output
    assert "quicker" in result.output


def test_a_run_that_fails_is_told(two: tuple[Path, Path]) -> None:
    (two[1] / "benchmarks" / "cli.py").write_text("raise SystemExit('suite inference: not known')")
    with pytest.raises(ScannerError, match=r"failed in .*head: suite inference: not known"):
        compare.compare(*two, ["inference"], 1, lambda _: None)


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_what_is_neither_folder_nor_revision_is_told(tmp_path: Path) -> None:
    with (
        pytest.raises(UsageError, match="neither a checkout's folder nor a revision"),
        compare.checkout("v0", tmp_path),
    ):
        sys.exit("not reached")
