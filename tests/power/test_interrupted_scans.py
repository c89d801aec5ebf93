"""A scan that is killed, or whose disk loses power, and gone on with, ends as if nothing had happened.

`wsi-bench run --suite kills` and `--suite cuts` do a thousand and two hundred; here a few.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from benchmarks.kills import cut, killed
from benchmarks.power.interrupted import SLIDES
from benchmarks.power.mounted import missing

KILLS, CUTS = 6, 3
TIMEOUT_S = 300


@pytest.fixture(scope="module")
def process() -> Iterator[ProcessPoolExecutor]:
    """One with a single thread, which forks: pytest's own has others."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        yield pool


def numbers(scans: int) -> list[int]:
    """Of scans of the slide with a fold: some of its fields are taken again."""
    return [SLIDES - 1 + SLIDES * number for number in range(scans)]


def test_killed_scans_end_as_if_nothing_had_happened(process: ProcessPoolExecutor) -> None:
    outcomes = process.submit(killed, numbers(KILLS)).result(TIMEOUT_S)
    assert [each for each in outcomes if not each.good] == []
    assert all(each.steps for each in outcomes)
    assert len(outcomes) == KILLS


@pytest.mark.skipif(missing() is not None, reason=f"power cuts: {missing()}")
def test_scans_whose_disk_loses_power_end_as_if_nothing_had_happened(process: ProcessPoolExecutor) -> None:
    outcomes = process.submit(cut, numbers(CUTS)).result(TIMEOUT_S)
    assert [each for each in outcomes if not each.good] == []
    assert sum(len(each.steps) for each in outcomes) >= CUTS - 1
    assert len(outcomes) == CUTS
