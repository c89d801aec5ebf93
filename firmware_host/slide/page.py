"""A self-contained HTML page: its style, and the few pieces that reports are made of. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

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


def page(title: str, body: Iterable[str]) -> str:
    """The whole document; no script, nothing from the network."""
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style><main>{''.join(body)}</main></html>\n"
    )


def section(heading: str, body: str) -> str:
    """A framed part of the page; the body is HTML."""
    return f"<section><h2>{escape(heading)}</h2>{body}</section>"


def cards(entries: Sequence[tuple[str, str]]) -> str:
    """Large figures, each over what it is."""
    inner = "".join(f"<div><b>{escape(figure)}</b><span>{escape(what)}</span></div>" for figure, what in entries)
    return f'<div class="cards">{inner}</div>'


def table(head: Sequence[Sequence[str]], rows: Sequence[Sequence[str]], numbers: bool) -> str:
    """A table of plain text; with `numbers` all columns but the first are set as figures."""

    def cells(tag: str, values: Sequence[str]) -> str:
        styled = (f'<{tag} class="n">' if numbers and index else f"<{tag}>" for index in range(len(values)))
        return "".join(f"{begin}{escape(value)}</{tag}>" for begin, value in zip(styled, values, strict=True))

    return (
        "<table>"
        + "".join(f"<tr>{cells('th', row)}</tr>" for row in head)
        + "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
        + "</table>"
    )
