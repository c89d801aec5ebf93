from __future__ import annotations

import base64
import csv
import io
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from firmware_host.slide import charts
from firmware_host.slide.record import FieldRecord, write_tiles_csv
from firmware_host.slide.report import ReportData, write_report
from firmware_host.slide.summary import summarise

RECORD = FieldRecord(
    row=0,
    col=1,
    x_um=1000.0,
    y_um=2000.0,
    z_um=300.05,
    predicted_um=0.1234,
    spread_um=0.2,
    patches=16,
    captures=2,
    status="focused",
    time_ns={"move": 100_000_000, "infer": 12_000_000},
    first_move_um=0.1234,
    first_true_move_um=0.6,
    true_error_um=-0.1,
    tile="tiles/r000_c001.jpg",
)
RECORDS = [
    RECORD,
    replace(RECORD, col=2, true_error_um=0.5, captures=3, first_move_um=-0.2),
    replace(RECORD, col=3, true_error_um=None, first_true_move_um=None, status="blank", captures=2),
    replace(RECORD, col=4, true_error_um=-0.3, captures=25, status="predicted", first_move_um=None),
]


def test_the_table_is_written_with_fixed_digits_and_empty_unknowns(tmp_path: Path) -> None:
    write_tiles_csv(tmp_path / "tiles.csv", RECORDS)
    rows = list(csv.DictReader((tmp_path / "tiles.csv").read_text().splitlines()))
    assert rows[0]["predicted_um"] == "0.123"
    assert rows[0]["move_ms"] == "100.000"
    assert rows[0]["wait_ms"] == "0.000"
    assert (rows[2]["true_error_um"], rows[2]["status"]) == ("", "blank")


def test_the_summary_counts_what_has_detail() -> None:
    """Errors 0.1, 0.5 and 0.3 um; DoF/2 = 0.4; one of two judged first moves went the wrong way."""
    summary = summarise(RECORDS, 0.8)
    assert (summary.fields, summary.blank, summary.flagged) == (4, 1, 1)
    assert summary.mean_error_um == pytest.approx(0.3)
    assert summary.within_half_dof == pytest.approx(2 / 3)
    assert summary.wrong_direction == pytest.approx(1 / 2)
    assert summary.captures_per_field == pytest.approx(10)
    assert summary.seconds_per_field == pytest.approx(0.112)


def test_without_the_truth_nothing_is_claimed_of_it() -> None:
    on_hardware = [replace(record, true_error_um=None, first_true_move_um=None) for record in RECORDS]
    summary = summarise(on_hardware, 0.8)
    assert (summary.mean_error_um, summary.within_half_dof, summary.wrong_direction) == (None, None, None)
    assert "error" not in summary.line()


def data(**values: object) -> ReportData:
    report = ReportData(
        title="Scan of <slide> & more",
        method="two shots",
        records=RECORDS,
        compared=[replace(RECORD, captures=22, status="swept")],
        compared_method="contrast sweep",
        depth_of_field_um=0.8,
        thumbnail=np.full((40, 60, 3), 200, np.uint8),
        settings={"profile": "<script>alert(1)</script>"},
    )
    return replace(report, **values)  # type: ignore[arg-type]


def test_the_report_is_one_page_without_network_or_script(tmp_path: Path) -> None:
    write_report(tmp_path / "report.html", data())
    page = (tmp_path / "report.html").read_text()
    assert "<script" not in page
    assert not re.search(r'(src|href)="(?!data:)', page)
    assert "Scan of &lt;slide&gt; &amp; more" in page
    for svg in re.findall(r"<svg.*?</svg>", page, re.DOTALL):
        ElementTree.fromstring(svg)
    for words in ("Focus surface", "Against the contrast sweep", "Flagged fields", "22.00"):
        assert words in page


@pytest.mark.parametrize(
    "values",
    [
        {"records": [replace(record, true_error_um=None, first_true_move_um=None) for record in RECORDS]},
        {"records": [replace(RECORD, status="blank")], "thumbnail": None},
        {"compared": []},
        {"records": [RECORD]},
    ],
    ids=["on hardware", "nothing focused", "nothing compared", "one field"],
)
def test_every_kind_of_scan_has_a_report(tmp_path: Path, values: dict[str, object]) -> None:
    write_report(tmp_path / "report.html", data(**values))
    assert "nan" not in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-0.31, 0.27), (296.2, 304.9), (0, 17), (5, 5)])
def test_ticks_are_round_and_inside(low: float, high: float) -> None:
    ticks = charts.ticks(low, high)
    assert all(low - 1e-9 <= tick <= high + 1e-9 for tick in ticks)
    assert len(ticks) <= 11


def test_the_report_of_a_very_large_slide_stays_small(tmp_path: Path) -> None:
    """15,000 fields, a third of them flagged: maps become pictures, the list ends, and all is still well-formed."""
    statuses = ("focused", "swept", "predicted")
    records = [
        replace(RECORD, row=row, col=col, status=statuses[(row + col) % 3], z_um=300 + row / 9, true_error_um=col / 200)
        for row in range(100)
        for col in range(150)
        if not 40 < row + col < 44
    ]
    data = ReportData("Large", "two shots", records, [], "", 0.98, None, {})
    write_report(tmp_path / "report.html", data)
    text = (tmp_path / "report.html").read_text()
    assert len(text) < 500_000
    assert text.count("data:image/png") == 2
    flagged = sum(record.status == "predicted" for record in records)
    assert f"and {flagged - 200} more: see tiles.csv" in text
    assert "one of 6 points is drawn" in text
    for svg in re.findall(r"<svg.*?</svg>", text, re.DOTALL):
        ElementTree.fromstring(svg)


def test_the_picture_of_a_map_has_each_field_in_its_place() -> None:
    cells = {(row, col): "#2f9e6e" for row in range(5, 65) for col in range(10, 60)}
    cells[7, 12] = "#d1495b"
    del cells[64, 59]
    svg = charts.grid_map(cells, dict.fromkeys(cells, ""), "", "map")
    encoded = re.search(r"base64,([^\"]+)", svg)
    assert encoded is not None
    with Image.open(io.BytesIO(base64.b64decode(encoded[1]))) as picture:
        assert picture.size == (50, 60)
        assert picture.getpixel((2, 2)) == (0xD1, 0x49, 0x5B, 255)
        assert picture.getpixel((0, 0)) == (0x2F, 0x9E, 0x6E, 255)
        assert picture.getpixel((49, 59)) == (0, 0, 0, 0)


HEADINGS = ("Taken again", "Flagged fields")
FLAGGED = replace(RECORD, col=5, flags=("tile blurred", "seam off"), retakes=2, retaken_for=("tile blurred",))
MENDED = replace(RECORD, col=6, retakes=1, retaken_for=("tile damaged",), defocus_dof=0.1, exposure=1.01, seam_px=0.4)


def test_the_table_holds_what_was_measured_of_each_tile(tmp_path: Path) -> None:
    write_tiles_csv(tmp_path / "tiles.csv", [RECORD, FLAGGED, MENDED])
    plain, flagged, mended = csv.DictReader((tmp_path / "tiles.csv").read_text().splitlines())
    assert (plain["sharpness"], plain["retakes"], plain["flags"]) == ("", "0", "")
    assert (flagged["retakes"], flagged["flags"]) == ("2", "tile blurred; seam off")
    assert (mended["defocus_dof"], mended["exposure"], mended["seam_px"]) == ("0.100", "1.010", "0.400")
    assert (mended["retaken_for"], mended["flags"]) == ("tile damaged", "")


def test_the_report_says_what_was_taken_again_and_what_stays_flagged(tmp_path: Path) -> None:
    write_report(tmp_path / "report.html", data(records=[RECORD, FLAGGED, MENDED]))
    page = (tmp_path / "report.html").read_text()
    assert "3 fields (0 blank, 1 flagged)" in page
    again, flagged = (page.split(f"<h2>{heading}</h2>")[1].split("</section>")[0] for heading in HEADINGS)
    assert "2 fields, 1 of them good now." in again
    assert "<td>0, 6</td><td>1</td><td>tile damaged</td><td>nothing</td>" in again
    assert "<td>0, 5</td><td>2</td><td>tile blurred</td><td>tile blurred; seam off</td>" in again
    assert "0, 5" in flagged
    assert "0, 6" not in flagged
    assert "row 0, col 5: focused, spread 0.20 um, 2 captures, taken 3 times, tile blurred, seam off" in page


def test_a_good_scan_has_nothing_to_tell_of(tmp_path: Path) -> None:
    write_report(tmp_path / "report.html", data(records=[RECORD]))
    page = (tmp_path / "report.html").read_text()
    assert "None: every tile was good at once." in page
    assert "None: every field with detail was focused, and every tile is good." in page
