"""Tiles of one scan laid on another's: what does not show what is there is told, and where all of it lies is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from benchmarks.seen import Seen
from firmware_host.profile import load_profile
from firmware_host.slide.record import FieldRecord

CAMERA = load_profile("emulated").camera
WIDE, HIGH, PITCH = 160, 120, 110
SLIDE = np.asarray(
    Image.fromarray(np.random.default_rng(4).integers(60, 250, (800, 800), np.uint8)).filter(ImageFilter.BoxBlur(2))
)


def record(row: int, col: int) -> FieldRecord:
    times = {"move": 0, "expose": 0}
    x_um, y_um = (at * PITCH * CAMERA.pixel_um for at in (col, row))
    return FieldRecord(
        row,
        col,
        x_um,
        y_um,
        0.0,
        None,
        None,
        9,
        2,
        "focused",
        times,
        None,
        None,
        None,
        f"{row}_{col}.png",  # type: ignore[arg-type]
    )


def scanned(folder: Path, at_px: dict[tuple[int, int], tuple[int, int]] | None = None, light: float = 1.0) -> Path:
    """Three rows of three fields. :param at_px: fields that show what lies so far (right, down) of their place."""
    folder.mkdir()
    for row in range(3):
        for col in range(3):
            right, down = (at_px or {}).get((row, col), (0, 0))
            top, left = 150 + row * PITCH + down, 150 + col * PITCH + right
            tile = SLIDE[top : top + HIGH, left : left + WIDE] * light
            Image.fromarray(tile.astype(np.uint8)).save(folder / f"{row}_{col}.png")
    return folder


RECORDS = [record(row, col) for row in range(3) for col in range(3)]
ALL = [(row, col) for row in range(3) for col in range(3)]


@pytest.mark.parametrize(
    ("at_px", "light", "wrong"),
    [
        ({}, 1.0, {}),
        (dict.fromkeys(ALL, (9, -6)), 1.0, {}),
        (dict.fromkeys(ALL, (120, 0)), 1.0, {}),
        (dict.fromkeys(ALL, (-120, 0)), 1.0, {}),
        ({(1, 1): (0, 25)}, 1.0, {(1, 1): "lies "}),
        ({(1, 1): (130, 40)}, 1.0, {(1, 1): "does not show what is there"}),
        (
            {(row, col): (120, 0) for row, col in ALL if row == 2},
            1.0,
            dict.fromkeys([(2, 0), (2, 1), (2, 2)], "does not show"),
        ),
        ({}, 0.8, dict.fromkeys(ALL, "times as bright")),
    ],
)
def test_what_differs_is_told(
    at_px: dict[tuple[int, int], tuple[int, int]], light: float, wrong: dict[tuple[int, int], str], tmp_path: Path
) -> None:
    seen = Seen(RECORDS, scanned(tmp_path / "before"), CAMERA)
    aside_um = 120 * CAMERA.pixel_um
    found = seen.wrong(RECORDS, scanned(tmp_path / "after", at_px, light), [(-aside_um, 0.0), (aside_um, 0.0)])
    told = {(each.row, each.col): why for each, why in found}
    assert told.keys() == wrong.keys()
    assert all(words in told[place] for place, words in wrong.items())


def test_a_slide_that_lies_far_aside_is_wrong_where_no_steps_were_lost(tmp_path: Path) -> None:
    seen = Seen(RECORDS, scanned(tmp_path / "before"), CAMERA)
    found = seen.wrong(RECORDS, scanned(tmp_path / "after", dict.fromkeys(ALL, (120, 0))))
    assert len(found) == 9


def test_of_what_was_never_seen_nothing_is_told(tmp_path: Path) -> None:
    seen = Seen(RECORDS, scanned(tmp_path / "before"), CAMERA)
    far = [replace(RECORDS[0], x_um=5000.0)]
    assert seen.wrong(far, tmp_path / "before") == []
