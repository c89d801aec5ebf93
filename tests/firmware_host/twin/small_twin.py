"""The shipped emulated scanner with a small camera and short ways, so that a test takes little time."""

from __future__ import annotations

from typing import Any

from firmware_host.profile import Profile, load_profile
from firmware_host.profile_tables import AXES

STARTS = {"x": -190.0, "y": -185.0, "z": -35.0}  # close to the switches: homing is short
MIDDLE = {"x_um": 200.0, "y_um": 200.0}  # in the tissue
FOCUS_UM = 60.0  # within some 20 um


def small_twin(**changes: Any) -> Profile:
    """:param changes: of its table [twin]."""
    shipped = load_profile("emulated")
    assert shipped.twin is not None
    axes = {name: getattr(shipped.twin, name).model_copy(update={"start_um": STARTS[name]}) for name in AXES}
    ways = {name: shipped.axes.of(name).model_copy(update={"soft_max_um": 400.0}) for name in AXES}
    return shipped.model_copy(
        update={
            "axes": shipped.axes.model_copy(update=ways),
            "camera": shipped.camera.model_copy(update={"width_px": 256, "height_px": 192}),
            "twin": shipped.twin.model_copy(update={"surface_z_um": 36.0, **axes, **changes}),
        }
    )
