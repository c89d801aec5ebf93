"""`wsi-host home`, `jog`, `lamp`, `capture`, `focus`, `off`: one thing at a time, to bring a scanner to life.

Each command opens the scanner, homes it where it moves (no position survives a program's end), and switches everything
off again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from PIL import Image

from firmware_host.cancel import CancelToken
from firmware_host.cli.running import stop_on_signals
from firmware_host.errors import HardwareError, UsageError
from firmware_host.focus.contrast import brenner, luminance
from firmware_host.focus.eye import Eye
from firmware_host.focus.sweep import WIDE_HALF_DOF, WIDE_STEP_DOF, ContrastSweep, search_wide
from firmware_host.hardware import Scanner, open_scanner
from firmware_host.profile import load_profile
from firmware_host.profile_tables import AXES
from firmware_host.realtime.host import everything_off
from firmware_host.realtime.pins import REAL
from firmware_host.whole_file import whole_file

Profile = Annotated[str, typer.Option(help="A shipped profile's name, or a TOML file.")]
Seed = Annotated[int, typer.Option(help="Emulated scanner: which slide, which noise.", min=0)]
X = Annotated[float | None, typer.Option("--x", help="um from the axis's zero; default: the middle of its range.")]
Y = Annotated[float | None, typer.Option("--y", help="um, as --x.")]
Z = Annotated[float | None, typer.Option("--z", help="um, as --x; grows towards the objective.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

_IMAGES = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".tif": "TIFF", ".tiff": "TIFF"}
_SATURATED = 254


def home(profile: Profile, seed: Seed = 1, as_json: AsJson = False) -> None:
    """Find the limit switches, z first, and say where the stage stands."""
    with opened(profile, seed) as scanner:
        scanner.stage.home()
        _print_place(scanner, as_json)


def jog(profile: Profile, x: X = None, y: Y = None, z: Z = None, seed: Seed = 1, as_json: AsJson = False) -> None:
    """Home, go to a place, and say where the stage stands. Axes that are not named stay at their zero."""
    with opened(profile, seed) as scanner:
        scanner.stage.home()
        scanner.stage.move_to(x_um=x, y_um=y, z_um=z)
        _print_place(scanner, as_json)


def off(profile: Profile) -> None:
    """Switch motors and lamp off, whatever state a program that died has left them in."""
    described = load_profile(profile)
    if described.hardware.is_emulated:
        raise UsageError(f"profile {described.name}: an emulated scanner is off when nobody runs it")
    everything_off(described, REAL)
    print("motors and lamp are off")


def lamp(
    profile: Profile, seconds: Annotated[float, typer.Option(min=0.1, max=3600, help="How long.")] = 5.0, seed: Seed = 1
) -> None:
    """Switch the lamp on for a while."""
    with opened(profile, seed) as scanner:
        scanner.lamp.on()
        print(f"lamp on, duty {scanner.profile.lamp.duty:g}", flush=True)
        step_ns = 100_000_000
        until_ns = scanner.clock.now_ns() + round(seconds * 1e9)
        while scanner.clock.now_ns() < until_ns:
            scanner.cancel.check()
            scanner.clock.wait_until(min(until_ns, scanner.clock.now_ns() + step_ns), "wait")
    print("lamp off")


def capture(
    profile: Profile,
    out: Annotated[Path, typer.Option(help=f"Image to write: {', '.join(_IMAGES)}; must be new.")],
    x: X = None,
    y: Y = None,
    z: Z = None,
    seed: Seed = 1,
    as_json: AsJson = False,
) -> None:
    """Home, go to a place, take one frame; says how bright it is and how sharp."""
    if out.suffix.lower() not in _IMAGES:
        raise UsageError(f"output {out}: give it one of the endings {', '.join(_IMAGES)}")
    if out.exists():
        raise UsageError(f"output {out}: is there already; choose another --out, or remove it first")
    with opened(profile, seed) as scanner:
        eye = lit_at(scanner, x, y)
        image = eye.look(scanner.stage.move_to(z_um=or_middle(scanner, "z", z))).image
        with whole_file(out) as part:
            Image.fromarray(image).save(part, _IMAGES[out.suffix.lower()], quality=95)
    figures = {
        "mean_level": round(float(image.mean()), 1),
        "saturated_percent": round(100 * float((image >= _SATURATED).mean()), 2),
        "brenner": round(float(brenner(luminance(image))), 3),
    }
    if as_json:
        print(json.dumps({"image": str(out), **figures}))
    else:
        print(f"image   {out}")
        print(
            f"level {figures['mean_level']:g} of 255, {figures['saturated_percent']:g} % saturated, "
            f"Brenner {figures['brenner']:g}"
        )


def focus(profile: Profile, x: X = None, y: Y = None, seed: Seed = 1, as_json: AsJson = False) -> None:
    """Home, go to a place, and find the z of focus by contrast: a wide search, then a sweep."""
    with opened(profile, seed) as scanner:
        eye = lit_at(scanner, x, y)
        dof_um = scanner.profile.optics.depth_of_field_um
        middle_um = or_middle(scanner, "z", None)
        sweep = ContrastSweep(scanner.stage, eye, scanner.profile.optics, scanner.profile.focus)
        rough_um = search_wide(scanner.stage, eye, middle_um, WIDE_HALF_DOF * dof_um, WIDE_STEP_DOF * dof_um)
        found = None if rough_um is None else sweep.search(rough_um).z_um
        if found is None:
            raise HardwareError(
                f"focus: nothing sharp within {WIDE_HALF_DOF * dof_um:.0f} um of z = {middle_um:.0f} um; check that "
                "there is tissue below the objective, the lamp, and the height of the slide"
            )
        captures = eye.captures
    print(
        json.dumps({"z_um": found, "captures": captures})
        if as_json
        else f"focus at z {found:.2f} um, {captures} frames"
    )


@contextmanager
def opened(profile: str, seed: int) -> Iterator[Scanner]:
    cancel = CancelToken()
    stop_on_signals(cancel)
    scanner = open_scanner(load_profile(profile), seed, None, cancel)
    try:
        yield scanner
    finally:
        scanner.close()


def lit_at(scanner: Scanner, x_um: float | None, y_um: float | None) -> Eye:
    """Homed, the lamp on, over the place."""
    scanner.stage.home()
    scanner.lamp.on()
    scanner.stage.move_to(x_um=or_middle(scanner, "x", x_um), y_um=or_middle(scanner, "y", y_um))
    return Eye(scanner.camera, scanner.clock, scanner.cancel, scanner.profile.camera.timeout_s)


def or_middle(scanner: Scanner, axis: str, um: float | None) -> float:
    table = scanner.profile.axes.of(next(name for name in AXES if name == axis))
    return (table.soft_min_um + table.soft_max_um) / 2 if um is None else um


def _print_place(scanner: Scanner, as_json: bool) -> None:
    stage = scanner.stage
    place = {"x_um": stage.x_um, "y_um": stage.y_um, "z_um": stage.z_um}
    print(
        json.dumps(place) if as_json else "  ".join(f"{name[0]} {np.round(um, 3):g} um" for name, um in place.items())
    )
