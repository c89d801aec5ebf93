from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_host.focus.surface import FocusSurface

SLOPE = st.floats(-0.003, 0.003)


def surface(points: list[tuple[float, float, float]]) -> FocusSurface:
    made = FocusSurface(600.0)
    for point in points:
        made.add(*point)
    return made


def test_nothing_known_nothing_predicted() -> None:
    assert FocusSurface(600.0).predict(0, 0) is None


def test_one_point_is_predicted_everywhere() -> None:
    assert surface([(0, 0, 42.0)]).predict(230, 170) == pytest.approx(42.0)


@given(a=SLOPE, b=SLOPE, z=st.floats(-500, 500))
def test_a_tilted_slide_is_followed(a: float, b: float, z: float) -> None:
    """Two rows of fields, then the next one: to a tenth of a step of the slope."""
    points = [(x, y, z + a * x + b * y) for y in (0.0, 173.0) for x in np.arange(0, 1400, 230.0)]
    predicted = surface(points).predict(690.0, 346.0)
    assert predicted == pytest.approx(z + a * 690 + b * 346, abs=0.12)


def test_one_field_that_went_wrong_does_not_mislead_the_next() -> None:
    points = [(x, y, 100.0) for y in (0.0, 173.0) for x in np.arange(0, 1400, 230.0)]
    points[8] = (*points[8][:2], 130.0)
    assert surface(points).predict(690.0, 346.0) == pytest.approx(100.0, abs=0.05)


def test_the_near_count_more_than_the_far() -> None:
    bump = [(x, 0.0, 3 * np.sin(x / 1500)) for x in np.arange(0, 4000, 230.0)]
    assert surface(bump).predict(4140.0, 0.0) == pytest.approx(3 * np.sin(4140 / 1500), abs=0.3)


def test_of_thousands_of_points_only_the_nearest_count() -> None:
    """A row of fields far away changes nothing, and neither does how many there are."""
    near, far = FocusSurface(500), FocusSurface(500)
    for made in (near, far):
        for number in range(16):
            made.add(number % 4 * 230.0, number // 4 * 173.0, 300 + 0.01 * number)
    for column in range(3000):
        far.add(column * 230.0, 90_000.0, 900.0)
    assert far.predict(345, 300) == pytest.approx(near.predict(345, 300), abs=1e-9)
