"""Pictures that no lens can make: rows without light, torn frames, shifted rows, blocks of garbage.

An objective draws no edge from one pixel to the next, so where neighbouring rows or columns suddenly differ more than
those on both sides of them do, the transfer from the camera went wrong there. Judges one picture alone.
"""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

from firmware_host.quality.detail import Light

_STRIPS = 8  # a tear need not cross the whole picture
_LEAST_STEP, _TEAR = 6.0, 2.5  # levels by which rows differ at a tear, and times what they do on both sides of it
_LEAST_JUMP, _JUMP = 15.0, 4.0  # the same where garbage begins or ends, with the quieter side
_DARK_LEVEL = 12
_DARK_SHARE = 0.02  # of the rows


def print_of(image: NDArray[np.uint8]) -> int:
    """A number that two exposures never share, as each has its own noise: tells a frame that was delivered again."""
    return zlib.crc32(image[::16].tobytes())


def damage(light: Light) -> str | None:
    """What is wrong with a picture's (H, W) luminance, as half a sentence; None when nothing is seen."""
    if int(light[::4, ::4].max()) <= _DARK_LEVEL:
        return "no light in it"
    dark = float((light[:, ::4].max(axis=1) <= _DARK_LEVEL).mean())
    if dark > _DARK_SHARE:
        return f"{dark:.0%} of its rows without light"
    for name, along in (("row", light), ("column", light.T)):
        at = _tear(along)
        if at is not None:
            return f"torn at {name} {at}"
    return None


def _tear(light: Light) -> int | None:
    """The first row that does not go on from the one above it; None where there is none."""
    steps = _steps(light)
    before, here, after = np.maximum(steps[:-4], steps[1:-3]), steps[2:-2], np.maximum(steps[3:-1], steps[4:])
    torn = (here > _LEAST_STEP) & (here > _TEAR * np.maximum(before, after))
    garbage = (here > _LEAST_JUMP) & (here > _JUMP * np.minimum(before, after))
    rows = np.flatnonzero((torn | garbage).any(axis=1))
    return int(rows[0]) + 3 if len(rows) else None


def _steps(light: Light) -> NDArray[np.float32]:
    """(H - 1, 8) mean difference of each row from the next, strip by strip."""
    width = light.shape[1] // _STRIPS
    core = light[:, : width * _STRIPS]
    apart = np.maximum(core[1:], core[:-1]) - np.minimum(core[1:], core[:-1])
    return np.asarray(apart.reshape(len(apart), _STRIPS, width).mean(axis=2, dtype=np.float32))
