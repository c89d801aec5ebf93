"""Room on the disk: what a scan needs, what is said before it begins, and the pause below the floor."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_host.cancel import CancelToken
from firmware_host.clock import VirtualClock
from firmware_host.disk import LocalDisk
from firmware_host.errors import Cancelled, HardwareError, UsageError
from firmware_host.health.disk import least_need_of_fields, need_of_fields, scan_bytes, slide_pixels_of
from firmware_host.health.room import Room
from firmware_host.incidents import Incident
from firmware_host.profile import load_profile

MB = 10**6
FLOOR = 500 * MB
FOLDER = Path("/scans/slide-17")
PROFILE = load_profile("emulated")


def grid(columns: int, rows: int) -> list[tuple[float, float]]:
    pitch_x_um, pitch_y_um = (field * (1 - PROFILE.scan.overlap) for field in PROFILE.field_um)
    return [(1000 + column * pitch_x_um, 1000 + row * pitch_y_um) for row in range(rows) for column in range(columns)]


class SmallDisk(LocalDisk):
    """A disk whose free room follows a function of the clock's seconds."""

    def __init__(self, clock: VirtualClock, free: Callable[[float], float]) -> None:
        self._clock, self._free = clock, free

    def free_bytes(self, folder: Path) -> int:
        assert folder == FOLDER
        return round(self._free(self._clock.now_ns() * 1e-9))


class Rig:
    """The watch over a small disk, and what it said."""

    def __init__(self, free: Callable[[float], float], pause_s: float = 900) -> None:
        self.clock, self.cancel, self.noted = VirtualClock(), CancelToken(), list[Incident]()
        health = PROFILE.health.model_copy(update={"pause_s": pause_s})
        profile = PROFILE.model_copy(update={"health": health})
        disk = SmallDisk(self.clock, free)
        self.room = Room(profile, disk, FOLDER, self.clock, self.cancel, self.noted.append)
        self.beats_s: list[float] = []

    def hold(self) -> None:
        self.room.hold(lambda: self.beats_s.append(self.clock.now_ns() * 1e-9))


def test_while_there_is_room_nothing_is_said_and_no_time_passes() -> None:
    rig = Rig(lambda _: FLOOR)
    rig.hold()
    assert (rig.noted, rig.beats_s, rig.clock.now_ns()) == ([], [], 0)
    assert rig.room.free == FLOOR


def test_below_the_floor_it_pauses_and_goes_on_by_itself() -> None:
    """Ten MB are freed each second: at 490 MB it pauses, and 625 MB are asked for."""
    rig = Rig(lambda s: 490 * MB + 10 * MB * s)
    rig.hold()
    assert rig.clock.booked_ns()["wait"] == 14e9
    assert rig.beats_s == pytest.approx(range(15))
    assert [incident.cause for incident in rig.noted] == ["disk nearly full"]
    assert "the scan pauses: 490 MB free at /scans/slide-17, floor 500 MB; make room" in rig.noted[0].text
    rig.hold()
    assert len(rig.noted) == 1


def test_without_room_in_time_it_stops_and_says_how_to_go_on() -> None:
    rig = Rig(lambda _: 100 * MB, pause_s=60)
    with pytest.raises(
        HardwareError, match=r"100 MB free .* for 60 s; .* wsi-host scan --out /scans/slide-17 --resume"
    ):
        rig.hold()
    assert rig.clock.now_ns() == 60e9


def test_a_request_to_stop_ends_the_pause() -> None:
    rig = Rig(lambda _: 0)
    rig.clock.at(round(7.45e9), lambda: rig.cancel.request("Ctrl-C"))
    with pytest.raises(Cancelled, match="Ctrl-C"):
        rig.hold()
    assert rig.clock.now_ns() == pytest.approx(7.45e9, abs=0.11e9)


def test_a_disk_that_is_gone_is_one_clear_line() -> None:
    def gone(_: float) -> float:
        raise OSError(5, "Input/output error")

    rig = Rig(gone)
    for look in (rig.hold, lambda: rig.room.expect(grid(3, 3))):
        with pytest.raises(HardwareError, match="disk: /scans/slide-17 does not answer: Input/output error; check"):
            look()


def test_a_scan_that_cannot_fit_is_refused_with_figures() -> None:
    places = grid(20, 20)
    least = least_need_of_fields(PROFILE, 400, slide_pixels_of(PROFILE, places)).total
    Rig(lambda _: least).room.expect(places)
    with pytest.raises(UsageError, match=r"disk: 2\d\d MB free .* 400 fields need at least 2\d\d MB \(.* for tiles, "):
        Rig(lambda _: least - 1).room.expect(places)
    Rig(lambda _: 0).room.expect([])


def test_a_scan_that_may_not_fit_is_told_of_once_before_it_begins() -> None:
    places = grid(20, 20)
    need = need_of_fields(PROFILE, 400, slide_pixels_of(PROFILE, places)).total
    enough = Rig(lambda _: need + FLOOR)
    enough.room.expect(places)
    assert enough.noted == []
    tight = Rig(lambda _: need + FLOOR - MB)
    tight.room.expect(places)
    tight.hold()
    assert [incident.cause for incident in tight.noted] == ["disk nearly full"]
    assert "the rest of the scan may need" in tight.noted[0].text


@pytest.mark.parametrize(("tile_mb", "told"), [(0.26, 0), (1.2, 1)])
def test_the_tiles_that_were_written_tell_how_large_the_others_will_be(tile_mb: float, told: int) -> None:
    """The first estimate is 0.36 MB a tile; tiles of real tissue turn out smaller, or larger."""
    places = grid(20, 20)
    first = need_of_fields(PROFILE, 400, slide_pixels_of(PROFILE, places)).total
    rig = Rig(lambda _: first + FLOOR)
    rig.room.expect(places)
    for _ in range(20):
        rig.room.wrote(round(tile_mb * MB))
    rig.hold()
    assert len(rig.noted) == told


@given(columns=st.integers(1, 30), rows=st.integers(1, 30), done=st.integers(0, 900))
def test_what_is_done_is_needed_no_more_and_the_least_is_less(columns: int, rows: int, done: int) -> None:
    fields = columns * rows
    done = min(done, fields)
    pixels = slide_pixels_of(PROFILE, grid(columns, rows))
    whole, rest = need_of_fields(PROFILE, fields, pixels), need_of_fields(PROFILE, fields, pixels, done)
    assert rest.tiles <= whole.tiles
    assert (rest.slide, rest.scratch) == (whole.slide, whole.scratch)
    assert need_of_fields(PROFILE, fields, pixels, fields).tiles == 0
    assert least_need_of_fields(PROFILE, fields, pixels, done).total < rest.total


def test_the_slide_is_as_large_as_the_rectangle_around_its_fields() -> None:
    height, width = PROFILE.camera.height_px, PROFILE.camera.width_px
    assert slide_pixels_of(PROFILE, [(50.0, 60.0)]) == height * width
    camera = PROFILE.camera
    corners = [(0.0, 0.0), (1000 * camera.pixel_um, 500 * camera.pixel_um)]
    assert slide_pixels_of(PROFILE, corners) == pytest.approx((width + 1000) * (height + 500))
    turned = PROFILE.model_copy(update={"camera": camera.model_copy(update={"rotation_deg": 90.0})})
    assert slide_pixels_of(turned, corners) == pytest.approx((width + 500) * (height + 1000))


def test_an_area_needs_as_much_as_the_fields_on_it() -> None:
    places = grid(10, 10)
    width_um, height_um = (10 * field * (1 - PROFILE.scan.overlap) - 1 for field in PROFILE.field_um)
    need = need_of_fields(PROFILE, 100, slide_pixels_of(PROFILE, places)).total
    assert scan_bytes(PROFILE, width_um, height_um) == pytest.approx(need, rel=0.05)
