"""Twins whose camera, screws and slide are not as the profile says."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from firmware_host.bundle import find_bundle, read_bundle
from firmware_host.calibrate.grid import find_lattice
from firmware_host.calibrate.probe import Probe
from firmware_host.calibrate.scale import measure_travel
from firmware_host.calibrate.shift import shift_between
from firmware_host.cancel import CancelToken
from firmware_host.errors import HardwareError
from firmware_host.focus.contrast import luminance
from firmware_host.focus.eye import Eye
from firmware_host.hardware import Scanner, open_scanner
from firmware_host.profile import Profile, load_profile
from firmware_host.profile_tables import AxisName
from firmware_host.scan.plan import corners_px, parse_region
from firmware_host.scan.request import ScanRequest
from firmware_host.scan.session import run_scan
from firmware_host.trust import trusted_keys

EMULATED = load_profile("emulated")


def changed(camera: dict[str, Any] | None = None, x: dict[str, Any] | None = None, **twin: Any) -> Profile:
    """A small camera; what the profile says of it, what is true of the x axis, and of the rest."""
    assert EMULATED.twin is not None
    small = {"width_px": 320, "height_px": 240, **(camera or {})}
    truth = EMULATED.twin.model_copy(update={"x": EMULATED.twin.x.model_copy(update=x or {}), **twin})
    return EMULATED.model_copy(update={"camera": EMULATED.camera.model_copy(update=small), "twin": truth})


def lit(profile: Profile, seed: int = 31) -> tuple[Scanner, Eye]:
    """Homed, in the middle, in focus by the truth."""
    scanner = open_scanner(profile, seed, None, CancelToken())
    scanner.stage.home()
    scanner.lamp.on()
    eye = Eye(scanner.camera, scanner.clock, scanner.cancel, 2.0)
    frame = eye.look(scanner.stage.move_to(x_um=4000, y_um=3000, z_um=300))
    assert scanner.truth is not None
    error_um = scanner.truth(frame)
    assert error_um is not None
    scanner.stage.move_to(z_um=300 - error_um)
    return scanner, eye


@pytest.mark.parametrize(("rotation_deg", "mirrored"), [(3.0, False), (-2.0, True)])
def test_the_view_goes_where_the_camera_table_says(rotation_deg: float, mirrored: bool) -> None:
    pose = {"rotation_deg": rotation_deg, "mirrored": mirrored}
    profile = changed(camera=pose, **pose)
    scanner, eye = lit(profile)
    first = luminance(eye.look(scanner.stage.settled_ns).image)
    second = luminance(eye.look(scanner.stage.move_to(x_um=4020, y_um=3012)).image)
    right, down = profile.camera.view_px(20, 12)
    found = shift_between(first, second, (right, down), 8)
    assert (found.right_px, found.down_px) == pytest.approx((right, down), abs=0.8)  # a motor step is 1.25 px


def test_steps_and_pixels_are_the_true_ones_whatever_the_profile_says() -> None:
    """3.2 steps/um and 0.25 um by the profile: 10 hops go by the true ones."""
    scanner, eye = lit(changed(x={"steps_per_um": 3.3}, pixel_um=0.24, rotation_deg=1.5))
    travel = measure_travel(Probe(scanner, eye), "x", 4000)
    assert travel.length_px == pytest.approx(1 / (3.3 * 0.24), rel=5e-4)
    assert np.degrees(np.arctan2(*travel.px_per_step[::-1])) == pytest.approx(1.5, abs=0.03)
    assert travel.doubt < 2e-3


def test_the_calibration_slide_has_its_pitch() -> None:
    scanner, eye = lit(changed(target="grid", grid_um=8.0, pixel_um=0.26))
    found = find_lattice(luminance(eye.look(scanner.stage.settled_ns).image), 8.0, 0.25)
    assert found.pitch_px == pytest.approx(8.0 / 0.26, rel=1e-3)


class Stuck(Probe):
    """The motor turns, its coupling slips."""

    def nudge(self, axis: AxisName, steps: int) -> int:
        return 0


def test_an_axis_that_does_not_move_is_told() -> None:
    with pytest.raises(HardwareError, match=r"axis x: 19 steps moved the picture by .* px, the profile promises 24"):
        measure_travel(Stuck(*lit(changed())), "x", 4000)


class Slipping(Probe):
    """Every move loses or gains some steps."""

    draws = np.random.default_rng(5)

    def nudge(self, axis: AxisName, steps: int) -> int:
        return super().nudge(axis, steps + int(self.draws.integers(-3, 4)))


def test_moves_that_disagree_are_told() -> None:
    with pytest.raises(HardwareError, match=r"axis x: equal moves went by lengths that vary by \d\.\d%; check that"):
        measure_travel(Slipping(*lit(changed())), "x", 4000)


@pytest.fixture(scope="module")
def turned_scan(tmp_path_factory: pytest.TempPathFactory) -> tuple[Profile, Path]:
    """Four fields of a twin turned by 3 degrees and mirrored, scanned with a profile that knows it."""
    pose = {"rotation_deg": 3.0, "mirrored": True}
    profile = changed(camera=pose, **pose)
    profile = profile.model_copy(update={"scan": profile.scan.model_copy(update={"overlap": 0.3})})
    out = tmp_path_factory.mktemp("turned") / "scan"
    request = ScanRequest(
        profile=profile,
        bundle=read_bundle(find_bundle(profile.bundle), trusted_keys()),
        out=out,
        seed=31,
        slide=None,
        region=parse_region("3.95,2.96,4.08,3.05"),
        method="sweep",
        calibration=False,
        compare_sweep=False,
    )
    run_scan(request, CancelToken(), lambda *_: None)
    return profile, out


def test_the_tiles_of_a_turned_camera_fit_each_other(turned_scan: tuple[Profile, Path]) -> None:
    """Where the mosaic lays two neighbours over each other they show the same."""
    profile, out = turned_scan
    rows = list(csv.DictReader((out / "tiles.csv").read_text().splitlines()))
    places = [(float(row["x_um"]), float(row["y_um"])) for row in rows]
    corners = corners_px(places, profile.camera)
    tiles = [luminance(np.asarray(Image.open(out / row["tile"]))) for row in rows]
    pairs = 0
    for first in range(len(rows)):
        for second in range(first + 1, len(rows)):
            right, down = (b - a for a, b in zip(corners[first], corners[second], strict=True))
            if abs(right) > 0.75 * 320 or abs(down) > 0.75 * 240:
                continue
            found = shift_between(tiles[first], tiles[second], (right, down), 6)
            assert found.likeness > 0.8
            assert (found.right_px, found.down_px) == pytest.approx((right, down), abs=2)  # a motor step is 1.25 px
            pairs += 1
    assert pairs >= 4


def test_the_slide_of_a_turned_camera_shows_its_tiles(turned_scan: tuple[Profile, Path]) -> None:
    profile, out = turned_scan
    rows = list(csv.DictReader((out / "tiles.csv").read_text().splitlines()))
    corners = corners_px([(float(row["x_um"]), float(row["y_um"])) for row in rows], profile.camera)
    slide = luminance(np.asarray(Image.open(out / "slide.tiff").convert("RGB")))
    assert slide.shape == (max(y for _, y in corners) + 240, max(x for x, _ in corners) + 320)
    for row, (x, y) in zip(rows, corners, strict=True):
        tile = luminance(np.asarray(Image.open(out / row["tile"])))
        middle = (slice(80, 160), slice(100, 220))
        there = slide[y : y + 240, x : x + 320][middle]
        assert np.abs(there - tile[middle]).mean() < 6
