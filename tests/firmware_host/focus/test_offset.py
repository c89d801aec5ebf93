"""The offset between the network's focus and the sharpest plane: taken when fields agree, left alone when not."""

from __future__ import annotations

import pytest

from firmware_host.focus.offset import measure_offset

DOF_UM = 1.0


def places(count: int = 100) -> list[tuple[float, float]]:
    return [(float(number), 0.0) for number in range(count)]


def measured(values: list[float | None], sites: int = 100) -> tuple[float, int, str, int]:
    """(um, fields, note, places visited)."""
    visited = []

    def compare(x_um: float, y_um: float) -> float | None:
        visited.append((x_um, y_um))
        return values[len(visited) - 1]

    offset = measure_offset(places(sites), compare, DOF_UM)
    return offset.um, offset.fields, offset.note, len(visited)


@pytest.mark.parametrize(
    ("values", "um", "visited"),
    [
        ([0.2] * 6, 0.2, 6),
        ([-0.3, -0.2, -0.1, -0.2, -0.2, 5.0], -0.2, 6),  # one wild field does not move it
        ([None, 0.1, None, 0.2, 0.3, None, 0.1, 0.2, 0.3], 0.2, 9),  # fields without an answer are replaced
    ],
)
def test_the_offset_is_the_median_of_six_fields(values: list[float | None], um: float, visited: int) -> None:
    assert measured(values) == (pytest.approx(um), 6, "", visited)


@pytest.mark.parametrize(
    ("values", "sites", "note"),
    [
        ([], 0, "measured at 0 fields only"),
        ([0.1, 0.1], 2, "measured at 2 fields only"),
        ([None] * 12, 100, "measured at 0 fields only"),  # gives up after twelve places
        ([-0.9, 0.9, -0.5, 0.5, 0.1, -0.1], 100, "6 fields disagree by"),
        ([1.2] * 6, 100, r"+1.20 um is not likely"),
    ],
)
def test_what_cannot_be_trusted_is_not_used_and_told(values: list[float | None], sites: int, note: str) -> None:
    um, _, told, visited = measured(values, sites)
    assert um == 0
    assert told.startswith(note)
    assert visited == len(values)


def test_a_few_fields_are_enough() -> None:
    assert measured([0.1, 0.2, 0.3], sites=3) == (pytest.approx(0.2), 3, "", 3)
