"""A whole scan on the twin, as a user starts it: what it leaves behind, and how it fails."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
import zlib
from pathlib import Path

import openslide
import pytest

REGION = "3.7,2.7,4.3,3.2"


def wsi_host(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "firmware_host", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)


def scan(out: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return wsi_host("scan", "--profile", "emulated", "--out", out, *arguments)


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, object]]:
    """A small region, scanned once for all tests of this file."""
    out = tmp_path_factory.mktemp("scans") / "one"
    done = scan(out, "--region", REGION, "--json")
    assert done.returncode == 0, done.stderr
    return out, json.loads(done.stdout)


def rows(out: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((out / "tiles.csv").read_text().splitlines()))


def test_a_scan_leaves_slide_table_report_and_journal(scanned: tuple[Path, dict[str, object]]) -> None:
    out, result = scanned
    for name in ("slide.tiff", "tiles.csv", "report.html", "journal"):
        assert (out / name).stat().st_size > 0
    assert not list(out.glob(".*")), "temporary files left behind"
    assert result["slide"] == str(out / "slide.tiff")
    assert result["fields"] == len(rows(out))
    assert result["stopped"] == ""


def test_the_table_has_the_documented_columns(scanned: tuple[Path, dict[str, object]]) -> None:
    fields = {"row", "col", "x_um", "y_um", "z_um", "predicted_um", "spread_um", "captures", "status", "true_error_um"}
    times = {"move_ms", "settle_ms", "expose_ms", "readout_ms", "infer_ms", "write_ms"}
    assert fields | times <= set(rows(scanned[0])[0])


def test_fields_are_in_focus_with_few_captures(scanned: tuple[Path, dict[str, object]]) -> None:
    """Half a depth of field is 0.49 um; a sweep needs 22 captures."""
    seen = [row for row in rows(scanned[0]) if row["status"] != "blank"]
    assert len(seen) >= 6
    errors = sorted(abs(float(row["true_error_um"])) for row in seen if row["true_error_um"])
    assert errors[len(errors) // 2] < 0.25
    assert sum(int(row["captures"]) for row in seen) / len(seen) < 4


def test_the_path_is_serpentine(scanned: tuple[Path, dict[str, object]]) -> None:
    places = [(int(row["row"]), int(row["col"])) for row in rows(scanned[0])]
    assert places == sorted(places, key=lambda place: (place[0], place[1] if place[0] % 2 == 0 else -place[1]))


def test_the_slide_opens_at_its_size_and_scale(scanned: tuple[Path, dict[str, object]]) -> None:
    slide = openslide.OpenSlide(scanned[0] / "slide.tiff")
    assert float(slide.properties["openslide.mpp-x"]) == pytest.approx(0.25)
    assert slide.level_count >= 2
    table = rows(scanned[0])
    x, y = ([float(row[key]) for row in table] for key in ("x_um", "y_um"))
    assert slide.dimensions[0] == pytest.approx((max(x) - min(x)) / 0.25 + 1024, abs=1)
    assert slide.dimensions[1] == pytest.approx((max(y) - min(y)) / 0.25 + 768, abs=1)


def test_the_journal_names_only_tiles_that_are_there_whole(scanned: tuple[Path, dict[str, object]]) -> None:
    out = scanned[0]
    events = []
    for line in (out / "journal").read_text().splitlines():
        checksum, entry = line.split(" ", 1)
        assert int(checksum, 16) == zlib.crc32(entry.encode())
        events.append(json.loads(entry))
    told = [event["event"] for event in events if event["event"] != "mending"]
    fields = [event for event in events if event["event"] == "field"]
    assert told == ["begin", "prepared", *["field"] * len(fields), "end"]
    assert all((out / event["tile"]).exists() for event in fields)


def test_the_network_is_calibrated_on_the_slide_and_that_is_told(scanned: tuple[Path, dict[str, object]]) -> None:
    journal = (scanned[0] / "journal").read_text().splitlines()
    calibration = json.loads(journal[1].split(" ", 1)[1])["calibration"]["line"]
    told = re.fullmatch(
        r"from [3-6] places; .* err by (\d\.\d\d) depths of field, by (\d\.\d\d) without.*", calibration
    )
    assert told is not None
    assert float(told[1]) < float(told[2])
    assert calibration in (scanned[0] / "report.html").read_text()


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(
    scanned: tuple[Path, dict[str, object]], tmp_path: Path
) -> None:
    for name, seed in (("again", "1"), ("other", "2")):
        assert scan(tmp_path / name, "--region", REGION, "--seed", seed).returncode == 0
    for file in ("tiles.csv", "slide.tiff"):
        original = (scanned[0] / file).read_bytes()
        assert (tmp_path / "again" / file).read_bytes() == original
        assert (tmp_path / "other" / file).read_bytes() != original


def test_ctrl_c_keeps_what_was_scanned(tmp_path: Path) -> None:
    """The first tile on disk is the sign to press Ctrl-C; the slide is written all the same."""
    out = tmp_path / "stopped"
    command = [sys.executable, "-m", "firmware_host", "scan", "--profile", "emulated", "--out", str(out)]
    with subprocess.Popen([*command, "--region", "3.4,2.4,4.6,3.4"], stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        lines = []
        for line in running.stderr:
            lines.append(line)
            if line.startswith("scanning"):
                os.kill(running.pid, signal.SIGINT)
                break
        lines += running.stderr.readlines()
        code = running.wait(timeout=120)
    assert code == 130
    assert "error: stopped: Ctrl-C\n" in lines
    saved = list((out / "tiles").glob("*.jpg"))
    assert 1 <= len(saved) < 30
    assert openslide.OpenSlide(out / "slide.tiff").dimensions[0] >= 1024
    assert json.loads((out / "journal").read_text().splitlines()[-1].split(" ", 1)[1])["event"] == "stopped"


def one_error(done: subprocess.CompletedProcess[str], code: int = 2) -> str:
    assert done.returncode == code, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, done.stderr
    assert "Traceback" not in done.stderr
    return lines[0]


def test_a_folder_with_another_scan_is_not_touched(scanned: tuple[Path, dict[str, object]]) -> None:
    before = {path: path.stat().st_mtime_ns for path in scanned[0].rglob("*")}
    assert "holds another scan" in one_error(scan(scanned[0], "--region", REGION))
    assert {path: path.stat().st_mtime_ns for path in scanned[0].rglob("*")} == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--region", "3,2,1,4"], "X1 must be greater than X0"),
        (["--region", "a,b"], "expected four numbers"),
        (["--region=-0.1,1,0.45,2"], "region: x from -0.1 to 0.45 mm is outside"),
        (["--region", "7.0,2.0,11.0,3.0"], "outside the profile's soft limits, 0 to 8 mm"),
        (["--bundle", "none.wsimodel"], "bundle none.wsimodel: no such file"),
        (["--bundle", "{tmp}/cut.wsimodel"], "not a bundle, or truncated"),
        (["--slide", "{tmp}/none.png"], "slide image {tmp}/none.png: cannot be read"),
        (["--slide", "{tmp}/cut.wsimodel"], "not an image"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(tmp_path: Path, arguments: list[str], words: str) -> None:
    (tmp_path / "cut.wsimodel").write_bytes(b"PK\x03\x04 and no more")
    out = tmp_path / "out"
    done = scan(out, *(argument.format(tmp=tmp_path) for argument in arguments))
    assert words.format(tmp=tmp_path) in one_error(done)
    assert not out.exists()


def test_an_unknown_profile_is_one_line(tmp_path: Path) -> None:
    done = wsi_host("scan", "--profile", "none", "--out", tmp_path / "out")
    assert "not among the shipped ones" in one_error(done)


def test_a_region_without_tissue_is_one_line(tmp_path: Path) -> None:
    out = tmp_path / "glass"
    assert "no tissue found" in one_error(scan(out, "--region", "0.2,0.2,0.9,0.7"))
    assert not out.exists(), "nothing was scanned, and a second try would be refused"


def test_a_profile_for_other_hardware_than_this_machine_has_says_so(tmp_path: Path) -> None:
    done = wsi_host("scan", "--profile", "rpi5-imx477-20x", "--out", tmp_path / "out")
    assert "GPIO chips: " in one_error(done, code=3)
    assert not (tmp_path / "out").exists()
