"""`wsi-host calibrate` as a technician runs it: on a twin that differs from its profile, and where it must refuse."""

from __future__ import annotations

import json
import math
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from benchmarks.calibrate import GOALS, PIXEL, ROTATION, STEPS, hidden
from firmware_host.calibrate.profile_text import Value, with_values
from firmware_host.cli import app, manual
from firmware_host.errors import HardwareError, UsageError
from firmware_host.hardware import Scanner, open_scanner
from firmware_host.profile import load_profile
from firmware_host.profile_tables import AXES

SHIPPED = (resources.files("firmware_host") / "profiles" / "emulated.toml").read_text()
SMALL: dict[str, Value] = {"camera.width_px": 320, "camera.height_px": 240}


@pytest.fixture(autouse=True)
def scanners(monkeypatch: pytest.MonkeyPatch) -> list[Scanner]:
    """Those that were opened."""
    opened: list[Scanner] = []

    def remembered(*arguments: Any) -> Scanner:
        opened.append(open_scanner(*arguments))
        return opened[-1]

    monkeypatch.setattr(manual, "open_scanner", remembered)
    return opened


def written(tmp_path: Path, values: dict[str, Value], target: str = "section") -> Path:
    """A profile file of a small camera, with a twin that is as `values` say."""
    text = with_values(SHIPPED, SMALL | values, "emulated").replace("[twin]\n", f'[twin]\ntarget = "{target}"\n', 1)
    path = tmp_path / "mine.toml"
    path.write_text(text)
    return path


def calibrate(*arguments: str | Path) -> str:
    result = CliRunner().invoke(app, ["calibrate", *map(str, arguments)])
    if result.exception is not None:
        raise result.exception
    return result.stdout


def differing(seed: int) -> tuple[dict[str, Value], float]:
    """How a hidden twin differs from the shipped profile, and the pitch of its grid."""
    drawn = hidden(seed)
    twin = drawn.twin
    values: dict[str, Value] = {
        f"twin.{key}": getattr(twin, key) for key in ("pixel_um", "rotation_deg", "mirrored", "skew_deg", "grid_um")
    }
    for axis in AXES:
        for key in ("steps_per_um", "backlash_um", "ring_um", "ring_hz", "ring_decay_ms"):
            value = getattr(getattr(twin, axis), key)
            if value is not None:
                values[f"twin.{axis}.{key}"] = value
    return values, drawn.grid_um


def test_what_a_twin_hides_is_found_and_written(tmp_path: Path, scanners: list[Scanner]) -> None:
    """Within the goals of the suite `calibrate`, which does the same with a hundred of them."""
    truth, grid_um = differing(7)
    profile, out = written(tmp_path, truth, "grid"), tmp_path / "new.toml"
    told = json.loads(calibrate("--profile", profile, "--out", out, "--grid-um", str(grid_um), "--seed", "7", "--json"))
    new = load_profile(str(out))
    assert new.camera.pixel_um == pytest.approx(truth["twin.pixel_um"], rel=GOALS[PIXEL] / 100)
    assert new.camera.mirrored == truth["twin.mirrored"]
    lean = 0.5 * truth["twin.skew_deg"] * (-1 if new.camera.mirrored else 1)
    assert new.camera.rotation_deg == pytest.approx(truth["twin.rotation_deg"] + lean, abs=GOALS[ROTATION])
    assert told["square_deg"] == pytest.approx(90 + truth["twin.skew_deg"], abs=GOALS[ROTATION])
    for axis in AXES:
        table = new.axes.of(axis)
        assert table.backlash_um == pytest.approx(truth[f"twin.{axis}.backlash_um"], abs=0.2)
        assert table.takeup_um > truth[f"twin.{axis}.backlash_um"]
        left_um = truth[f"twin.{axis}.ring_um"] * math.exp(-table.settle_ms / truth[f"twin.{axis}.ring_decay_ms"])
        assert left_um < 0.3
    for axis in ("x", "y"):
        steps_per_um = truth[f"twin.{axis}.steps_per_um"]
        assert new.axes.of(axis).steps_per_um == pytest.approx(steps_per_um, rel=GOALS[STEPS] / 100)
    assert new.axes.z.steps_per_um == load_profile(str(profile)).axes.z.steps_per_um
    comments = [line.split("#", 1)[1] for line in profile.read_text().splitlines() if "#" in line]
    assert [line.split("#", 1)[1] for line in out.read_text().splitlines() if "#" in line] == comments
    by_key = {value["key"]: value for value in told["values"]}
    assert by_key["axes.x.steps_per_um"]["before"] == 3.2
    assert by_key["axes.x.steps_per_um"]["after"] == new.axes.x.steps_per_um
    assert 0 < by_key["axes.x.steps_per_um"]["doubt"] < 0.01
    assert told["notes"][0] == f"lengths are by the grid of {grid_um:g} um"
    (scanner,) = scanners
    with pytest.raises(HardwareError, match="shut down"):
        scanner.stage.home()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--out", "{tmp}/there.toml"], "there.toml: is there already"),
        (["--out", "{tmp}/new.txt"], r"give it the ending \.toml"),
        (["--out", "{tmp}/none/new.toml"], "there is no folder"),
        (["--out", "{tmp}/new.toml", "--grid-um", "10", "--trust", "steps"], "give one of the two"),
        (["--out", "{tmp}/new.toml", "--profile", "{tmp}/inline.toml"], "cannot be changed in place"),
    ],
)
def test_what_cannot_end_well_does_not_begin(
    tmp_path: Path, arguments: list[str], words: str, scanners: list[Scanner]
) -> None:
    (tmp_path / "there.toml").write_text("mine")
    (tmp_path / "inline.toml").write_text(SHIPPED.replace("pixel_um = 0.25", '"pixel_um" = 0.25'))
    with pytest.raises(UsageError, match=words):
        calibrate(
            *(["--profile", "emulated"] if "--profile" not in arguments else []),
            *(argument.format(tmp=tmp_path) for argument in arguments),
        )
    assert (tmp_path / "there.toml").read_text() == "mine"
    assert not scanners


@pytest.mark.parametrize(
    ("target", "arguments", "words"),
    [
        (
            "section",
            ["--x", "200", "--y", "200"],
            "nothing sharp within 88 um of z = 300 um; lay in a slide",
        ),
        ("section", ["--grid-um", "10"], "no grid of 10 um to be seen"),
        ("grid", ["--grid-um", "40"], r"--grid-um 40: this camera measures pitches of 1\.5 to 12\.0 um"),
        ("grid", ["--grid-um", "5"], r"--grid-um 5: the picture repeats every 10 um or so"),
    ],
)
def test_where_nothing_can_be_measured_nothing_is_written(
    tmp_path: Path, target: str, arguments: list[str], words: str, scanners: list[Scanner]
) -> None:
    out = tmp_path / "new.toml"
    with pytest.raises((HardwareError, UsageError), match=words):
        calibrate("--profile", written(tmp_path, {}, target), "--out", out, *arguments)
    assert not out.exists()
    (scanner,) = scanners
    with pytest.raises(HardwareError, match="shut down"):
        scanner.stage.home()


def test_a_nut_that_is_too_loose_is_told(tmp_path: Path) -> None:
    profile = written(tmp_path, {"twin.z.backlash_um": 12.0})
    with pytest.raises(HardwareError, match=r"axis z: it turns for more than 9 um .*raise axes\.z\.takeup_um"):
        calibrate("--profile", profile, "--out", tmp_path / "new.toml")
