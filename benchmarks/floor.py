"""The least time that a field can take on a scanner: what its mechanics and its light ask for, and nothing else."""

from __future__ import annotations

from firmware_host.clock import Phase
from firmware_host.profile import Profile


def floor_ms(profile: Profile, move_ms: float, captures: int) -> float:
    """Milliseconds of a field of so many frames: the sum of `floor_parts_ms`."""
    return sum(floor_parts_ms(profile, move_ms, captures).values())


def floor_parts_ms(profile: Profile, move_ms: float, captures: int) -> dict[Phase, float]:
    """The moves, standing still, and light:

    - the moves, `move_ms`: as long as they take at the speed and acceleration that the profile allows, ramps included;
    - settling: after the move to the field that of the slowest axis, before each further frame that of z;
    - the exposures. Behind a rolling shutter rows are exposed until the frame is read out, so that belongs to them.

    Not in it: waiting for the camera's next frame, reading out, inference, encoding, writing.
    """
    camera, axes = profile.camera, profile.axes
    settle_ms = max(axes.x.settle_ms, axes.y.settle_ms, axes.z.settle_ms) + (captures - 1) * axes.z.settle_ms
    open_ms = camera.exposure_ms + (camera.readout_ms if camera.shutter == "rolling" else 0)
    return {"move": move_ms, "settle": settle_ms, "expose": captures * open_ms}
