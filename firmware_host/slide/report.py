"""`report.html`: one self-contained page that says how a scan went. No script, no network."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from firmware_host.clock import PHASES
from firmware_host.slide import charts
from firmware_host.slide.page import cards, page, section, table
from firmware_host.slide.record import FieldRecord
from firmware_host.slide.summary import Summary, summarise
from firmware_host.whole_file import write_whole

_MOST_LISTED = 200
_STATUS_COLOURS = {"focused": "#2f9e6e", "swept": "#f0a202", "predicted": "#d1495b", "blank": "#c4cad0"}
_FLAG_COLOUR = "#7b2d8b"


@dataclass(frozen=True)
class ReportData:
    """What the report shows.

    :param compared: records of another method on some of the same fields, and its name; empty when not compared.
    :param thumbnail: (H, W, 3) uint8; :param settings: what the scan was made with, in order.
    """

    title: str
    method: str
    records: Sequence[FieldRecord]
    compared: Sequence[FieldRecord]
    compared_method: str
    depth_of_field_um: float
    thumbnail: NDArray[np.uint8] | None
    settings: Mapping[str, str]


def write_report(path: Path, data: ReportData) -> None:
    """Write the page whole."""
    summary = summarise(data.records, data.depth_of_field_um)
    body = [
        f"<h1>{escape(data.title)}</h1><p>{escape(summary.line())}</p>",
        _cards(summary),
        _slide(data.thumbnail),
        '<div class="two">',
        section("Focus surface", _surface(data.records)),
        section("Fields", _status_map(data.records)),
        "</div><p></p>",
        _truth(data),
        section("Time per field, by phase", _times(data)),
        _comparison(data) if data.compared else "",
        _taken_again(data.records),
        _flagged(data.records),
        section("Settings", table([("what", "value")], list(data.settings.items()), numbers=False)),
    ]
    write_whole(path, page(data.title, body).encode())


def _cards(summary: Summary) -> str:
    shown = [(str(summary.fields), f"fields, {summary.blank} blank, {summary.flagged} flagged")]
    if summary.mean_error_um is not None and summary.within_half_dof is not None:
        shown.append((f"{summary.mean_error_um:.3f} um", "mean absolute focus error"))
        shown.append((f"{summary.within_half_dof:.1%}", "of tiles within DoF/2"))
    if summary.wrong_direction is not None:
        shown.append((f"{summary.wrong_direction:.1%}", "first moves in the wrong direction"))
    shown.append((f"{summary.captures_per_field:.2f}", "captures per field"))
    shown.append((f"{summary.seconds_per_field:.3f} s", "per field, scanner's clock"))
    return cards(shown)


def _slide(thumbnail: NDArray[np.uint8] | None) -> str:
    if thumbnail is None:
        return section("Slide", "<p>No tile was saved.</p>")
    stream = io.BytesIO()
    Image.fromarray(thumbnail).save(stream, "JPEG", quality=88)
    data = base64.b64encode(stream.getvalue()).decode("ascii")
    return section("Slide", f'<img alt="the scanned slide" src="data:image/jpeg;base64,{data}">')


def _surface(records: Sequence[FieldRecord]) -> str:
    known = [record for record in records if record.status in ("focused", "swept")]
    if not known:
        return "<p>No field was focused.</p>"
    low, high = min(record.z_um for record in known), max(record.z_um for record in known)
    cells = {(r.row, r.col): charts.heat((r.z_um - low) / max(high - low, 1e-9)) for r in known}
    titles = {(r.row, r.col): f"row {r.row}, col {r.col}: z {r.z_um:.2f} um" for r in known}
    return charts.grid_map(cells, titles, charts.heat_legend(low, high, "um"), "z of focus over the fields")


def _status_map(records: Sequence[FieldRecord]) -> str:
    cells = {(r.row, r.col): _FLAG_COLOUR if r.flags else _STATUS_COLOURS[r.status] for r in records}
    titles = {(r.row, r.col): f"row {r.row}, col {r.col}: {r.status}, {_figures(r)}{_flags(r)}" for r in records}
    legend = [*_STATUS_COLOURS.items(), ("flagged", _FLAG_COLOUR)]
    return charts.grid_map(cells, titles, charts.key_legend(legend), "status of the fields")


def _flags(record: FieldRecord) -> str:
    again = f", taken {record.retakes + 1} times" if record.retakes else ""
    return again + "".join(f", {flag}" for flag in record.flags)


def _truth(data: ReportData) -> str:
    """Error and direction, where the truth is known: on the twin."""
    seen = [record for record in data.records if record.status != "blank"]
    errors = [record.true_error_um for record in seen if record.true_error_um is not None]
    if not errors:
        return ""
    moves = [
        (record.first_true_move_um, record.first_move_um)
        for record in seen
        if record.first_true_move_um is not None and record.first_move_um is not None
    ]
    half = data.depth_of_field_um / 2
    error_chart = charts.histogram(
        errors, half, f"tile's z minus true focus, um (band: DoF/2 = {half:.2f} um)", "errors"
    )
    move_chart = charts.scatter(moves, "true move, um", "first predicted move, um", "first predictions against truth")
    return (
        f'<div class="two">{section("Focus error of the tiles", error_chart)}'
        f"{section('First prediction of each field', move_chart)}</div><p></p>"
    )


def _times(data: ReportData) -> str:
    rows = [(data.method, _mean_times(data.records))]
    if data.compared:
        rows.append((data.compared_method, _mean_times(data.compared)))
    return f'<div class="half">{charts.bars(rows, "s", "mean time per field by phase")}</div>'


def _mean_times(records: Sequence[FieldRecord]) -> dict[str, float]:
    seen = [record for record in records if record.status != "blank"]
    return {phase: sum(r.time_ns.get(phase, 0) for r in seen) * 1e-9 / max(len(seen), 1) for phase in PHASES}


def _comparison(data: ReportData) -> str:
    """Both methods on the fields that both have seen."""
    places = {(record.row, record.col) for record in data.compared}
    same = [record for record in data.records if (record.row, record.col) in places]
    rows = []
    for name, records in ((data.method, same), (data.compared_method, data.compared)):
        s = summarise(records, data.depth_of_field_um)
        rows.append(
            (
                name,
                str(s.fields),
                "" if s.mean_error_um is None else f"{s.mean_error_um:.3f}",
                "" if s.p95_error_um is None else f"{s.p95_error_um:.3f}",
                "" if s.within_half_dof is None else f"{s.within_half_dof:.1%}",
                f"{s.captures_per_field:.2f}",
                f"{s.seconds_per_field:.3f}",
            )
        )
    head = ("method", "fields", "mean |error|, um", "P95, um", "within DoF/2", "captures per field", "s per field")
    return section(
        "Against the contrast sweep, on the same slide and the same fields", table([head], rows, numbers=True)
    )


def _taken_again(records: Sequence[FieldRecord]) -> str:
    again = [record for record in records if record.retakes]
    if not again:
        return section("Taken again", "<p>None: every tile was good at once.</p>")
    mended = sum(not record.is_flagged for record in again)
    rows = [
        (f"{r.row}, {r.col}", str(r.retakes), "; ".join(r.retaken_for), _what_is_wrong(r) or "nothing") for r in again
    ]
    head = ("row, col", "times", "because", "what is still wrong")
    return section("Taken again", f"<p>{len(again)} fields, {mended} of them good now.</p>" + _listed(head, rows))


def _flagged(records: Sequence[FieldRecord]) -> str:
    rows = [
        (f"{r.row}, {r.col}", f"{r.x_um:.0f}, {r.y_um:.0f}", f"{r.z_um:.2f}", _figures(r), _what_is_wrong(r))
        for r in records
        if r.is_flagged
    ]
    if not rows:
        return section("Flagged fields", "<p>None: every field with detail was focused, and every tile is good.</p>")
    return section("Flagged fields", _listed(("row, col", "x, y um", "z um", "figures", "what is wrong"), rows))


def _what_is_wrong(record: FieldRecord) -> str:
    return "; ".join((*(["focus not found"] if record.status == "predicted" else []), *record.flags))


def _figures(record: FieldRecord) -> str:
    """What was measured of the tile."""
    known = [f"spread {record.spread_um:.2f} um", f"{record.captures} captures"]
    if record.defocus_dof is not None:
        known.append(f"{record.defocus_dof:+.1f} DoF")
    if record.exposure is not None:
        known.append(f"brightness {record.exposure:.2f}")
    if record.seam_px is not None:
        known.append(f"seam {record.seam_px:.1f} px")
    return ", ".join(known)


def _listed(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    more = f"<p>and {len(rows) - _MOST_LISTED} more: see tiles.csv</p>" if len(rows) > _MOST_LISTED else ""
    return table([head], rows[:_MOST_LISTED], numbers=False) + more
