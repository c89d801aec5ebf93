"""How the camera lies to the stage: what is measured is what the mosaic then uses."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_host.calibrate.scale import pose_of
from firmware_host.profile import load_profile
from firmware_host.profile_tables import turned
from firmware_host.scan.plan import corners_px

CAMERA = load_profile("emulated").camera


@given(st.floats(-179.9, 179.9), st.booleans(), st.floats(0.1, 4), st.floats(0.1, 4))
def test_the_camera_table_and_the_measurement_mean_the_same(
    rotation_deg: float, mirrored: bool, x_um: float, y_um: float
) -> None:
    camera = CAMERA.model_copy(update={"rotation_deg": rotation_deg, "mirrored": mirrored})
    pose = pose_of(np.array(camera.view_px(x_um, 0)), np.array(camera.view_px(0, y_um)))
    assert pose.rotation_deg == pytest.approx(rotation_deg, abs=1e-6)
    assert pose.mirrored == mirrored
    assert pose.square_deg == pytest.approx(90)


@given(st.floats(-170, 170), st.booleans(), st.floats(-4, 4))
def test_axes_that_are_not_square_share_the_rotation(rotation_deg: float, mirrored: bool, lean_deg: float) -> None:
    """y leans away from x by `lean_deg`; the rotation lies in the middle of what the two axes say."""
    camera = CAMERA.model_copy(update={"rotation_deg": rotation_deg, "mirrored": mirrored})
    y = turned(0, 1, lean_deg)
    pose = pose_of(np.array(camera.view_px(1, 0)), np.array(camera.view_px(*y)))
    assert pose.square_deg == pytest.approx(90 + lean_deg)
    assert pose.mirrored == mirrored
    off = (pose.rotation_deg - rotation_deg + 180) % 360 - 180
    assert abs(off) == pytest.approx(abs(lean_deg) / 2, abs=1e-6)


def test_an_upright_camera_lays_fields_by_their_places_alone() -> None:
    """As before there was a rotation, to the pixel."""
    places = [(100.0, 50.0), (330.4, 50.0), (100.0, 222.9), (330.4, 222.9)]
    assert corners_px(places, CAMERA) == [(0, 0), (922, 0), (0, 692), (922, 692)]


@given(st.floats(-180, 180), st.booleans(), st.lists(st.tuples(st.floats(0, 5e3), st.floats(0, 5e3)), min_size=1))
def test_fields_keep_their_distances_however_the_camera_lies(
    rotation_deg: float, mirrored: bool, places: list[tuple[float, float]]
) -> None:
    camera = CAMERA.model_copy(update={"rotation_deg": rotation_deg, "mirrored": mirrored})
    corners = corners_px(places, camera)
    assert min(x for x, _ in corners) == min(y for _, y in corners) == 0
    for place, corner in zip(places, corners, strict=True):
        apart_px = math.dist(place, places[0]) / camera.pixel_um
        assert math.dist(corner, corners[0]) == pytest.approx(apart_px, abs=1.5)
