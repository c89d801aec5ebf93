"""Rows are mended: what is not good is taken again, and of two takes the better one stays."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from firmware_host.camera.port import Frame
from firmware_host.clock import VirtualClock
from firmware_host.errors import Cancelled, HardwareError
from firmware_host.focus.result import FocusResult
from firmware_host.incidents import Incident
from firmware_host.profile import Profile, load_profile
from firmware_host.quality.verdict import BRIGHT, DARK, NOT_JUDGED, POSITION_OFF, SEAM_OFF, Quality
from firmware_host.scan.entries import story_of
from firmware_host.scan.folder import ScanFolder
from firmware_host.scan.journal import read_journal
from firmware_host.scan.keeping import Keeper
from firmware_host.scan.light import FlatField
from firmware_host.scan.plan import Site
from firmware_host.scan.position import Offset
from firmware_host.scan.scan import MOST_RETAKES, Scan, Ways

BLURRED = "tile blurred"
BEGIN = {
    **dict.fromkeys(("time", "software", "profile_from", "bundle", "bundle_name", "bundle_from"), ""),
    **dict.fromkeys(("slide", "slide_sha256", "region")),
    **dict.fromkeys(("allow_unsigned", "calibration", "compare_sweep", "real_time"), False),
    **{"profile": {}, "seed": 1, "method": "two-shot"},
}
Script = dict[tuple[int, int], list[str | None]]


class ScriptedJudge:
    """Says of each take of a field what the script has for it; good where it has nothing more."""

    def __init__(self, script: Script) -> None:
        self.script = {place: list(words) for place, words in script.items()}
        self.forgotten: list[tuple[int, int]] = []

    def judge(self, place: Any, *_: object) -> Quality:
        words = self.script.get((place.row, place.col), [])
        cause = words.pop(0) if words else None
        if cause is not None and cause.startswith("blames "):
            row, col = map(int, cause.split()[1:])
            return Quality(0.0, 0.0, 1.0, 0.0, 0.0, 0.0, blurred=((row, col, -0.5),))
        reasons = () if cause is None else (Incident(cause, "as scripted"),)
        return Quality(0.0, 0.0, 1.0, 0.0, 0.0, 0.0, reasons)

    def remember(self, *_: object) -> None: ...

    def forget(self, places: list[tuple[int, int]]) -> None:
        self.forgotten += places


class Scene:
    """Three rows of four fields, without any hardware."""

    def __init__(self, profile: Profile, out: Path, script: Script, statuses: dict[tuple[int, int], str] | None = None):
        self.sites = [Site(row, col, 100.0 * col, 100.0 * row) for row in range(3) for col in range(4)]
        self.visits: list[tuple[int, int]] = []
        self.careful: list[tuple[int, int]] = []
        self.order: list[tuple[int, int]] = []
        self.said: list[Incident] = []
        self.pivots_um: list[float] = []
        self.homings: list[int] = []
        self.elsewhere = False
        self.looked_at: list[list[tuple[int, int]]] = []
        self.light = 1.0
        self.moved, self.homing_fails = Offset(), False
        self.judge = ScriptedJudge(script)
        self.visits_left = 999
        self.folder = ScanFolder.continued(out) if out.exists() else ScanFolder.new(out)
        if not out.joinpath("journal").exists():
            self.folder.log("begin", **BEGIN)
        flat = FlatField.neutral((8, 8))
        self.keeper = Keeper(self.folder, flat, self.judge, None, 90, 0.02)  # type: ignore[arg-type]
        clock = VirtualClock(work_ns={"write": 6_000_000})
        self._statuses = statuses or {}
        parts: Any = type("Parts", (), {"profile": profile, "clock": clock, "truth": None, "stage": Still()})()
        methods = Focus(self, self.visits), Focus(self, self.careful)
        ways = Ways(*methods, self.find_again, self.is_elsewhere, lambda: self.light)
        self.scan = Scan(parts, ways, self.keeper, self.said.append)

    def status_at(self, place: tuple[int, int]) -> str:
        return self._statuses.pop(place, "focused")

    def find_again(self, records: Any) -> Offset:
        self.homings.append(len(records))
        if self.homing_fails:
            raise HardwareError("axis x: its limit switch did not close")
        return self.moved

    def is_elsewhere(self, records: Any) -> bool:
        self.looked_at.append([(each.row, each.col) for each in records])
        return self.elsewhere

    def run(self) -> None:
        self.scan.run(self.sites, 50.0, lambda _: None)

    def flags(self) -> dict[tuple[int, int], tuple[str, ...]]:
        return {(each.row, each.col): each.flags for each in self.scan.records if each.flags}

    def tiles(self) -> set[str]:
        return {path.name for path in (self.folder.path / "tiles").iterdir()}


class Still:
    """A stage that is told to move."""

    def move_to(self, **_: float) -> int:
        return 0


class Focus:
    def __init__(self, scene: Scene, visits: list[tuple[int, int]]) -> None:
        self._scene, self._visits = scene, visits

    def focus(self, x_um: float, y_um: float, pivot_um: float) -> FocusResult:
        place = round(y_um / 100), round(x_um / 100)
        self._scene.visits_left -= 1
        if self._scene.visits_left < 0:
            raise Cancelled("the power is cut")
        self._scene.order.append(place)
        self._visits.append(place)
        self._scene.pivots_um.append(pivot_um)
        image = np.full((8, 8, 3), 100 + len(self._visits), np.uint8)
        frame = Frame(image, 0, 1, len(self._visits))
        status: Any = self._scene.status_at(place)
        return FocusResult(frame, pivot_um, 0.0, 0.0, 9, 2, status, None, pivot_um)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "scan"


def test_without_faults_each_field_is_taken_once(emulated: Profile, out: Path) -> None:
    scene = Scene(emulated, out, {})
    scene.run()
    assert scene.visits == [(site.row, site.col) for site in scene.sites]
    assert scene.careful == scene.homings == scene.said == []


def test_what_is_bad_is_taken_again_after_the_first_field_of_the_next_row(emulated: Profile, out: Path) -> None:
    scene = Scene(emulated, out, {(0, 2): [BLURRED]})
    scene.run()
    assert scene.visits[:7] == [(0, 0), (0, 1), (0, 2), (0, 3), (1, 0), (0, 2), (1, 1)]
    assert scene.flags() == {}
    assert "r000_c002_2.jpg" in scene.tiles()
    assert "r000_c002.jpg" not in scene.tiles(), "the worse take is not kept"
    assert {each.retakes for each in scene.scan.records if (each.row, each.col) == (0, 2)} == {1}


def test_the_second_time_it_is_taken_with_care_and_then_flagged(emulated: Profile, out: Path) -> None:
    scene = Scene(emulated, out, {(2, 1): [BLURRED] * 9})
    scene.run()
    assert scene.visits.count((2, 1)) == 2
    assert scene.careful == [(2, 1)]
    assert scene.flags() == {(2, 1): (BLURRED,)}
    assert next(each.retakes for each in scene.scan.records if each.flags) == MOST_RETAKES


def test_of_two_takes_the_better_one_stays(emulated: Profile, out: Path) -> None:
    scene = Scene(emulated, out, {(1, 1): [BLURRED, "frame damaged", None]}, {(1, 1): "focused"})
    scene.keeper._judge.judge = _worse_each_time(scene.judge.judge)  # type: ignore[union-attr, method-assign]
    scene.run()
    kept = next(each for each in scene.scan.records if (each.row, each.col) == (1, 1))
    assert kept.tile == "tiles/r001_c001.jpg"
    assert kept.retakes == MOST_RETAKES
    assert {name for name in scene.tiles() if "r001_c001" in name} == {"r001_c001.jpg"}


def _worse_each_time(judge: Any) -> Any:
    takes = {"n": 0}

    def judged(place: Any, *rest: object) -> Quality:
        quality: Quality = judge(place, *rest)
        if (place.row, place.col) != (1, 1):
            return quality
        takes["n"] += 1
        return replace(quality, reasons=(Incident(BLURRED, "scripted"),) * takes["n"])

    return judged


@pytest.mark.parametrize(
    ("blamed", "by", "then"),
    [
        ((1, 1), (1, 2), [(1, 3), (2, 0), (1, 1), (2, 1)]),  # of the same row: with that row
        ((0, 1), (1, 1), [(1, 2), (1, 3), (2, 0), (0, 1), (2, 1)]),  # of the row above, which was mended before
        ((0, 1), (1, 0), [(1, 1), (1, 2), (1, 3), (2, 0), (0, 1), (2, 1)]),  # even while that row is mended
        ((1, 1), (2, 1), [(2, 2), (2, 3), (1, 1)]),  # in the last row
    ],
)
def test_a_tile_that_a_later_one_shows_to_be_blurred_is_taken_again(
    blamed: tuple[int, int], by: tuple[int, int], then: list[tuple[int, int]], emulated: Profile, out: Path
) -> None:
    scene = Scene(emulated, out, {by: [f"blames {blamed[0]} {blamed[1]}"]})
    scene.run()
    after = scene.visits.index(by) + 1
    assert scene.visits[after : after + len(then)] == then
    assert scene.flags() == {}
    kept = next(each for each in scene.scan.records if (each.row, each.col) == blamed)
    assert (kept.retakes, kept.retaken_for) == (1, (BLURRED,))
    story = story_of(read_journal(out / "journal"), out / "journal")
    assert story.found_late == ({blamed} if blamed[0] < by[0] else set())


CROWDED: Script = {
    (0, 1): [BLURRED, None, BLURRED],
    (0, 2): [None, BLURRED, None],
    (0, 3): [BLURRED, "blames 0 2"],  # found while it is taken again: waits for the next row
    (1, 0): ["blames 0 0", "blames 2 0"],
    (1, 1): [None, "blames 1 2"],
    (1, 2): ["blames 1 1", BLURRED, BLURRED],
    (1, 3): [BLURRED, "blames 0 3", None],
    (2, 0): ["blames 1 0", BLURRED, "blames 1 1"],
    (2, 1): ["blames 2 0"],
    (2, 3): ["blames 2 2", BLURRED],
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    scene = Scene(load_profile("emulated"), tmp_path_factory.mktemp("whole") / "scan", CROWDED)
    scene.run()
    assert len(scene.order) == 25
    return scene


@pytest.mark.parametrize("cut_after", range(26))
def test_a_scan_that_is_cut_anywhere_takes_the_same_fields_in_the_same_order(
    cut_after: int, whole: Scene, emulated: Profile, tmp_path: Path
) -> None:
    first = Scene(emulated, tmp_path / "cut", CROWDED)
    first.visits_left = cut_after
    with contextlib.suppress(Cancelled):
        first.run()
    first.folder.release()
    story = story_of(read_journal(tmp_path / "cut/journal"), tmp_path / "cut/journal")
    rest = {place: words[story.takes.get(place, 0) :] for place, words in CROWDED.items()}
    second = Scene(emulated, tmp_path / "cut", rest)
    second.scan.recall(story, Offset())
    second.run()
    assert first.order + second.order == whole.order
    assert second.keeper.records.keys() == whole.keeper.records.keys()
    for place, record in second.keeper.records.items():
        same = whole.keeper.records[place]
        assert (record.flags, record.retakes, record.tile) == (same.flags, same.retakes, same.tile)


def test_of_a_blamed_tile_the_journal_tells_what_the_scan_knows(emulated: Profile, out: Path) -> None:
    scene = Scene(emulated, out, {(1, 1): ["blames 0 1"], (0, 1): [None, BLURRED, BLURRED]})
    scene.run()
    assert scene.flags() == {(0, 1): (BLURRED,)}
    assert scene.visits.count((0, 1)) + scene.careful.count((0, 1)) == 1 + MOST_RETAKES
    story = story_of(read_journal(out / "journal"), out / "journal")
    assert {(each.row, each.col): each for each in story.records} == scene.keeper.records
    assert story.found_late == scene.keeper.found_late == {(0, 1)}


def test_what_cannot_be_judged_is_flagged_and_not_taken_again(emulated: Profile, out: Path) -> None:
    scene = Scene(emulated, out, {(0, 0): [NOT_JUDGED]})
    scene.run()
    assert scene.visits.count((0, 0)) == 1
    assert scene.flags() == {(0, 0): (NOT_JUDGED,)}


def test_a_lost_place_is_found_and_all_since_is_taken_again(emulated: Profile, out: Path) -> None:
    scene = Scene(emulated, out, {(1, 2): [POSITION_OFF], (1, 3): [POSITION_OFF]})
    scene.run()
    assert scene.homings == [6], "the four of the first row and two of the second are trusted"
    assert scene.visits[8:13] == [(2, 0), (1, 2), (1, 3), (2, 0), (2, 1)]
    assert scene.judge.forgotten == [(1, 2), (1, 3), (2, 0)]
    assert scene.flags() == {}
    assert [each.cause for each in scene.said] == ["position lost"]
    assert len(scene.scan.records) == 12


def test_where_nothing_is_in_common_an_earlier_tile_is_looked_at_again(emulated: Profile, out: Path) -> None:
    """More steps were lost than an overlap: what follows joins, and would pass."""
    scene = Scene(emulated, out, {(1, 2): [SEAM_OFF]})
    scene.elsewhere = True
    scene.run()
    assert scene.looked_at == [[*((0, col) for col in range(4)), (1, 0), (1, 1)]]
    assert scene.homings == [6]
    assert scene.visits[8:13] == [(2, 0), (1, 2), (1, 3), (2, 0), (2, 1)]
    assert scene.flags() == {}
    assert [each.cause for each in scene.said] == ["position lost"]


def test_a_bubble_in_row_after_row_does_not_home_the_stage(emulated: Profile, out: Path) -> None:
    scene = Scene(emulated, out, {})
    scene.sites = [Site(row, col, 100.0 * col, 100.0 * row) for row in range(9) for col in range(2)]
    scene.judge.script = {(row, 1): [SEAM_OFF] * 9 for row in range(9)}
    scene.run()
    assert (len(scene.looked_at), scene.homings) == (9, [])
    assert scene.flags() == {(row, 1): (SEAM_OFF,) for row in range(9)}


def test_what_is_doubted_is_not_kept_when_the_place_is_not_found_again(emulated: Profile, out: Path) -> None:
    """Tiles after the lost steps look good beside each other: none of them may stay in the slide."""
    scene = Scene(emulated, out, {(1, 2): [POSITION_OFF]})
    scene.homing_fails = True
    with pytest.raises(HardwareError, match="did not close"):
        scene.run()
    assert {(each.row, each.col) for each in scene.scan.records} == {*((0, col) for col in range(4)), (1, 0), (1, 1)}
    assert read_journal(out / "journal").of("doubted") == [{"fields": [[1, 2], [1, 3], [2, 0]]}]


def test_heights_are_kept_as_of_the_first_homing(emulated: Profile, out: Path) -> None:
    """The zero of z moved by 7 um: the stage goes 7 um on, and the table and the surface do not."""
    scene = Scene(emulated, out, {(1, 2): [POSITION_OFF]})
    scene.moved = Offset(z_um=7.0)
    scene.run()
    assert {each.z_um for each in scene.scan.records} == {50.0}
    assert scene.pivots_um[:11] == [50.0] * 9 + [57.0] * 2
    found = [each["lesson"]["found"][2] for each in read_journal(out / "journal").of("field")]
    assert set(found) == {50.0}


def test_a_disk_that_does_not_take_what_is_doubted_is_asked_again(emulated: Profile, out: Path) -> None:
    scene = Scene(emulated, out, {(1, 2): [POSITION_OFF]})
    log, refusals = scene.folder.log, [OSError(5, "Input/output error")] * 2
    asked: list[int] = []

    def faltering(event: str, **values: Any) -> None:
        if event == "doubted" and refusals:
            raise refusals.pop()
        log(event, **values)

    scene.folder.log = faltering  # type: ignore[method-assign]
    scene.scan._mend_disk = lambda _, tried: asked.append(tried)
    scene.run()
    assert asked == [1, 2]
    assert scene.flags() == {}


def test_a_place_that_is_lost_again_and_again_ends_the_scan(emulated: Profile, out: Path) -> None:
    script: Script = {(row, 0): [POSITION_OFF] * 9 for row in range(3)}
    scene = Scene(emulated, out, script)
    scene.sites = [Site(row, col, 100.0 * col, 100.0 * row) for row in range(9) for col in range(2)]
    scene.judge.script = {(row, 0): [POSITION_OFF] * 9 for row in range(9)}
    with pytest.raises(HardwareError, match="lost its place in 4 rows in succession"):
        scene.run()
    assert len(scene.homings) == 4


def test_a_lost_height_is_looked_for_from_the_switches(emulated: Profile, out: Path) -> None:
    scene = Scene(emulated, out, {}, {(1, 0): "predicted", (1, 1): "predicted", (1, 2): "predicted"})
    scene.run()
    assert scene.homings == [6]
    assert [each.cause for each in scene.said] == ["focus lost"]
    assert {each.status for each in scene.scan.records} == {"focused"}


def test_a_lamp_that_has_changed_stops_the_scan(emulated: Profile, out: Path) -> None:
    scene = Scene(emulated, out, {(1, col): [DARK] * 9 for col in range(4)})
    scene.light = 0.8
    with pytest.raises(HardwareError, match=r"row 1: tile too dark one after the other: the light is 0\.80 times"):
        scene.run()
    assert [each.cause for each in scene.said] == ["light changed"]
    past = read_journal(out / "journal")
    assert [each["retakes"] for each in past.of("field")][-4:] == [MOST_RETAKES] * 4


def test_in_the_same_light_it_is_the_first_tile_that_was_wrong_and_the_row_is_taken_anew(
    emulated: Profile, out: Path
) -> None:
    """A flicker in the first tile makes all that come after it look too bright."""
    scene = Scene(emulated, out, {(0, col): [BRIGHT] * 3 for col in range(1, 4)})
    scene.run()
    assert scene.judge.forgotten == [(0, 0), (0, 1), (0, 2), (0, 3)]
    assert scene.flags() == {}


def test_a_few_bright_and_dark_tiles_do_not_stop_it(emulated: Profile, out: Path) -> None:
    """A bubble, ink: not the lamp."""
    scene = Scene(emulated, out, {(1, 0): [BRIGHT] * 9, (1, 1): [DARK] * 9, (1, 2): [BRIGHT] * 9, (1, 3): [BRIGHT] * 9})
    scene.light = 0.5
    scene.run()
    assert set(scene.flags()) == {(1, 0), (1, 1), (1, 2), (1, 3)}


def test_the_journal_tells_the_same_as_the_scan(emulated: Profile, out: Path) -> None:
    """What a later session would know: the last take of each, how often it was taken, what is doubted."""
    scene = Scene(emulated, out, {(0, 1): [BLURRED, BLURRED], (1, 2): [POSITION_OFF], (2, 3): [BLURRED] * 9})
    scene.run()
    past = read_journal(out / "journal")
    again = {(each["row"], each["col"]): each for each in past.of("field")}
    for record in scene.scan.records:
        entry = again[record.row, record.col]
        assert (entry["tile"], tuple(entry["flags"]), entry["retakes"]) == (record.tile, record.flags, record.retakes)
        assert (out / record.tile).exists()
    assert scene.tiles() == {Path(record.tile).name for record in scene.scan.records}
    assert past.of("doubted") == [{"fields": [[1, 2], [1, 3], [2, 0]]}]
