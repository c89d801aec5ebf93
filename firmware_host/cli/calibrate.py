"""`wsi-host calibrate`: measure screws and camera from images, and write a profile that knows them."""

from __future__ import annotations

import json
import tomllib
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from firmware_host.calibrate.changes import Change, changes, notes, present
from firmware_host.calibrate.measure import Trust, measure
from firmware_host.calibrate.profile_text import Value, with_values
from firmware_host.cli.manual import AsJson, Profile, Seed, X, Y, lit_at, opened, or_middle
from firmware_host.cli.running import Bars
from firmware_host.errors import UsageError
from firmware_host.profile import load_profile, parse_profile, profile_text
from firmware_host.whole_file import write_whole


def calibrate(
    profile: Profile,
    out: Annotated[Path, typer.Option(help="The new profile, a .toml file that is not there yet.")],
    grid_um: Annotated[
        float | None, typer.Option(min=0.1, max=10_000, help="Pitch of the grid on a calibration slide below the lens.")
    ] = None,
    trust: Annotated[
        Trust | None, typer.Option(help="Without a grid: the length that is right already. [default: pixel]")
    ] = None,
    x: X = None,
    y: Y = None,
    seed: Seed = 1,
    as_json: AsJson = False,
) -> None:
    """Home, then measure backlash, steps per um, pixel size, rotation and settling from images; write a new profile.

    Lay in a calibration slide with a square grid and give its pitch, or any slide full of detail and choose what to
    trust. Takes a few minutes.
    """
    if grid_um is not None and trust is not None:
        raise UsageError("--grid-um and --trust: a grid tells the length itself; give one of the two")
    if out.suffix != ".toml":
        raise UsageError(f"output {out}: give it the ending .toml")
    if out.exists():
        raise UsageError(f"output {out}: is there already; choose another --out, or remove it first")
    if not out.parent.is_dir():
        raise UsageError(f"output {out}: there is no folder {out.parent}; make it first")
    text, where = profile_text(profile)
    with_values(text, present(load_profile(profile)), where)  # told now rather than after all the measuring
    with opened(profile, seed) as scanner, Bars() as bars:
        eye = lit_at(scanner, x, y)
        place_um = or_middle(scanner, "x", x), or_middle(scanner, "y", y)
        measured = measure(
            scanner, eye, grid_um, trust or "pixel", place_um, lambda what, share: bars.tell(what, share, None)
        )
        made = changes(scanner.profile, measured)
        told = [_lengths(grid_um, trust or "pixel"), *notes(scanner.profile, measured, made)]
    new = with_values(text, {each.key: each.after for each in made if each.changed}, where)
    parse_profile(tomllib.loads(new), str(out))
    write_whole(out, new.encode())
    if as_json:
        values, square_deg = [asdict(each) for each in made], measured.pose.square_deg
        print(json.dumps({"profile": str(out), "square_deg": square_deg, "values": values, "notes": told}))
        return
    _print(made, measured.pose.square_deg)
    for line in told:
        print(line)
    print(f"profile {out}")


def _lengths(grid_um: float | None, trust: Trust) -> str:
    """What all lengths across rest on."""
    if grid_um is not None:
        return f"lengths are by the grid of {grid_um:g} um"
    if trust == "pixel":
        return "lengths are by the profile's camera.pixel_um, which was trusted; a calibration slide would tell both"
    return "lengths are by the profile's steps_per_um, which were trusted; a calibration slide would tell both"


def _told(value: Value | None) -> str:
    if value is None:
        return "-"
    return ("yes" if value else "no") if isinstance(value, bool) else f"{value:g}"


def _print(made: list[Change], square_deg: float) -> None:
    table = Table("value", "before", "after", "±", "")
    for each in made:
        doubt = "" if each.doubt is None else f"{each.doubt:.2g}"
        table.add_row(each.key, _told(each.before), _told(each.after), doubt, each.unit)
    table.add_row("from x to y", "-", f"{square_deg:.2f}", "", "deg")
    Console().print(table)
