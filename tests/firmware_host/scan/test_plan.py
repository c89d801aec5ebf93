from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_host.errors import UsageError
from firmware_host.scan.plan import Region, grid_sites, parse_region, serpentine, sites_near

FIELD = (256.0, 192.0)
REGIONS = st.builds(
    lambda x, y, w, h: Region(x, y, x + w, y + h),
    st.floats(-5000, 5000),
    st.floats(-5000, 5000),
    st.floats(1, 4000),
    st.floats(1, 4000),
)


@given(REGIONS, st.floats(0, 0.5))
def test_the_fields_cover_the_region_and_overlap_as_asked(region: Region, overlap: float) -> None:
    pitch = (FIELD[0] * (1 - overlap), FIELD[1] * (1 - overlap))
    rows = grid_sites(region, pitch, FIELD)
    x, y = [site.x_um for site in rows[0]], [row[0].y_um for row in rows]
    for middle, size, step, low, high in (
        (x, FIELD[0], pitch[0], region.x0_um, region.x1_um),
        (y, FIELD[1], pitch[1], region.y0_um, region.y1_um),
    ):
        assert middle[0] - size / 2 <= low + 1e-6
        assert middle[-1] + size / 2 >= high - 1e-6
        assert np.allclose(np.diff(middle), step)
        assert (len(middle) - 1) * step < high - low + 1e-6, "more fields than are needed"


@given(REGIONS)
def test_the_path_goes_to_a_neighbour_each_time(region: Region) -> None:
    path = serpentine(grid_sites(region, FIELD, FIELD))
    assert len({(site.row, site.col) for site in path}) == len(path)
    for here, there in itertools.pairwise(path):
        assert abs(here.row - there.row) + abs(here.col - there.col) == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1,2,3", "four numbers"),
        ("1,2,3,x", "four numbers"),
        ("1,2,1,3", "greater"),
        ("1,2,3,2", "greater"),
        ("0,0,inf,1", "greater"),
        ("0,0,nan,1", "greater"),
        ("", "four numbers"),
    ],
)
def test_a_region_that_is_none_is_told(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        parse_region(text)


def test_a_region_is_given_in_mm() -> None:
    assert parse_region(" 1.5, 2,3 ,4.25") == Region(1500, 2000, 3000, 4250)


def test_only_fields_near_tissue_are_kept() -> None:
    region = Region(0, 0, 2048, 1536)
    coarse_pitch = (512.0, 384.0)
    coarse = grid_sites(region, coarse_pitch, coarse_pitch)
    mask = np.zeros((4, 4), bool)
    mask[1, 2] = True
    fine = grid_sites(region, FIELD, FIELD)
    own = serpentine(sites_near(fine, coarse, mask, (384.0, 288.0)))
    assert {(site.row, site.col) for site in own} == {(2, 4), (2, 5), (3, 4), (3, 5)}
    around = serpentine(sites_near(fine, coarse, mask, (512.0, 384.0)))
    assert {(site.row, site.col) for site in around} == {(row, col) for row in (1, 2, 3, 4) for col in (3, 4, 5, 6)}


def test_no_tissue_no_fields() -> None:
    coarse = grid_sites(Region(0, 0, 900, 900), (450.0, 450.0), (450.0, 450.0))
    assert serpentine(sites_near(coarse, coarse, np.zeros((2, 2), bool), FIELD)) == []
