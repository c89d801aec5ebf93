"""A scan that goes on in another session can be held to one that was never interrupted: what it sees is the same."""

from __future__ import annotations

import numpy as np
import pytest
from small_twin import FOCUS_UM, MIDDLE, small_twin

from firmware_host.camera.port import Frame
from firmware_host.cancel import CancelToken
from firmware_host.hardware import Scanner, over_emulation
from firmware_host.profile import Profile
from firmware_host.twin.emulation import Emulation

FIELD = MIDDLE | {"z_um": FOCUS_UM}


def lit(profile: Profile) -> Scanner:
    scanner = over_emulation(profile, Emulation(profile, 1, None), CancelToken())
    scanner.stage.home()
    scanner.lamp.on()
    return scanner


def session(profile: Profile, *journey: dict[str, float]) -> Frame:
    """A frame of the field, after so many others on another way."""
    scanner = lit(profile)
    for place in journey:
        scanner.camera.expose(scanner.stage.move_to(**place), 1.0).read_out()
    return scanner.camera.expose(scanner.stage.move_to(**FIELD), 1.0).read_out()


JOURNEY = ({"x_um": 250.0, "y_um": 100.0, "z_um": 40.0}, FIELD | {"x_um": 50.0})


@pytest.mark.parametrize("last", [FIELD | {"x_um": 100.0}, FIELD | {"z_um": 40.0}], ids=["along x", "upwards"])
def test_a_repeatable_field_looks_the_same_in_another_session(last: dict[str, float]) -> None:
    """Whatever moved last, and trembles longest."""
    profile = small_twin(repeatable=True, target="grid")
    straight, later = session(profile), session(profile, *JOURNEY, last)
    assert later.sequence > straight.sequence
    np.testing.assert_array_equal(later.image, straight.image)


@pytest.mark.parametrize(
    "beside", [{"z_um": FOCUS_UM + 0.05}, {"x_um": 200.6}, {"y_um": 200.6}], ids=["a step higher", "right", "below"]
)
def test_another_place_has_its_own_noise(beside: dict[str, float]) -> None:
    """On empty glass: it is all that differs."""
    scanner = lit(small_twin(repeatable=True, target="grid", grid_um=1000.0))
    here, there = (
        scanner.camera.expose(scanner.stage.move_to(**place), 1.0).read_out() for place in (FIELD, FIELD | beside)
    )
    assert (here.image != there.image).mean() > 0.3


def test_frames_of_one_place_differ_unless_that_is_asked_for() -> None:
    assert (session(small_twin(target="grid")).image != session(small_twin(target="grid"), *JOURNEY).image).mean() > 0.3
