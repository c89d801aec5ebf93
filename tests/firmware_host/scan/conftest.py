"""For scans of a few fields."""

from __future__ import annotations

import pytest

from firmware_host.bundle import Bundle, find_bundle, read_bundle
from firmware_host.profile import Profile
from firmware_host.trust import trusted_keys


@pytest.fixture(scope="module")
def bundle(emulated: Profile) -> Bundle:
    return read_bundle(find_bundle(emulated.bundle), trusted_keys())


@pytest.fixture(scope="module")
def profile(emulated: Profile) -> Profile:
    """A small camera, short ways; a place looks the same whenever it is looked at."""
    assert emulated.twin is not None
    starts = {"x": -190.0, "y": -185.0, "z": -35.0}
    axes = {
        name: getattr(emulated.twin, name).model_copy(update={"start_um": start, "ring_um": 0.0})
        for name, start in starts.items()
    }
    return emulated.model_copy(
        update={
            "camera": emulated.camera.model_copy(update={"width_px": 512, "height_px": 384}),
            "twin": emulated.twin.model_copy(update={**axes, "repeatable": True}),
        }
    )
