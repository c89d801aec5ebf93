"""`wsi-bench run` and `report`: what is printed, written, and failed for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmarks import cli
from benchmarks.budgets import Budget
from benchmarks.measure import figure, row
from benchmarks.page import page
from benchmarks.results import SCHEMA, read_results
from benchmarks.scans import Field, Scanned
from benchmarks.suites import GATED, SUITES
from firmware_host.clock import PHASES
from firmware_host.errors import ScannerError, UsageError
from firmware_host.profile import Profile
from firmware_host.scan.entries import Method
from firmware_host.scan.plan import Region
from firmware_host.slide.summary import summarise


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        SUITES, "focus", lambda _: [row("focus", "time", "ms", [1, 2, 3]), figure("focus", "x", "s", 2)]
    )
    monkeypatch.setattr(cli, "shipped_budgets", lambda: [Budget("focus", "x", "because", most=2)])


def invoke(*arguments: str) -> str:
    result = CliRunner().invoke(cli.app, list(arguments))
    if result.exception is not None:
        raise result.exception
    return result.output


def test_a_run_is_written_as_documented(tmp_path: Path) -> None:
    out = tmp_path / "results.json"
    assert "2 kept" in invoke("run", "--suite", "focus", "--json", str(out))
    content = json.loads(out.read_text())
    assert content["schema"] == SCHEMA
    assert {"processor", "machine", "cores", "python", "onnxruntime", "commit", "date"} <= content["environment"].keys()
    fields = ["suite", "name", "unit", "value", "p50", "p90", "p99", "ci_low", "ci_high", "n", "budget", "passed"]
    for each in content["results"]:
        assert list(each) == fields
    assert (content["results"][1]["budget"], content["results"][1]["passed"]) == (2, True)


def test_a_broken_budget_fails_by_name_and_the_figures_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "shipped_budgets", lambda: [Budget("focus", "x", "because", most=1)])
    out = tmp_path / "results.json"
    with pytest.raises(ScannerError, match="budget: focus: x: 2 s, 1"):
        invoke("run", "--suite", "focus", "--json", str(out))
    assert read_results(out).rows[1].passed is False


@pytest.mark.parametrize("suite", ["focus", "scan"])
def test_a_real_stage_is_not_moved_without_a_region(suite: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    with pytest.raises(UsageError, match=f"suite {suite}: it moves the stage of rpi5-imx477-20x: .*give --region"):
        invoke("run", "--suite", suite, "--profile", "rpi5-imx477-20x")


def test_a_real_scanner_scans_its_region_and_is_not_held_to_the_emulated_ones_budgets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.undo()
    asked = []
    ms = dict.fromkeys(PHASES, 0.0) | {"move": 200.0, "settle": 85.0, "expose": 900.0}

    def on_the_slide(profile: Profile, method: Method, region: Region, calibration: bool) -> Scanned:
        asked.append((profile.name, method, region))
        fields = [Field("focused", 2, ms, None)] * 3
        return Scanned(profile, fields, 3, summarise([], 1.0), 3_000_000, 1.0, 100.0)

    monkeypatch.setattr("benchmarks.focus.scan_part", on_the_slide)
    monkeypatch.setattr("benchmarks.scan.scan_part", on_the_slide)
    board = ("--profile", "rpi5-imx477-20x", "--region", "1,2,3,4")
    told = invoke("run", "--suite", "focus", "--suite", "scan", "--suite", "accuracy", *board)
    region = Region(1000, 2000, 3000, 4000)
    methods = ("two-shot", "sweep", "two-shot")
    assert asked == [("rpi5-imx477-20x", method, region) for method in methods]
    assert "within DoF/2" not in told, "a real scanner knows no truth"
    assert "1.185 s" in told
    assert "NOT KEPT" not in told


def test_an_unknown_suite_is_told_before_anything_runs() -> None:
    with pytest.raises(UsageError, match="suite focusing: not known"):
        invoke("run", "--suite", "focusing")


def test_what_runs_by_default_is_what_the_budgets_are_of() -> None:
    assert list(GATED) == ["inference", "preprocess", "gpio", "focus", "scan", "accuracy"]


def test_boards_lie_side_by_side(tmp_path: Path) -> None:
    files = []
    for name in ("one", "two"):
        files.append(tmp_path / f"{name}.json")
        invoke("run", "--suite", "focus", "--json", str(files[-1]))
    text = invoke("report", *map(str, files))
    assert "| time | 2 ms | 2 ms |" in text
    out = tmp_path / "page.md"
    invoke("report", str(files[0]), "--out", str(out))
    assert out.read_text() == page([read_results(files[0])])
    assert "| time | 2 ms | 1 to 3 | 2 | 2.8 | 2.98 | 3 |  |" in out.read_text()


@pytest.mark.parametrize("old", ["", "| what was there | 1 | at most 2 |\n"])
def test_figures_in_a_page_are_renewed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str) -> None:
    monkeypatch.setattr("benchmarks.page.shipped_budgets", lambda: [Budget("focus", "x", "because", most=2)])
    invoke("run", "--suite", "focus", "--json", str(tmp_path / "results.json"))
    readme = tmp_path / "README.md"
    begin, end = "before\n<!-- figures: wsi-bench report --summary-in -->\n", "<!-- end of figures -->\nafter\n"
    readme.write_text(begin + old + end)
    invoke("report", str(tmp_path / "results.json"), "--summary-in", str(readme))
    text = readme.read_text()
    assert text.startswith(begin)
    assert text.endswith("| focus: x | 2 s | at most 2 |\n" + end)
    assert "what was there" not in text
    assert "time" not in text, "it has no budget"


@pytest.mark.parametrize("text", ["", "<!-- end of figures -->", "<!-- figures: wsi-bench report --summary-in -->\n"])
def test_a_page_without_its_marks_is_left_as_it_is(tmp_path: Path, text: str) -> None:
    invoke("run", "--suite", "focus", "--json", str(tmp_path / "results.json"))
    readme = tmp_path / "README.md"
    readme.write_text(text)
    with pytest.raises(UsageError, match="where the figures are to be"):
        invoke("report", str(tmp_path / "results.json"), "--summary-in", str(readme))
    assert readme.read_text() == text


def test_where_the_time_goes_is_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ways = ("floor", "two-shot", "two-shot, free-running camera", "sweep")
    rows = [row("focus", f"{way}: {phase}", "ms", [10.0], "mean") for way in ways for phase in ("move", "settle")]
    monkeypatch.setitem(SUITES, "focus", lambda _: [*rows, figure("focus", "x", "s", 2)])
    invoke("run", "--suite", "focus", "--json", str(tmp_path / "results.json"))
    invoke("report", str(tmp_path / "results.json"), "--out", str(tmp_path / "page.md"))
    drawn = (tmp_path / "benchmarks.svg").read_text()
    assert drawn.startswith("<svg")
    assert all(name in drawn for name in ("physical floor", "two-shot", "no trigger", "sweep", "20 ms"))
    assert "](benchmarks.svg)" in (tmp_path / "page.md").read_text()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "not written by wsi-bench"),
        ("[]", "not written by wsi-bench"),
        ('{"schema": 1, "environment": {}, "results": [{"suite": "a"}]}', "not written by wsi-bench"),
        ('{"schema": 99, "environment": {}, "results": []}', "schema 99, this version reads 1"),
    ],
)
def test_another_file_is_refused(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "results.json"
    path.write_text(content)
    with pytest.raises(UsageError, match=words):
        invoke("report", str(path))


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not written by wsi-bench"):
        read_results(tmp_path / "nothing.json")
