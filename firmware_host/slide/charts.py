"""Small charts as SVG text, for a report that needs no network and no script. Pure functions."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
from PIL import Image

INK, FAINT, LINE = "var(--ink)", "var(--faint)", "var(--line)"
BLUE, RED = "#2f7fd1", "#d1495b"
_PALETTE = ("#2f7fd1", "#7cb5ec", "#f0a202", "#f18805", "#d95d39", "#6c757d", "#adb5bd")
_MOST_SHAPES = 2500  # that a browser is asked to draw, and a file to hold
_OWN_COLOURS = "--ink:#222;--faint:#999;--line:#ddd"
_HEAT = ((68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37))  # viridis, five stops


def _svg(width: float, height: float, body: str, title: str) -> str:
    return (
        f'<svg viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="{escape(title)}" '
        f'xmlns="http://www.w3.org/2000/svg">{body}</svg>'
    )


def _text(x: float, y: float, text: str, anchor: str = "middle", turn: bool = False) -> str:
    rotation = f' transform="rotate(-90 {x:.1f} {y:.1f})"' if turn else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{rotation}>{escape(text)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, colour: str = LINE, dash: bool = False) -> str:
    dashes = ' stroke-dasharray="4 3"' if dash else ""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"{dashes}/>'


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers between low and high, some `about` of them."""
    span = max(high - low, 1e-9)
    raw = span / about
    power = 10 ** math.floor(math.log10(raw))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= raw)
    first = math.ceil(low / step - 1e-9)
    return [round(index * step, 10) for index in range(first, math.floor(high / step + 1e-9) + 1)]


class _Axes:
    """A plot area of 460 x 250 with room for labels, and the way from data to it."""

    left, top, width, height = 52.0, 14.0, 396.0, 190.0

    def __init__(self, x: tuple[float, float], y: tuple[float, float], x_label: str, y_label: str) -> None:
        self._x, self._y = x, y
        parts = []
        for tick in ticks(*x):
            at = self.x(tick)
            parts += [
                _line(at, self.top, at, self.top + self.height),
                _text(at, self.top + self.height + 15, f"{tick:g}"),
            ]
        for tick in ticks(*y):
            at = self.y(tick)
            parts += [
                _line(self.left, at, self.left + self.width, at),
                _text(self.left - 6, at + 4, f"{tick:g}", "end"),
            ]
        parts.append(_text(self.left + self.width / 2, self.top + self.height + 34, x_label))
        parts.append(_text(14, self.top + self.height / 2, y_label, turn=True))
        self.frame = "".join(parts)

    def x(self, value: float) -> float:
        low, high = self._x
        return self.left + (value - low) / (high - low) * self.width

    def y(self, value: float) -> float:
        low, high = self._y
        return self.top + self.height - (value - low) / (high - low) * self.height

    def svg(self, body: str, title: str) -> str:
        return _svg(460, 246, self.frame + body, title)


def histogram(values: Sequence[float], band: float, x_label: str, title: str) -> str:
    """Counts of `values` in bins, with a shaded band from -band to +band."""
    reach = max(band * 1.6, max((abs(value) for value in values), default=0) * 1.05)
    bins = 36
    counts = [0] * bins
    for value in values:
        counts[min(bins - 1, int((value + reach) / (2 * reach) * bins))] += 1
    axes = _Axes((-reach, reach), (0, max([*counts, 1]) * 1.08), x_label, "fields")
    shade = (
        f'<rect x="{axes.x(-band):.1f}" y="{axes.top}" width="{axes.x(band) - axes.x(-band):.1f}" '
        f'height="{axes.height}" fill="{BLUE}" opacity="0.12"/>'
    )
    bars = "".join(
        f'<rect x="{axes.x(-reach + index * 2 * reach / bins) + 0.5:.1f}" y="{axes.y(count):.1f}" '
        f'width="{axes.width / bins - 1:.1f}" height="{axes.y(0) - axes.y(count):.1f}" fill="{BLUE}"/>'
        for index, count in enumerate(counts)
        if count
    )
    return axes.svg(shade + bars, title)


def scatter(points: Sequence[tuple[float, float]], x_label: str, y_label: str, title: str) -> str:
    """Points with the diagonal on which x = y. Of very many, evenly chosen ones; the label says so."""
    if len(points) > _MOST_SHAPES:
        every = -(-len(points) // _MOST_SHAPES)
        points, x_label = points[::every], f"{x_label} (one of {every} points is drawn)"
    reach = max((abs(value) for point in points for value in point), default=1.0) * 1.05 or 1.0
    axes = _Axes((-reach, reach), (-reach, reach), x_label, y_label)
    diagonal = _line(axes.x(-reach), axes.y(-reach), axes.x(reach), axes.y(reach), FAINT, dash=True)
    dots = "".join(
        f'<circle cx="{axes.x(x):.1f}" cy="{axes.y(y):.1f}" r="2.6" fill="{BLUE}" opacity="0.65"/>' for x, y in points
    )
    return axes.svg(diagonal + dots, title)


def curves(
    series: Mapping[str, Sequence[tuple[float, float]]], x_label: str, y_label: str, title: str, diagonal: bool = False
) -> str:
    """One line with dots per name through its (x, y) points, y from 0; where asked, the line on which y = x."""
    points = [point for line in series.values() for point in line]
    low, high = min((x for x, _ in points), default=0.0), max((x for x, _ in points), default=1.0)
    top = max((y for _, y in points), default=1.0) * 1.08 or 1.0
    axes = _Axes((low, high if high > low else low + 1), (0.0, top), x_label, y_label)
    body = []
    if diagonal:
        end = min(high, top)
        body.append(_line(axes.x(low), axes.y(low), axes.x(end), axes.y(end), FAINT, dash=True))
    for index, (name, line) in enumerate(series.items()):
        colour = _PALETTE[index % len(_PALETTE)]
        path = " ".join(f"{axes.x(x):.1f},{axes.y(y):.1f}" for x, y in line)
        body.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        body += [f'<circle cx="{axes.x(x):.1f}" cy="{axes.y(y):.1f}" r="2.6" fill="{colour}"/>' for x, y in line]
        if len(series) > 1:
            at = axes.top + 12 + 15 * index
            body.append(f'<rect x="{axes.left + 8:.1f}" y="{at - 8:.1f}" width="10" height="10" fill="{colour}"/>')
            body.append(_text(axes.left + 24, at + 1, name, "start"))
    return axes.svg("".join(body), title)


def standalone(svg: str) -> str:
    """A chart as a file of its own, with the colours and the type that a report's page gives it."""
    style = f"svg{{{_OWN_COLOURS};background:#fff;font:12px sans-serif}}text{{fill:var(--ink)}}"
    start = svg.index(">") + 1
    return f"{svg[:start]}<style>{style}</style>{svg[start:]}"


def bars(rows: Sequence[tuple[str, Mapping[str, float]]], unit: str, title: str) -> str:
    """One stacked horizontal bar per row: (name, {part: size})."""
    parts = [part for part in rows[0][1] if any(row[1][part] > 0 for row in rows)] if rows else []
    longest = max((sum(sizes.values()) for _, sizes in rows), default=1.0) or 1.0
    body, y = [], 10.0
    for name, sizes in rows:
        x = 110.0
        body.append(_text(102, y + 16, name, "end"))
        for part in parts:
            width = sizes[part] / longest * 270
            colour = _PALETTE[parts.index(part) % len(_PALETTE)]
            body.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="24" fill="{colour}"/>')
            x += width
        whole = sum(sizes.values())
        body.append(_text(x + 6, y + 16, f"{whole:.0f} {unit}" if whole >= 100 else f"{whole:.3g} {unit}", "start"))
        y += 36
    for index, part in enumerate(parts):
        x, row = 110 + index % 4 * 84, y + 12 + index // 4 * 20
        colour = _PALETTE[index % len(_PALETTE)]
        body.append(f'<rect x="{x}" y="{row - 9:.1f}" width="10" height="10" fill="{colour}"/>')
        body.append(_text(x + 15, row, part, "start"))
    return _svg(460, y + 40, "".join(body), title)


def heat(share: float) -> str:
    """Colour of a share from 0 to 1."""
    at = min(max(share, 0.0), 1.0) * (len(_HEAT) - 1)
    low = min(int(at), len(_HEAT) - 2)
    mixed = (a + (b - a) * (at - low) for a, b in zip(_HEAT[low], _HEAT[low + 1], strict=True))
    return "#" + "".join(f"{round(value):02x}" for value in mixed)


def grid_map(
    cells: Mapping[tuple[int, int], str], titles: Mapping[tuple[int, int], str], legend: str, title: str
) -> str:
    """One or more fields as coloured cells, (row, col) -> colour; `legend` is SVG 460 wide.

    Each has its hover title, but for very many, which are a picture of one pixel each.
    """
    top, first = min(row for row, _ in cells), min(col for _, col in cells)
    rows = max(row for row, _ in cells) - top + 1
    columns = max(col for _, col in cells) - first + 1
    size = min(440 / columns, 300 / rows, 34.0)
    left = (460 - size * columns) / 2
    if len(cells) > _MOST_SHAPES:
        picture = _png({(row - top, col - first): colour for (row, col), colour in cells.items()}, rows, columns)
        body = (
            f'<image x="{left:.1f}" y="4" width="{size * columns:.1f}" height="{size * rows:.1f}" '
            f'preserveAspectRatio="none" style="image-rendering:pixelated" href="data:image/png;base64,{picture}"/>'
        )
    else:
        body = "".join(
            f'<rect x="{left + (col - first) * size:.1f}" y="{4 + (row - top) * size:.1f}" '
            f'width="{size - 1:.1f}" height="{size - 1:.1f}" '
            f'rx="1.5" fill="{colour}"><title>{escape(titles[row, col])}</title></rect>'
            for (row, col), colour in sorted(cells.items())
        )
    below = 4 + rows * size + 8
    return _svg(460, below + 44, body + f'<g transform="translate(0 {below:.1f})">{legend}</g>', title)


def _png(cells: Mapping[tuple[int, int], str], rows: int, columns: int) -> str:
    """One pixel a cell, base64; the others are transparent."""
    pixels = np.zeros((rows, columns, 4), np.uint8)
    for place, colour in cells.items():
        pixels[place] = (*bytes.fromhex(colour.removeprefix("#")), 255)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return base64.b64encode(stream.getvalue()).decode("ascii")


def heat_legend(low: float, high: float, unit: str) -> str:
    """A colour scale with its ends named."""
    steps = 40
    scale = "".join(
        f'<rect x="{110 + index * 6:.1f}" y="6" width="6.5" height="12" fill="{heat(index / (steps - 1))}"/>'
        for index in range(steps)
    )
    return scale + _text(104, 16, f"{low:.1f}", "end") + _text(356, 16, f"{high:.1f} {unit}", "start")


def key_legend(entries: Sequence[tuple[str, str]]) -> str:
    """Names beside their colours: (name, colour)."""
    width = 440 / max(len(entries), 1)
    return "".join(
        f'<rect x="{14 + index * width:.1f}" y="6" width="11" height="11" fill="{colour}"/>'
        + _text(30 + index * width, 16, name, "start")
        for index, (name, colour) in enumerate(entries)
    )
