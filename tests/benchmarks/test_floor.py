"""The physical floor, by hand."""

from __future__ import annotations

from typing import Literal

import pytest

from benchmarks.floor import floor_ms
from firmware_host.profile import Profile


@pytest.mark.parametrize(
    ("shutter", "captures", "expected_ms"),
    [
        ("global", 2, 150 + 60 + 25 + 2 * 8),
        ("global", 3, 150 + 60 + 2 * 25 + 3 * 8),
        ("rolling", 2, 150 + 60 + 25 + 2 * 28),
    ],
)
def test_moves_settling_and_light(
    emulated: Profile, shutter: Literal["global", "rolling"], captures: int, expected_ms: float
) -> None:
    camera = emulated.camera.model_copy(update={"shutter": shutter})
    profile = emulated.model_copy(update={"camera": camera})
    assert floor_ms(profile, 150, captures) == expected_ms
