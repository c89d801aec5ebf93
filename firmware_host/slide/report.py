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
from firmware_host.slide.record import FieldRecord
from firmware_host.slide.summary import Summary, summarise
from firmware_host.whole_file import write_whole

_STATUS_COLOURS = {"focused": "#2f9e6e", "swept": "#f0a202", "predicted": "#d1495b", "blank": "#c4cad0"}
_STYLE = """
:root{--ink:#1b2733;--faint:#66737f;--line:#e3e8ec;--card:#fff;--page:#f4f6f8}
@media(prefers-color-scheme:dark){:root{--ink:#e8edf1;--faint:#9aa7b2;--line:#313c47;--card:#1c252d;--page:#12181e}}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:1080px;margin:0 auto;padding:28px 20px}
h1{font-size:24px;margin:0 0 2px}h2{font-size:16px;margin:0 0 10px}p{color:var(--faint);margin:0 0 16px}
section{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:16px 18px;margin:0 0 16px}
.two{display:grid;grid-template-columns:repeat(auto-fit,minmax(380px,1fr));gap:16px}.two section{margin:0}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;margin:16px 0}
.cards div{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:12px 14px}
.cards b{display:block;font-size:22px;font-weight:600}.cards span{color:var(--faint);font-size:13px}
img{max-width:100%;display:block;margin:0 auto;border-radius:4px}
.half{max-width:520px;margin:0 auto}
svg{width:100%;height:auto;display:block}svg text{fill:var(--faint);font:11px system-ui,sans-serif}
table{border-collapse:collapse;width:100%;font-size:14px}td,th{padding:5px 8px;border-bottom:1px solid var(--line)}
th{text-align:left;color:var(--faint);font-weight:500}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
"""


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
        _section("Focus surface", _surface(data.records)),
        _section("Fields", _status_map(data.records)),
        "</div><p></p>",
        _truth(data),
        _section("Time per field, by phase", _times(data)),
        _comparison(data) if data.compared else "",
        _flagged(data.records),
        _section("Settings", _table([("what", "value")], list(data.settings.items()), numbers=False)),
    ]
    page = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(data.title)}</title><style>{_STYLE}</style><main>{''.join(body)}</main></html>\n"
    )
    write_whole(path, page.encode())


def _section(heading: str, body: str) -> str:
    return f"<section><h2>{escape(heading)}</h2>{body}</section>"


def _cards(summary: Summary) -> str:
    cards = [(str(summary.fields), f"fields, {summary.blank} blank, {summary.flagged} flagged")]
    if summary.mean_error_um is not None and summary.within_half_dof is not None:
        cards.append((f"{summary.mean_error_um:.3f} um", "mean absolute focus error"))
        cards.append((f"{summary.within_half_dof:.1%}", "of tiles within DoF/2"))
    if summary.wrong_direction is not None:
        cards.append((f"{summary.wrong_direction:.1%}", "first moves in the wrong direction"))
    cards.append((f"{summary.captures_per_field:.2f}", "captures per field"))
    cards.append((f"{summary.seconds_per_field:.3f} s", "per field, scanner's clock"))
    return f'<div class="cards">{"".join(f"<div><b>{b}</b><span>{escape(s)}</span></div>" for b, s in cards)}</div>'


def _slide(thumbnail: NDArray[np.uint8] | None) -> str:
    if thumbnail is None:
        return _section("Slide", "<p>No tile was saved.</p>")
    stream = io.BytesIO()
    Image.fromarray(thumbnail).save(stream, "JPEG", quality=88)
    data = base64.b64encode(stream.getvalue()).decode("ascii")
    return _section("Slide", f'<img alt="the scanned slide" src="data:image/jpeg;base64,{data}">')


def _surface(records: Sequence[FieldRecord]) -> str:
    known = [record for record in records if record.status in ("focused", "swept")]
    if not known:
        return "<p>No field was focused.</p>"
    low, high = min(record.z_um for record in known), max(record.z_um for record in known)
    cells = {(r.row, r.col): charts.heat((r.z_um - low) / max(high - low, 1e-9)) for r in known}
    titles = {(r.row, r.col): f"row {r.row}, col {r.col}: z {r.z_um:.2f} um" for r in known}
    return charts.grid_map(cells, titles, charts.heat_legend(low, high, "um"), "z of focus over the fields")


def _status_map(records: Sequence[FieldRecord]) -> str:
    cells = {(r.row, r.col): _STATUS_COLOURS[r.status] for r in records}
    titles = {
        (r.row, r.col): f"row {r.row}, col {r.col}: {r.status}, {r.captures} captures, spread {r.spread_um:.2f} um"
        for r in records
    }
    return charts.grid_map(cells, titles, charts.key_legend(list(_STATUS_COLOURS.items())), "status of the fields")


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
        f'<div class="two">{_section("Focus error of the tiles", error_chart)}'
        f"{_section('First prediction of each field', move_chart)}</div><p></p>"
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
    return _section(
        "Against the contrast sweep, on the same slide and the same fields", _table([head], rows, numbers=True)
    )


def _flagged(records: Sequence[FieldRecord]) -> str:
    rows = [
        (f"{r.row}, {r.col}", f"{r.x_um:.0f}, {r.y_um:.0f}", f"{r.z_um:.2f}", f"{r.spread_um:.2f}", str(r.captures))
        for r in records
        if r.status == "predicted"
    ]
    if not rows:
        return _section("Flagged fields", "<p>None: every field with detail was focused.</p>")
    return _section(
        "Flagged fields", _table([("row, col", "x, y um", "z um", "spread um", "captures")], rows, numbers=True)
    )


def _table(head: Sequence[Sequence[str]], rows: Sequence[Sequence[str]], numbers: bool) -> str:
    def cells(tag: str, values: Sequence[str]) -> str:
        styled = (f'<{tag} class="n">' if numbers and index else f"<{tag}>" for index in range(len(values)))
        return "".join(f"{begin}{escape(value)}</{tag}>" for begin, value in zip(styled, values, strict=True))

    return (
        "<table>"
        + "".join(f"<tr>{cells('th', row)}</tr>" for row in head)
        + "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
        + "</table>"
    )
