"""What many tiles have in common is the scanner's or the slide's own, and is not held against any of them."""

from __future__ import annotations

import pytest

from firmware_host.quality.memory import Memory
from firmware_host.quality.seams import Seam
from firmware_host.scan.plan import Site


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
