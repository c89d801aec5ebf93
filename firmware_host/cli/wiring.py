"""`wsi-host wiring`: which wire goes to which pin. What the table holds: `firmware_host/wiring`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from firmware_host.errors import UsageError, warn
from firmware_host.profile import Profile, load_profile
from firmware_host.whole_file import write_whole
from firmware_host.wiring.diagram import diagram
from firmware_host.wiring.table import columns, markdown, rows, title
from firmware_host.wiring.warnings import warnings


def wiring(
    profile: Annotated[str, typer.Option(help="A shipped profile's name, or a TOML file.")],
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print the table as Markdown.")] = False,
    svg: Annotated[Path | None, typer.Option(help="Also draw the header: an .svg file that is not there yet.")] = None,
) -> None:
    """Print what is joined to each pin of the board, by a profile. Touches no hardware."""
    described = load_profile(profile)
    if svg is not None:
        _draw(described, svg)
    if as_markdown:
        print(markdown(described))
    else:
        _print(described)
    for text in warnings(described):
        warn(text)


def _draw(described: Profile, svg: Path) -> None:
    if svg.suffix != ".svg":
        raise UsageError(f"diagram {svg}: give it the ending .svg")
    if svg.exists():
        raise UsageError(f"diagram {svg}: is there already; choose another --svg, or remove it first")
    if not svg.parent.is_dir():
        raise UsageError(f"diagram {svg}: there is no folder {svg.parent}; make it first")
    try:
        write_whole(svg, diagram(described).encode())
    except OSError as error:
        raise UsageError(f"diagram {svg}: cannot be written: {error.strerror}; choose another --svg") from error
    print(f"diagram {svg}", file=sys.stderr)


def _print(described: Profile) -> None:
    table = Table(*columns(described), title=title(described))
    for row in rows(described):
        table.add_row(*row)
    Console().print(table)
