"""`focus-replay`: the estimator over recorded stacks, real and synthetic."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def replay(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "firmware_host", "focus-replay", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def write_plane(path: Path, z_um: str | None, size: int = 300) -> None:
    exif = Image.Exif()
    if z_um is not None:
        exif[0x010F] = z_um
    noise = np.random.default_rng(len(path.name)).integers(0, 256, (size, size, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path, exif=exif)


def test_every_pair_has_a_row_with_the_documented_columns(tmp_path: Path) -> None:
    for index in range(5):
        write_plane(tmp_path / f"{index}.png", f"{index * 0.978 - 2:.3f}")
    done = replay("--stack", tmp_path, "--delta", 1.956, "--csv", tmp_path / "out.csv")
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader((tmp_path / "out.csv").read_text().splitlines()))
    assert list(rows[0]) == ["z1", "z2", "predicted_move_um", "spread_um", "patches", "status"]
    assert [(row["z1"], row["z2"]) for row in rows] == [
        ("-2.000", "-0.044"),
        ("-1.022", "0.934"),
        ("-0.044", "1.912"),
    ]


@pytest.mark.parametrize("spacing_um", [10, 14, 20])
def test_the_direction_is_right_on_a_real_stack(shared_data: Path, tmp_path: Path, spacing_um: float) -> None:
    """Stained adipose tissue through a 5x objective, moved by hand; an expert chose plane 10. NA 0.14, unknown um.

    The distance of the planes is not known: whatever is assumed, the way to go must come out right.
    """
    stack = shared_data / "stacks" / "adipose_5x"
    optics = ["--na", 0.14, "--pixel-um", 1.29]
    done = replay(
        "--stack",
        stack,
        "--plane-spacing-um",
        spacing_um,
        "--delta",
        4 * spacing_um,
        *optics,
        "--csv",
        tmp_path / "o",
    )
    assert done.returncode == 0, done.stderr
    assert "warning" in done.stderr, "the objective lies outside the bundle's range"
    right = []
    for row in csv.DictReader((tmp_path / "o").read_text().splitlines()):
        low, high = float(row["z1"]) / spacing_um, float(row["z2"]) / spacing_um
        if row["status"] == "ok" and (high < 10 or low > 10):
            right.append((float(row["predicted_move_um"]) > 0) == (high < 10))
    assert len(right) >= 6
    assert np.mean(right) >= 0.9


@pytest.mark.parametrize(
    ("files", "arguments", "words"),
    [
        ({}, ["--delta", "2"], "no two of its 0 planes"),
        ({"a.png": "0", "b.png": "9"}, ["--delta", "2"], "no two of its 2 planes are 2 um apart"),
        ({"a.png": "0", "b.png": None}, ["--delta", "2"], "b.png: no z in um"),
        ({"a.png": "0", "b.png": "2"}, ["--delta", "-1"], "must be above 0"),
        ({"planes.csv": "file,plane_index\na.png,1"}, ["--delta", "2"], "give --plane-spacing-um"),
        ({"planes.csv": "name\nx"}, ["--delta", "2", "--plane-spacing-um", "1"], "columns file and plane_index"),
        ({"planes.csv": "file,plane_index\n../../etc/x,1"}, ["--delta", "2", "--plane-spacing-um", "1"], "outside"),
        ({"a.png": "0", "b.png": "cut"}, ["--delta", "2"], "b.png"),
    ],
)
def test_bad_input_is_one_line(tmp_path: Path, files: dict[str, str | None], arguments: list[str], words: str) -> None:
    folder = tmp_path / "stack"
    folder.mkdir()
    for name, content in files.items():
        if name.endswith(".csv"):
            (folder / name).write_text(str(content))
        elif content == "cut":
            (folder / name).write_bytes(b"\x89PNG and no more")
        else:
            write_plane(folder / name, content)
    done = replay("--stack", folder, "--csv", tmp_path / "out.csv", *arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert not (tmp_path / "out.csv").exists()
