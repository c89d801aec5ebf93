"""What many tiles have in common is the scanner's or the slide's own, and is not held against any of them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_host.incidents import Incident
from firmware_host.quality.memory import Memory
from firmware_host.quality.seams import Seam, borders_of
from firmware_host.quality.verdict import Quality
from firmware_host.scan.plan import Site

BORDERS = borders_of(np.full((64, 64), 9, np.uint8), 0.1)


def test_what_all_seams_have_in_common_is_usual() -> None:
    """A pixel pitch that is two per cent wrong moves each field by 18 px, and left-over shading dims each edge."""
    memory = Memory()
    usual = []
    for at in range(5):
        usual.append(memory.usual("across"))
        memory.add_seam("across", Seam(18.0 + 0.1 * at, -1.0, 0.95, 0.97))
    assert [seam.right_px for seam in usual] == [0, 0, 0, pytest.approx(18.1), pytest.approx(18.15)]
    assert [seam.brightness for seam in usual] == [1, 1, 1, 0.97, 0.97]
    assert memory.usual("down") == Seam(0.0, 0.0, None, 1.0)


def test_one_slip_is_not_usual() -> None:
    memory = Memory()
    for right_px in (0.1, -0.2, 80.0, 0.2, 0.0):
        memory.add_seam("down", Seam(right_px, 0.0, 0.95, 1.0))
    assert memory.usual("down").right_px == 0.1


def test_empty_glass_tells_nothing_of_places() -> None:
    memory = Memory()
    for _ in range(3):
        memory.add_seam("down", Seam(18.0, 0.0, 0.95, 1.0))
    for _ in range(9):
        memory.add_seam("down", Seam(0.0, 0.0, None, 0.99))
    assert (memory.usual("down").right_px, memory.usual("down").brightness) == (18.0, 0.99)


@pytest.mark.parametrize(
    ("told", "steepness"),
    [([0.7, 0.7, 0.7], None), ([0.7, 0.72, 0.68, 0.7], 0.7), ([0.7, 0.7, 0.7, 1.4, 0.7], 0.7)],
    ids=["too few", "a stopped down condenser", "one is out of focus"],
)
def test_how_quickly_detail_fades_is_learnt_of_most_tiles(told: list[float], steepness: float | None) -> None:
    memory = Memory()
    for each in told:
        memory.add_steepness(each)
    assert memory.steepness == (None if steepness is None else pytest.approx(steepness))


def test_a_frame_is_a_repetition_only_elsewhere() -> None:
    memory = Memory()
    here, there = Site(0, 0, 0, 0), Site(0, 1, 230, 0)
    assert not memory.repeats(7, here, 300.0)
    assert not memory.repeats(7, here, 300.0)
    assert memory.repeats(7, here, 302.0)
    assert memory.repeats(7, there, 300.0)
    assert not memory.repeats(8, there, 300.0)


@given(st.floats(-0.02, 0.02), st.floats(-0.02, 0.02), st.sampled_from([(1, 1), (1, 3), (1, 5)]), st.integers(0, 4))
def test_on_a_tilted_slide_the_next_height_is_known(right: float, down: float, at: tuple[int, int], away: int) -> None:
    """To the nanometre, from whichever good tile of the row is the nearest."""
    memory = Memory()

    def z_um(place: Site) -> float:
        return 100 + right * place.x_um + down * place.y_um

    for row, col in itertools.product(range(2), range(10)):
        place = Site(row, col, 300.0 * col, 200.0 * row)
        beside = row == 0 or abs(col - at[1]) == away
        if beside and (row, col) != at:
            memory.keep(place, Quality(None, None, None, None, None, z_um(place)), BORDERS)
    place = Site(*at, 300.0 * at[1], 200.0 * at[0])
    expected = memory.height_near(place)
    assert expected == (None if away == 0 else pytest.approx(z_um(place), abs=1e-6))


def test_a_tile_that_is_not_good_tells_no_height() -> None:
    memory = Memory()
    for row, col in ((0, 0), (0, 1), (1, 0)):
        memory.keep(Site(row, col, col, row), Quality(None, None, None, None, None, 5.0), BORDERS)
    assert memory.height_near(Site(1, 1, 1, 1)) == 5.0
    memory.blame((0, 1), Incident("tile blurred", "shown by the next"))
    assert memory.height_near(Site(1, 1, 1, 1)) is None


def test_a_picture_that_is_sharper_on_one_side_is_usual() -> None:
    memory = Memory()
    for at in range(5):
        memory.add_seam("across", Seam(0.0, 0.0, 0.95, 1.0, 0.2 + 0.01 * at))
    assert memory.usual("across").sharpness == pytest.approx(0.22)
    assert Seam(0, 0, 0.9, 1.0, 0.25).less(memory.usual("across")).sharpness == pytest.approx(0.03)


def test_a_tile_of_the_row_above_that_is_taken_again_finds_its_neighbours() -> None:
    """When the row after the next has begun; and once that one goes on, only figures are kept of it."""
    memory = Memory()

    def keep(row: int, col: int) -> None:
        memory.keep(Site(row, col, col, row), Quality(None, None, None, None, None, 5.0), BORDERS)

    for row, col in itertools.product(range(5), range(3)):
        keep(row, col)
    for place in ((5, 0), (3, 1), (5, 0)):
        keep(*place)
        beside = {(tile.place.row, tile.place.col) for _, _, tile in memory.neighbours(Site(3, 1, 1, 3))}
        assert beside == {(3, 0), (3, 2), (4, 1)}
    keep(5, 1)
    assert {tile.place.row for _, _, tile in memory.neighbours(Site(3, 1, 1, 3))} == {4}
    assert memory.nbytes == (3 + 2) * BORDERS.nbytes
    assert memory.height_near(Site(5, 2, 2, 5)) == 5.0
    assert memory.neighbours(Site(0, 1, 1, 0)) == [], "of older rows nothing is kept"
