from __future__ import annotations

import pytest

from firmware_host.optics import Objective


@pytest.mark.parametrize(("na", "half_dof_um"), [(0.40, 1.72), (0.65, 0.65), (0.75, 0.49), (0.95, 0.30)])
def test_half_depth_of_field_at_550_nm(na: float, half_dof_um: float) -> None:
    """The design's table of objectives."""
    assert Objective(na).depth_of_field_um / 2 == pytest.approx(half_dof_um, abs=0.006)


def test_immersion_deepens_the_field() -> None:
    assert Objective(1.3, 0.55, 1.515).depth_of_field_um == pytest.approx(0.55 * 1.515 / 1.69)
