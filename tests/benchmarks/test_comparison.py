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
from firmware_host.errors import ScannerError, UsageError

WORKER = """
import json, sys
print(json.dumps(["inference: decide", {extra!r}]), flush=True)
for number, line in enumerate(sys.stdin):
    print({ns} + 10_000 * (number % 7), flush=True)
"""


def judged(ratios: list[float]) -> compare.Change:
    (change,) = compare.changes({"decide": [(10.0, 10.0 * each) for each in ratios]})
    return change


@pytest.mark.parametrize(
    ("ratios", "verdict"),
    [
        ([1.10] * 60, "slower"),
        ([0.90] * 60, "quicker"),
        ([1.03] * 60, ""),  # sure, but too little to speak of
        ([1.10] * 9, ""),  # nine coins fall alike more often than once in a thousand
        ([1.3, 0.8] * 30, ""),
        ([1.10] * 50 + [0.5] * 10, "slower"),  # something else ran meanwhile
        ([1.0] * 60, ""),
    ],
)
def test_verdicts(ratios: list[float], verdict: str) -> None:
    assert judged(ratios).verdict == verdict


@pytest.mark.parametrize(
    ("slower", "quicker", "expected"), [(0, 0, 1), (1, 0, 1), (1, 1, 1), (5, 0, 2 / 32), (8, 2, 2 * 56 / 1024)]
)
def test_the_chance_is_that_of_the_exact_sign_test(slower: int, quicker: int, expected: float) -> None:
    assert compare.chance(slower, quicker) == compare.chance(quicker, slower) == pytest.approx(expected)


@pytest.mark.parametrize(("slower_by", "least", "most"), [(0.10, 0.99, 1.0), (0.0, 0.0, 0.002)])
def test_a_tenth_is_found_and_nothing_is_not(slower_by: float, least: float, most: float) -> None:
    """Calls next to each other differ by five in a hundred, and now and then by a half."""
    rng = np.random.default_rng(1)
    told = 0
    for _ in range(500):
        noise = np.where(rng.random(60) < 0.1, rng.normal(0, 0.5, 60), rng.normal(0, 0.05, 60))
        told += judged(((1 + slower_by) * np.exp(noise)).tolist()).verdict == "slower"
    assert least <= told / 500 <= most


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    """Two checkouts that say how long they took: the second is a tenth slower, and has a piece that is new."""
    folders = (tmp_path / "base", tmp_path / "head")
    for folder, ns, extra in zip(folders, (10_000_000, 11_000_000), ("old", "new"), strict=True):
        (folder / "benchmarks").mkdir(parents=True)
        (folder / "benchmarks" / "__init__.py").touch()
        (folder / "benchmarks" / "worker.py").write_text(WORKER.format(ns=ns, extra=extra))
    return folders


def test_the_slower_checkout_fails_by_name(two: tuple[Path, Path]) -> None:
    result = CliRunner().invoke(app, ["compare", str(two[0]), str(two[1])])
    assert isinstance(result.exception, ScannerError)
    assert str(result.exception) == "slower: inference: decide: 1.10 times"


def test_the_quicker_one_passes(two: tuple[Path, Path]) -> None:
    result = CliRunner().invoke(app, ["compare", str(two[1]), str(two[0])])
    assert result.exit_code == 0, result.output
    assert "quicker" in result.output


def test_a_suite_that_cannot_be_compared_is_told() -> None:
    result = CliRunner().invoke(app, ["compare", "a", "b", "--suite", "focus"])
    assert isinstance(result.exception, UsageError)
    assert "suite focus: cannot be compared; choose among inference, preprocess" in str(result.exception)


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("raise SystemExit('suite inference: not known')", "head cannot be measured: suite inference: not known"),
        (
            "import json\nprint(json.dumps(['inference: decide']), flush=True)\nexit(input() and 'broken')",
            "measured: broken",
        ),
        ("import time\ntime.sleep(60)", "no answer from .*head within"),
    ],
    ids=["at once", "later", "never"],
)
def test_a_checkout_that_cannot_be_measured_is_told(
    two: tuple[Path, Path], program: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compare, "_TIMEOUT_S", 2.0)
    (two[1] / "benchmarks" / "worker.py").write_text(program)
    with pytest.raises(ScannerError, match=words):
        compare.compare(*two, ["inference"], 10, lambda _: None)


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_what_is_neither_folder_nor_revision_is_told(tmp_path: Path) -> None:
    with (
        pytest.raises(UsageError, match="neither a checkout's folder nor a revision"),
        compare.checkout("v0", tmp_path),
    ):
        sys.exit("not reached")
