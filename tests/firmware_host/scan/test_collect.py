"""`wsi-host collect`: stacks of the emulated slide, how good their labels are, and what is left out and why."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from firmware_host.camera.port import Exposure, Frame
from firmware_host.cancel import CancelToken
from firmware_host.clock import VirtualClock
from firmware_host.errors import Cancelled, ScannerError, UsageError
from firmware_host.focus.stack_focus import fault_of, region_sharpness, stack_focus
from firmware_host.hardware import Scanner
from firmware_host.optics import Objective
from firmware_host.profile import Profile, load_profile
from firmware_host.scan.collect import Collector, CollectRequest, CollectResult, numbers_for_testing, run_collect
from firmware_host.scan.plan import Region, Site, grid_sites, parse_region, sites_apart, spread_order
from firmware_host.stack_folder import SPLITS, read_height_nm
from firmware_host.twin.emulation import Emulation
from training.stacks import match_pairs, read_stacks

REGION = "3.8,2.8,4.2,3.1"
OPTIONS = {"positions": 4, "below_dof": 4.0, "above_dof": 4.0, "step_dof": 0.5, "test_share": 0.25}
PLANES = 17


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The emulated scanner with a quarter of its camera."""
    text = (resources.files("firmware_host") / "profiles" / "emulated.toml").read_text()
    path = tmp_path_factory.mktemp("profile") / "small.toml"
    path.write_text(text.replace("width_px = 1024", "width_px = 512").replace("height_px = 768", "height_px = 384"))
    return path


def request_of(profile: Path | Profile, out: Path, **changes: Any) -> CollectRequest:
    described = profile if isinstance(profile, Profile) else load_profile(str(profile))
    return CollectRequest(profile=described, out=out, region=parse_region(REGION), **(OPTIONS | changes))


def wsi_collect(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "firmware_host", "collect", *map(str, arguments)]


def options(small: Path, out: Path) -> list[object]:
    named = [part for key, value in OPTIONS.items() for part in (f"--{key.replace('_', '-')}", value)]
    return ["--profile", small, "--out", out, "--region", REGION, *named]


@dataclass
class Seen:
    """What a witness inside the twin knows of every frame: its true z relative to focus, and how z got there."""

    truth_um: dict[str, float | None] = field(default_factory=dict)
    upward: list[bool] = field(default_factory=list)


def digest(image: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(image).tobytes()).hexdigest()


@dataclass
class Watched:
    """An exposure whose frame is shown to somebody when it is read out."""

    exposure: Exposure
    show: Callable[[Frame], None]

    def read_out(self) -> Frame:
        frame = self.exposure.read_out()
        self.show(frame)
        return frame


def witness(seen: Seen) -> type[Emulation]:
    class Witness(Emulation):
        def __init__(self, profile: Profile, seed: int, slide: Path | None) -> None:
            super().__init__(profile, seed, slide)
            z, expose = profile.axes.z, self.camera.expose

            def note(frame: Frame) -> None:
                seen.truth_um[digest(frame.image)] = self.focus_error_um(frame)

            def watched(not_before_ns: int, timeout_s: float) -> Watched:
                exposure = expose(not_before_ns, timeout_s)
                seen.upward.append(self.board.level(z.dir_pin) == (z.dir_positive == "high"))
                return Watched(exposure, note)

            self.camera.expose = watched  # type: ignore[method-assign]

    return Witness


@dataclass(frozen=True)
class Collected:
    out: Path
    result: CollectResult
    seen: Seen


@pytest.fixture(scope="module")
def collected(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Collected:
    """Collected once for all tests of this file, with a witness in the twin."""
    out, seen = tmp_path_factory.mktemp("collect") / "one", Seen()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("firmware_host.twin.emulation.Emulation", witness(seen))
        result = run_collect(request_of(small, out), CancelToken(), lambda *_: None)
    return Collected(out, result, seen)


def table(out: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((out / "collect.csv").read_text().splitlines()))


def contents(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


def test_training_reads_the_stacks_and_finds_pairs(collected: Collected) -> None:
    assert collected.result.stopped is None
    delta_nm = round(2 * Objective(0.75).depth_of_field_um * 1000)
    for split, positions in (("train", 3), ("test", 1)):
        stacks, skipped = read_stacks(collected.out, split, Objective(0.1), 9.0)
        assert skipped == []
        assert len(stacks) == positions
        for stack in stacks:
            heights = [plane.z_nm for plane in stack.planes]
            assert (stack.optics, stack.pixel_um, len(heights)) == (Objective(0.75), 0.25, PLANES)
            assert {plane.path.suffix for plane in stack.planes} == {".png"}
            assert len(match_pairs(heights, delta_nm, delta_nm // 20)) == PLANES - 4
            assert -5000 < heights[0] < -2900, "four depths of field of 0.98 um, and at most one off the middle"
            assert 2900 < heights[-1] < 5000


def test_the_labels_are_true(collected: Collected) -> None:
    """The tag of every plane against its true z; planes of a stack agree, so backlash does not enter."""
    errors = []
    for split in SPLITS:
        for position in (collected.out / "X" / split).iterdir():
            planes = sorted(position.glob("*.png"))
            truths = [collected.seen.truth_um[digest(np.asarray(Image.open(plane)))] for plane in planes]
            off = [read_height_nm(plane) / 1000 - float(true or 0) for plane, true in zip(planes, truths, strict=True)]
            assert None not in truths
            assert np.ptp(off) < 0.05
            errors.append(abs(np.mean(off)))
    assert len(errors) == 4
    assert np.mean(errors) < 0.25
    assert np.mean(np.abs(collected.result.errors_um)) == pytest.approx(np.mean(errors), abs=0.02)


def test_every_frame_was_approached_upwards(collected: Collected) -> None:
    assert len(collected.seen.upward) > 4 * PLANES
    assert all(collected.seen.upward)


def test_the_table_names_every_position_and_the_split_is_by_position(collected: Collected) -> None:
    rows = table(collected.out)
    assert list(rows[0]) == [
        *("position", "x_um", "y_um", "focus_z_um", "spread_um", "planes", "split", "status", "reason"),
    ]
    assert Counter(row["split"] for row in rows if row["status"] == "written") == {"train": 3, "test": 1}
    for row in rows:
        assert (collected.out / "X" / row["split"] / row["position"]).is_dir()
    folders = [path.name for split in SPLITS for path in (collected.out / "X" / split).iterdir()]
    assert len(folders) == len(set(folders)) == 4
    assert sorted(path.name for path in collected.out.iterdir()) == ["X", "collect.csv"]


def test_all_stacks_of_a_run_are_of_one_slide_so_that_they_calibrate_for_each_other(collected: Collected) -> None:
    stacks = [stack for split in SPLITS for stack in read_stacks(collected.out, split, Objective(0.1), 9.0)[0]]
    assert len({stack.slide for stack in stacks}) == 1
    assert stacks[0].slide


def test_the_command_gives_the_same_bytes_for_the_same_seed(collected: Collected, small: Path, tmp_path: Path) -> None:
    out = tmp_path / "again"
    done = subprocess.run(
        wsi_collect(*options(small, out), "--json"), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert contents(out) == contents(collected.out)
    told = json.loads(done.stdout)
    assert (told["train"], told["test"], told["left_out"], told["stopped"]) == (3, 1, 0, "")
    assert told["table"] == str(out / "collect.csv")
    assert told["mean_abs_error_um"] < 0.25


def test_a_folder_that_holds_something_is_refused_and_not_touched(small: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="holds something already; choose another --out"):
        run_collect(request_of(small, tmp_path), CancelToken(), lambda *_: None)
    assert contents(tmp_path) == {"notes.txt": b"mine"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"step_dof": 0.75}, "no two planes are the profile's focus.delta_dof = 2 apart; give 0.5 or 0.667"),
        ({"step_dof": 0.01}, "above one microstep of z, 0.051 DoF"),
        ({"below_dof": 1.0, "above_dof": 1.0, "step_dof": 1.0}, "3 planes only, 5 at least"),
        ({"region": Region(0, 0, 9e3, 1e3)}, "outside the profile's soft limits"),
        ({"slide": Path("none.png")}, "slide image none.png: cannot be read"),
    ],
)
def test_bad_input_writes_nothing(small: Path, tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    asked = replace(request_of(small, tmp_path / "out"), **changes)
    with pytest.raises(UsageError, match=words):
        run_collect(asked, CancelToken(), lambda *_: None)
    assert not (tmp_path / "out").exists()


def test_ctrl_c_keeps_what_is_whole(small: Path, tmp_path: Path) -> None:
    out = tmp_path / "stopped"
    with subprocess.Popen(wsi_collect(*options(small, out)), stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        for line in running.stderr:
            if line.startswith("taking stacks"):
                os.kill(running.pid, signal.SIGINT)
                break
        rest = running.stderr.read()
        code = running.wait(timeout=60)
    assert code == 130
    assert "error: stopped: Ctrl-C\n" in rest
    rows = table(out)
    assert 1 <= len(rows) < 4
    assert sorted(path.name for path in out.iterdir()) == ["X", "collect.csv"], "a half stack was left behind"
    for row in rows:
        assert len(list((out / "X" / row["split"] / row["position"]).glob("*.png"))) == PLANES


def test_ctrl_c_before_the_first_stack_leaves_nothing(small: Path, tmp_path: Path) -> None:
    cancel = CancelToken()
    with pytest.raises(Cancelled):
        run_collect(request_of(small, tmp_path / "out"), cancel, lambda *_: cancel.request("test"))
    assert not (tmp_path / "out").exists()


# --- a scanner of cardboard: what is done with fields that are no good -------------------------------------------

SITES = [Site(0, col, 1000.0 + 128 * col, 1000.0) for col in range(4)]
NOISE = np.random.default_rng(3).normal(0, 1, (384, 512, 1))
Scene = Callable[[Site], "float | tuple[float, float] | None"]


@dataclass
class Cardboard:
    """Stage and eye in one: a field is noise that fades away from its focus, halves of it may differ, or it is flat."""

    scene: Scene
    x_um: float = 0.0
    z_um: float = 0.0
    middles_um: list[float] = field(default_factory=list)

    def move_to(self, *, x_um: float | None = None, y_um: float | None = None, z_um: float | None = None) -> int:
        self.x_um = self.x_um if x_um is None else x_um
        self.z_um = self.z_um if z_um is None else z_um
        return 0

    def z_allowed(self, z_um: float) -> bool:
        return 0 <= z_um <= 600

    def rise(self, stage: Cardboard, heights_um: list[float]) -> Iterator[tuple[float, Frame]]:
        for z_um in heights_um:
            yield z_um, self.look(stage.move_to(z_um=z_um))

    def look(self, settled_ns: int) -> Frame:
        site = min(SITES, key=lambda site: abs(site.x_um - self.x_um))
        focus = self.scene(site)
        left, right = focus if isinstance(focus, tuple) else (focus, focus)
        depth = np.zeros((1, 512, 1))
        for half, at in ((slice(0, 256), left), (slice(256, 512), right)):
            depth[:, half] = 0 if at is None else 40 * np.exp(-(((self.z_um - at) / 3) ** 2))
        return Frame((128 + depth * NOISE).clip(0, 255).astype(np.uint8).repeat(3, axis=2), 0, 0, 0)


def collect_cardboard(
    small: Path, out: Path, scene: Scene, start_um: float = 300.0, positions: int = 3
) -> tuple[Collector, ScannerError | None]:
    out.mkdir()
    asked = request_of(small, out, positions=positions)
    card: Any = Cardboard(scene)
    any_part: Any = None
    parts = Scanner(asked.profile, VirtualClock(), any_part, card, any_part, any_part, CancelToken(), any_part, None)
    collector = Collector(parts, card, asked)
    try:
        collector.run(SITES, start_um, lambda *_: None)
    except ScannerError as error:
        return collector, error
    return collector, None


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (None, "0 regions with texture, 4 are needed"),
        ((299.0, 301.0), "its regions disagree by 2.0"),
        (330.0, "regions with texture"),
    ],
)
def test_a_field_that_is_no_good_is_left_out_and_replaced(
    small: Path, tmp_path: Path, bad: float | tuple[float, float] | None, reason: str
) -> None:
    collector, error = collect_cardboard(small, tmp_path / "o", lambda site: bad if site.col == 1 else 300.0)
    assert error is None
    (left_out,) = [row for row in collector.rows if row.status == "left out"]
    assert left_out.position == "r000_c001"
    assert reason in left_out.reason
    assert {path.name for path in (tmp_path / "o/X").glob("*/*")} == {"r000_c000", "r000_c002", "r000_c003"}
    assert [row["reason"] for row in table(tmp_path / "o")].count("") == 3


def test_too_few_good_fields_is_an_error_that_points_at_the_table(small: Path, tmp_path: Path) -> None:
    collector, error = collect_cardboard(small, tmp_path / "o", lambda site: None if site.col else 300.0)
    assert len(collector.rows) == 4
    assert "only 1 of 3 positions could be taken, of 4 fields" in str(error)
    assert "collect.csv says why" in str(error)


@pytest.mark.parametrize("start_um", [300.0, 302.6, 304.4, 296.0])
def test_a_stack_that_missed_the_middle_is_taken_again_around_the_focus(
    small: Path, tmp_path: Path, start_um: float
) -> None:
    _, error = collect_cardboard(small, tmp_path / "o", lambda _: 300.0, start_um, positions=1)
    assert error is None
    heights = [read_height_nm(path) for path in (tmp_path / "o").rglob("*.png")]
    assert -5000 < min(heights) < -2900
    assert 2900 < max(heights) < 5000


def test_focus_beyond_the_second_try_is_left_out(small: Path, tmp_path: Path) -> None:
    collector, error = collect_cardboard(small, tmp_path / "o", lambda _: 308.5, positions=1)
    assert error is not None
    assert "sharpest at an end of the stack" in collector.rows[0].reason


def test_planes_beyond_the_soft_limits_are_not_taken(small: Path, tmp_path: Path) -> None:
    collector, _ = collect_cardboard(small, tmp_path / "o", lambda _: 1.0, 1.0, positions=1)
    assert collector.rows[0].reason == "its planes, z from -2.91 to 4.91 um, leave the soft limits"
    assert collector.rows[0].planes == 0


# --- pure parts --------------------------------------------------------------------------------------------------

Z = np.arange(-4.0, 4.1, 0.5)


def curves(*tops: float) -> np.ndarray:
    """(planes, regions) of Gaussian curves on a floor."""
    return np.stack([0.05 + np.exp(-(((Z - top) / 1.5) ** 2)) for top in tops], axis=1)


@given(st.floats(-3, 3))
def test_regions_that_agree_give_their_peak(top: float) -> None:
    found = stack_focus(Z, curves(top, top + 0.05, top - 0.05))
    assert found is not None
    assert found.z_um == pytest.approx(top, abs=0.1)
    assert fault_of(found, 3, 0.5) == ""


@pytest.mark.parametrize(
    ("sharpness", "reason"),
    [
        (np.ones((len(Z), 12)), "0 regions with texture"),
        (np.concatenate([np.ones((len(Z), 9)), curves(0, 0.1, 0)], axis=1), "3 regions with texture, 4 are needed"),
        (curves(-2, -2, -2, 2, 2, 2), "disagree"),
        (curves(-2, -2, -2, -2, 2, 2, 2), "disagree by 4.0"),
        (curves(*[4.5] * 6), "at an end of the stack, z = 4.00"),
        (curves(*[-3.9] * 6), "at an end of the stack"),
    ],
)
def test_what_cannot_be_learned_from_is_told(sharpness: np.ndarray, reason: str) -> None:
    assert reason in fault_of(stack_focus(Z, sharpness), 4, 0.5)


def test_one_odd_region_does_not_move_the_focus() -> None:
    found = stack_focus(Z, curves(0.1, 0.1, 0.1, 0.1, 3.0))
    assert found is not None
    assert found.z_um == pytest.approx(0.1, abs=0.05)
    assert fault_of(found, 4, 0.5) == ""


def test_a_flat_image_is_measured_without_zero() -> None:
    assert np.all(region_sharpness(np.full((300, 300, 3), 200, np.uint8)) > 0)


@given(st.integers(1, 200), st.floats(0, 0.9))
def test_the_split_has_its_share_and_is_even(positions: int, share: float) -> None:
    numbers = numbers_for_testing(positions, share)
    assert all(0 <= number < positions for number in numbers)
    assert abs(len(numbers) - positions * share) <= 1
    if share > 0 and positions > 1:
        assert 0 < len(numbers) < positions
    gaps = np.diff(sorted(numbers))
    assert len(gaps) == 0 or gaps.max() - gaps.min() <= 1


def test_six_of_forty_are_for_testing() -> None:
    assert numbers_for_testing(40, 0.15) == {3, 10, 16, 23, 30, 36}


def test_fields_to_collect_cover_the_tissue_and_do_not_overlap() -> None:
    region, size = Region(0, 0, 2000, 1500), (256.0, 192.0)
    overlapping = [site for row in grid_sites(region, (230, 173), size) for site in row if site.x_um < 1000]
    apart = sites_apart(region, overlapping, size)
    for at, one in enumerate(apart):
        for other in apart[:at]:
            assert abs(one.x_um - other.x_um) >= 256 - 1e-6 or abs(one.y_um - other.y_um) >= 192 - 1e-6
    for site in overlapping:
        assert any(abs(site.x_um - one.x_um) <= 129 and abs(site.y_um - one.y_um) <= 97 for one in apart)


@given(st.integers(1, 8), st.integers(1, 8))
def test_the_spread_order_holds_every_site_once(rows: int, columns: int) -> None:
    sites = [Site(row, col, col * 100.0, row * 100.0) for row in range(rows) for col in range(columns)]
    order = spread_order(sites)
    assert sorted(order, key=lambda site: (site.row, site.col)) == sites
    if rows >= 4 and columns >= 4:
        few = {(site.row >= rows / 2, site.col >= columns / 2) for site in order[:5]}
        assert len(few) == 4, "the first few lie in all four quarters"
