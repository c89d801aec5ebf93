"""A scan that was interrupted goes on where it stopped, and ends as if nothing had happened."""

from __future__ import annotations

import errno
import json
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from firmware_host.bundle import Bundle
from firmware_host.cancel import CancelToken
from firmware_host.cli import app
from firmware_host.disk import LocalDisk
from firmware_host.errors import HardwareError, UsageError
from firmware_host.hardware import Scanner, over_emulation
from firmware_host.motion.port import StagePort
from firmware_host.profile import Profile
from firmware_host.scan.folder import ScanFolder
from firmware_host.scan.journal import read_journal
from firmware_host.scan.past import unfinished_in
from firmware_host.scan.plan import Region
from firmware_host.scan.request import ScanRequest, ScanResult
from firmware_host.scan.session import assemble_folder, resume_scan, run_scan
from firmware_host.twin.emulation import Emulation

REGION = Region(3850, 2850, 4150, 3150)


class DyingDisk(LocalDisk):
    """Takes so many tiles and their lines, then nothing any more, but perhaps one more tile."""

    def __init__(self, tiles: int, one_more: bool) -> None:
        self.tiles_left, self.fields_left = tiles + one_more, tiles

    def write_whole(self, path: Path, content: bytes) -> None:
        self.tiles_left -= 1
        if self.tiles_left < 0:
            raise OSError(errno.EIO, "Input/output error")
        super().write_whole(path, content)

    def append(self, path: Path, content: bytes) -> None:
        self.fields_left -= b'"event": "field"' in content
        if self.fields_left < 0:
            raise OSError(errno.EIO, "Input/output error")
        super().append(path, content)


class Displaced:
    """A stage whose switches close elsewhere than they did before."""

    def __init__(self, stage: StagePort, x_um: float, y_um: float, z_um: float) -> None:
        self._stage, self._by = stage, (x_um, y_um, z_um)

    @property
    def z_um(self) -> float:
        return self._stage.z_um - self._by[2]

    def move_to(self, *, x_um: float | None = None, y_um: float | None = None, z_um: float | None = None) -> int:
        wanted = zip((x_um, y_um, z_um), self._by, strict=True)
        x_um, y_um, z_um = (None if at is None else at + by for at, by in wanted)
        return self._stage.move_to(x_um=x_um, y_um=y_um, z_um=z_um)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stage, name)


Opener = Callable[..., Scanner]


def opener(
    disk: LocalDisk | None = None, seed: int | None = None, moved_um: tuple[float, float, float] = (0, 0, 0)
) -> Opener:
    """A twin, on a disk, of another seed, or whose zero lies elsewhere than before."""

    def opened(profile: Profile, asked: int, slide: Path | None, cancel: CancelToken, real_time: bool) -> Scanner:
        assert not real_time
        emulation = Emulation(profile, asked if seed is None else seed, slide)
        scanner = over_emulation(profile, emulation, cancel)
        stage: Any = Displaced(scanner.stage, *moved_um) if any(moved_um) else scanner.stage
        return replace(scanner, disk=disk or LocalDisk(), stage=stage)

    return opened


def quiet(step: str, share: float, seconds_left: float | None) -> None: ...


def request(profile: Profile, bundle: Bundle, out: Path, **changes: Any) -> ScanRequest:
    asked: dict[str, Any] = {"seed": 1, "slide": None, "region": REGION, "method": "two-shot"}
    return ScanRequest(profile, bundle, out, **{**asked, "calibration": False, "compare_sweep": False, **changes})


def scan(profile: Profile, bundle: Bundle, out: Path, disk: LocalDisk | None = None) -> ScanResult:
    return run_scan(request(profile, bundle, out), CancelToken(), quiet, opener(disk))


def resume(out: Path, asked: dict[str, Any] | None = None, by: Opener | None = None) -> ScanResult:
    return resume_scan(out, CancelToken(), quiet, by or opener(), asked or {})


def fields(out: Path) -> list[dict[str, Any]]:
    return read_journal(out / "journal").of("field")


def contents(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def whole(profile: Profile, bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The uninterrupted scan that all others are compared with."""
    out = tmp_path_factory.mktemp("scans") / "whole"
    assert scan(profile, bundle, out).stopped is None
    assert len(fields(out)) >= 9
    return out


def assert_like(out: Path, whole: Path) -> None:
    """Each field once, the same tiles, the same slide."""
    assert Counter((each["row"], each["col"]) for each in fields(out)) == Counter(
        (each["row"], each["col"]) for each in fields(whole)
    )
    assert [each["checksum"] for each in fields(out)] == [each["checksum"] for each in fields(whole)]
    assert (out / "slide.tiff").read_bytes() == (whole / "slide.tiff").read_bytes()
    assert sorted(path.name for path in (out / "tiles").iterdir()) == sorted(
        path.name for path in (whole / "tiles").iterdir()
    )


@pytest.mark.parametrize(("tiles", "one_more"), [(0, True), (1, False), (6, True)])
def test_a_scan_that_was_cut_goes_on_and_ends_as_if_it_had_not_been(
    profile: Profile, bundle: Bundle, whole: Path, tmp_path: Path, tiles: int, one_more: bool
) -> None:
    out = tmp_path / "cut"
    try:
        stopped = scan(profile, bundle, out, DyingDisk(tiles, one_more)).stopped
    except HardwareError as error:
        stopped = error
    assert "Input/output error" in str(stopped)
    assert len(fields(out)) == tiles
    assert len(list((out / "tiles").iterdir())) == tiles + one_more
    assert resume(out).stopped is None
    assert_like(out, whole)


@pytest.fixture
def cut(profile: Profile, bundle: Bundle, tmp_path: Path, whole: Path) -> Path:
    """A copy of the whole scan as a power cut after five fields would have left it."""
    out = tmp_path / "scan"
    (out / "tiles").mkdir(parents=True)
    lines = (whole / "journal").read_bytes().splitlines(keepends=True)
    fifth = [at for at, line in enumerate(lines) if b'"event": "field"' in line][4]
    kept = lines[: fifth + 1]
    (out / "journal").write_bytes(b"".join(kept))
    for each in fields(out):
        (out / each["tile"]).write_bytes((whole / each["tile"]).read_bytes())
    assert len(fields(out)) == 5
    return out


@pytest.mark.parametrize("torn", [b"5", b'4f2c11aa {"event": "fie', b"\0" * 700, b"no line at all\n\n\xff\n"])
def test_a_torn_last_line_is_normal(cut: Path, whole: Path, torn: bytes) -> None:
    with (cut / "journal").open("ab") as journal:
        journal.write(torn)
    (cut / "tiles" / ".r009_c000.jpg.part").write_bytes(b"half a ti")
    resume(cut)
    assert_like(cut, whole)


def test_a_line_damaged_before_the_last_one_is_refused(cut: Path) -> None:
    journal = cut / "journal"
    journal.write_bytes(journal.read_bytes().replace(b'"col": 0', b'"col": 1', 1))
    before = contents(cut)
    with pytest.raises(UsageError, match="line 3 is damaged, and whole ones follow"):
        resume(cut)
    assert contents(cut) == before


@pytest.mark.parametrize("damage", ["missing", "short", "changed"])
def test_a_tile_that_is_not_as_it_was_written_is_scanned_again(cut: Path, whole: Path, damage: str) -> None:
    victim = cut / fields(cut)[2]["tile"]
    content = victim.read_bytes()
    others = {name: file for name, file in contents(cut / "tiles").items() if name != victim.name}
    if damage == "missing":
        victim.unlink()
    else:
        victim.write_bytes(content[:500] if damage == "short" else content[:-2] + b"??")
    resume(cut)
    now = contents(cut / "tiles")
    assert others.items() <= now.items()
    assert len(now) == len(fields(whole))
    again = fields(cut)[5]
    assert again["tile"] == f"tiles/{victim.stem}_2.jpg"
    assert again["checksum"] == f"{zlib.crc32(now[Path(again['tile']).name]):08x}"
    assert victim.name not in now
    assert abs(again["true_error_um"]) < 0.49


def test_a_tile_that_no_line_names_is_taken_again(cut: Path, whole: Path) -> None:
    """The power was cut between the tile and its line."""
    later = fields(whole)[5]["tile"]
    (cut / later).write_bytes(b"from before the cut")
    resume(cut)
    assert_like(cut, whole)


def test_a_complete_scan_only_gets_its_slide_again(whole: Path, tmp_path: Path) -> None:
    slide = (whole / "slide.tiff").read_bytes()
    (whole / "slide.tiff").unlink()

    def never(*_: object) -> Scanner:
        raise AssertionError("the scanner is not needed")

    resume_scan(whole, CancelToken(), quiet, never)
    assert (whole / "slide.tiff").read_bytes() == slide


def test_an_unfinished_scan_can_be_assembled_and_still_be_continued(cut: Path, whole: Path) -> None:
    result = assemble_folder(cut, quiet)
    assert result.summary.fields == 5
    assert f"5 of {len(fields(whole))} fields; interrupted" in (cut / "report.html").read_text()
    resume(cut)
    assert_like(cut, whole)


def test_a_zero_that_has_moved_is_found_and_made_up_for(cut: Path, whole: Path) -> None:
    """The slide was touched, or a switch closes elsewhere: by several fields' overlap it would show as a seam."""
    resume(cut, by=opener(moved_um=(21.0, -13.0, 0.0)))
    moved = read_journal(cut / "journal").of("moved")
    assert len(moved) == 1
    assert moved[0]["x_um"] == pytest.approx(-21.0, abs=0.7)
    assert moved[0]["y_um"] == pytest.approx(13.0, abs=0.7)
    assert [(each["row"], each["col"]) for each in fields(cut)] == [(e["row"], e["col"]) for e in fields(whole)]


def test_a_height_that_has_moved_is_made_up_for_once(cut: Path) -> None:
    """A second interruption finds the zero where the first one left it."""
    by = (0.0, 0.0, -6.0)
    resume(cut, by=opener(DyingDisk(2, False), moved_um=by))
    resume(cut, by=opener(moved_um=by))
    moved = read_journal(cut / "journal").of("moved")
    assert [round(each["z_um"]) for each in moved] == [6]
    heights = [each["z_um"] for each in fields(cut)]
    assert max(heights) - min(heights) < 3, "all as of the first homing"
    assert all(abs(each["true_error_um"]) < 0.98 for each in fields(cut)[:5])


def test_another_slide_is_refused_and_nothing_is_lost(cut: Path) -> None:
    before = {name: content for name, content in contents(cut).items() if name != "journal"}
    with pytest.raises(HardwareError, match="does not look as it did"):
        resume(cut, by=opener(seed=2))
    assert {name: content for name, content in contents(cut).items() if name != "journal"} == before
    assert len(fields(cut)) == 5


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"seed": 2}, "seed was 1, is 2"),
        ({"method": "sweep"}, "method was two-shot, is sweep"),
        ({"region": [0.0, 0.0, 1.0, 1.0]}, "region was"),
        ({"bundle": "0" * 64}, "bundle was"),
    ],
)
def test_other_settings_than_those_it_was_begun_with_are_refused(cut: Path, asked: dict[str, Any], words: str) -> None:
    before = contents(cut)
    with pytest.raises(UsageError, match=words):
        resume(cut, asked)
    assert contents(cut) == before


def test_another_profile_is_refused_by_the_key_that_changed(cut: Path, profile: Profile) -> None:
    other = profile.model_dump(mode="json")
    other["axes"]["x"]["steps_per_um"] = 3.3
    with pytest.raises(UsageError, match=r"profile\.axes\.x\.steps_per_um was 3\.2, is 3\.3"):
        resume(cut, {"profile": other})


@pytest.mark.parametrize("journal", [None, b"", b"12", b"something else\n"])
def test_a_folder_without_a_begun_scan_is_one_line(tmp_path: Path, journal: bytes | None) -> None:
    if journal is not None:
        (tmp_path / "journal").write_bytes(journal)
    with pytest.raises(UsageError, match=r"cannot be read|before it had begun"):
        resume(tmp_path)


def test_two_scans_do_not_write_one_folder(cut: Path) -> None:
    def meanwhile(*_: object) -> Scanner:
        with pytest.raises(UsageError, match="a scan is writing it"):
            resume(cut)
        raise HardwareError("seen")

    with pytest.raises(HardwareError, match="seen"):
        resume(cut, by=meanwhile)


def test_a_journal_of_another_schema_is_refused(cut: Path) -> None:
    first, rest = (cut / "journal").read_bytes().split(b"\n", 1)
    entry = json.dumps({**json.loads(first.split(b" ", 1)[1]), "schema": 1}).encode()
    (cut / "journal").write_bytes(b"%08x %b\n%b" % (zlib.crc32(entry), entry, rest))
    with pytest.raises(UsageError, match="of schema 1, this software reads 3"):
        resume(cut)


@pytest.mark.parametrize(
    ("lines", "last", "goes_on"),
    [
        (1, None, False),
        (2, None, True),
        (4, None, True),
        (4, ("stopped", {"reason": "axis x: its limit switch did not close", "board": ""}), True),
        (4, ("stopped", {"reason": "on request", "board": ""}), False),
        (4, ("end", {"board": ""}), False),
    ],
)
def test_of_many_scans_the_last_one_is_gone_on_with_unless_it_was_done(
    whole: Path, tmp_path: Path, lines: int, last: tuple[str, dict[str, str]] | None, goes_on: bool
) -> None:
    """One that had not found its fields has nothing to lose, and one that was stopped on request was given up."""
    for name in ("20260101T000000Z", "named-by-hand"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "journal").write_bytes((whole / "journal").read_bytes()[:40])
    folder = ScanFolder.new(tmp_path / "20260102T000000Z")
    kept = (whole / "journal").read_bytes().splitlines(keepends=True)[:lines]
    folder.release()
    (folder.path / "journal").write_bytes(b"".join(kept))
    if last is not None:
        again = ScanFolder.continued(folder.path)
        again.log(last[0], **last[1])
        again.release()
    assert unfinished_in(tmp_path) == (folder.path if goes_on else None)


def test_a_service_goes_on_with_the_scan_that_was_cut_and_then_begins_another(cut: Path, whole: Path) -> None:
    scans = cut.parent / "scans"
    scans.mkdir()
    cut.rename(scans / "20260101T000000Z")
    done = CliRunner().invoke(app, ["scan", "--into", str(scans), "--no-control"])
    assert done.exit_code == 0, done.output
    assert "goes on with" in done.stderr
    assert_like(scans / "20260101T000000Z", whole)
    next_one = CliRunner().invoke(app, ["scan", "--into", str(scans)])
    assert "--profile is missing" in str(next_one.exception)


@pytest.mark.parametrize("arguments", [["--into", "scans", "--out", "one"], ["--into", "scans", "--resume"], []])
def test_where_to_scan_is_said_once(arguments: list[str]) -> None:
    done = CliRunner().invoke(app, ["scan", "--profile", "emulated", *arguments])
    assert isinstance(done.exception, UsageError)
    assert "--out" in str(done.exception)
