"""Label files: what other tools get wrong about pairs, and tables that come back as they were written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from firmware_host.errors import UsageError
from firmware_host.optics import Objective
from firmware_host.stack_folder import EXIF_MAKE
from training.cli import app
from training.cli.common import open_pairs
from training.labels import COLUMNS, LabelRow, heights_from, label_pairs, read_labels, write_labels
from training.recipe import RULE
from training.stacks import Plane, Stack

OPTICS = Objective(0.75)


def stack(heights_nm: list[int], name: str = "p1") -> Stack:
    planes = tuple(Plane(Path(f"{z}.png"), z) for z in sorted(heights_nm))
    return Stack(name, planes, OPTICS, 0.25)


def write_planes(folder: Path, tags: list[str], suffix: str = "png", side: int = 8) -> None:
    folder.mkdir(parents=True)
    for number, tag in enumerate(tags):
        exif = Image.Exif()
        exif[EXIF_MAKE] = tag
        Image.fromarray(np.zeros((side, side, 3), np.uint8)).save(folder / f"{number:03d}.{suffix}", exif=exif)


def label(*arguments: object) -> Any:
    return CliRunner().invoke(app, ["label", *map(str, arguments)])


def test_no_pair_is_lost_to_rounding(tmp_path: Path) -> None:
    """Planes 0.1 um apart, written as floats are: comparing floats finds 132 of these 160 pairs."""
    heights = [-9.0 + 0.1 * step for step in range(180)]
    assert sum(abs(high - low - 2.0) == 0 for low in heights for high in heights) < 160
    write_planes(tmp_path / "X/train/p1", [repr(height) for height in heights])
    assert label("--stacks", tmp_path, "--delta", 2).exit_code == 0
    rows, _ = read_labels(tmp_path / "y/train.csv")
    assert len(rows) == 160
    assert {row.z2_nm - row.z1_nm for row in rows} == {2000}


def test_pairs_that_straddle_the_focus_are_pairs() -> None:
    """Labels between 0 and delta exist: the first plane below focus, the second above it."""
    rows = label_pairs([stack(list(range(-3000, 3001, 500)))], 2000, 0, None)
    assert {row.z2_nm for row in rows} == set(range(-1000, 3001, 500))
    assert any(row.z1_nm < 0 < row.z2_nm for row in rows)


def test_a_limit_leaves_names_and_heights_together() -> None:
    """A filter on one column alone shifts the file names against the labels."""
    rows = label_pairs([stack(list(range(-5000, 5001, 1000)))], 2000, 0, (-3000, 2000))
    assert [(row.first, row.second) for row in rows] == [(f"{z}.png", f"{z + 2000}.png") for z in range(-3000, 1, 1000)]
    assert all(row.first == f"{row.z1_nm}.png" and row.second == f"{row.z2_nm}.png" for row in rows)


@pytest.mark.parametrize("suffix", ["csv", "xlsx"])
def test_a_table_comes_back_as_it_was_written(tmp_path: Path, suffix: str) -> None:
    rows = [LabelRow("p1", "a.png", "b.png", -1900, 100), LabelRow("007", "c.jpg", "d.jpg", 0, 2001)]
    write_labels(tmp_path / f"y/train.{suffix}", rows)
    assert read_labels(tmp_path / f"y/train.{suffix}") == (rows, [])


def test_tables_of_others_are_read(tmp_path: Path) -> None:
    """Another order, an index column, a byte order mark, floats as floats are."""
    path = tmp_path / "t.csv"
    path.write_text(
        "\ufeff,z2_diff_focus,z1_diff_focus,xy_position,z1_image,z2_image\n"
        "0,0.30000000000000004,-1.7,s1,a.jpg,b.jpg\n1,nan,0,s1,a.jpg,b.jpg\n2,1,0,s1,../a.jpg,b.jpg\n3,0,1,s1,a.jpg,b.jpg\n",
        encoding="utf-8",
    )
    rows, skipped = read_labels(path)
    assert rows == [LabelRow("s1", "a.jpg", "b.jpg", -1700, 300)]
    assert [fault.reason for fault in skipped] == [
        "line 3: z2_diff_focus is 'nan', not a height in um",
        "line 4: ../a.jpg is not the plain name of a folder or file",
        "line 5: z2 (0 nm) is not above z1 (1000 nm)",
    ]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing.csv", None, "cannot be read"),
        ("missing.xlsx", None, "cannot be read"),
        ("broken.xlsx", b"no archive", "cannot be read"),
        ("empty.csv", b"", "empty"),
        ("other.csv", b"a,b\n1,2\n", "no column xy_position"),
        ("none.csv", (",".join(COLUMNS) + "\n").encode(), "no usable row"),
        ("bytes.csv", b"\xff\xfe\x00", "cannot be read"),
    ],
)
def test_a_bad_table_is_one_line(tmp_path: Path, name: str, content: bytes | None, message: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match=message) as caught:
        read_labels(tmp_path / name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif"])
def test_the_tag_may_be_the_move(tmp_path: Path, suffix: str) -> None:
    write_planes(tmp_path / "X/test/p1", ["-1", "0", "1", "3"], suffix)
    assert label("--stacks", tmp_path, "--delta", 2, "--make-is", "move", "--format", "xlsx").exit_code == 0
    rows, _ = read_labels(tmp_path / "y/test.xlsx")
    assert rows == [
        LabelRow("p1", f"003.{suffix}", f"002.{suffix}", -3000, -1000),
        LabelRow("p1", f"002.{suffix}", f"000.{suffix}", -1000, 1000),
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--delta", 0], "must be 0.001 to 1000"),
        (["--delta", "nan"], "must be 0.001 to 1000"),
        (["--delta", 2, "--limit", 1, 1], "MIN must be below MAX"),
        (["--delta", 7], "no pair of planes 7 um apart"),
    ],
)
def test_a_wrong_option_writes_nothing(tmp_path: Path, arguments: list[object], message: str) -> None:
    write_planes(tmp_path / "X/train/p1", ["-1", "1"])
    result = label("--stacks", tmp_path, *arguments)
    assert isinstance(result.exception, UsageError)
    assert message in str(result.exception)
    assert not (tmp_path / "y").exists()


def test_skipped_files_are_named(tmp_path: Path) -> None:
    write_planes(tmp_path / "X/train/p1", ["-1", "1", "high"])
    result = label("--stacks", tmp_path, "--delta", 2)
    assert "p1/002.png: Exif tag Make is 'high', not a number" in result.output


def test_tables_stand_in_for_tags(tmp_path: Path) -> None:
    """A data set whose heights are in its tables alone gives the pairs that the tags would give."""
    heights = [f"{(step - 6) * OPTICS.depth_of_field_um / 2:.3f}" for step in range(13)]
    write_planes(tmp_path / "X/train/p1", heights, side=140)
    label("--stacks", tmp_path, "--delta", f"{RULE.delta_dof * OPTICS.depth_of_field_um:.3f}", "--format", "xlsx")
    tagged = open_pairs(tmp_path, "train", RULE)
    for plane in (tmp_path / "X/train/p1").iterdir():
        Image.open(plane).save(plane, exif=Image.Exif())
    with pytest.raises(UsageError, match="no usable position"):
        open_pairs(tmp_path, "train", RULE)
    told = open_pairs(tmp_path, "train", RULE, "labels")
    assert len(told) == len(tagged) == 9
    assert told.pairs(0) == tagged.pairs(0)


@pytest.mark.parametrize(
    ("plane", "reason"), [("p1/x.png", "not in the labels"), ("p1/b.png", "several heights: 2, 2.5 um")]
)
def test_a_plane_without_one_height_is_left_out(plane: str, reason: str) -> None:
    height_nm = heights_from([LabelRow("p1", "a.png", "b.png", 0, 2000), LabelRow("p1", "b.png", "c.png", 2500, 4500)])
    assert height_nm(Path("p1/c.png")) == 4500
    with pytest.raises(ValueError, match=reason):
        height_nm(Path(plane))


@pytest.mark.parametrize(("suffixes", "message"), [((), "no such file, nor .xlsx"), (("csv", "xlsx"), "is .xlsx too")])
def test_one_table_a_split(tmp_path: Path, suffixes: tuple[str, ...], message: str) -> None:
    for suffix in suffixes:
        write_labels(tmp_path / f"y/train.{suffix}", [LabelRow("p1", "a.png", "b.png", 0, 2000)])
    with pytest.raises(UsageError, match=message):
        open_pairs(tmp_path, "train", RULE, "labels")
