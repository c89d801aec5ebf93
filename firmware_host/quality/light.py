"""How bright a tile is, against what empty glass is set to and against its neighbours. Judges no colours."""

from __future__ import annotations

import numpy as np

from firmware_host.quality.detail import Light

_BRIGHTEST_SHARE = 99.0
_CLIPPED_LEVEL = 254
_MOST_LEVEL = 250.0  # flat fields set empty glass to 238: an eighth more light
_MOST_CLIPPED = 0.03
_LEAST_LEVEL = 100.0  # the brightest hundredth of the densest tissue is above it
_MOST_APART = 0.05  # of the level, a tenth of the light behind the usual tone curve


def too_bright(light: Light, against: float | None) -> str | None:
    """Why a corrected tile is too bright, None when it is not.

    :param against: its level over that of its neighbours, at the same places of the slide; None where unknown.
    """
    sparse = light[::4, ::4]
    clipped = float((sparse >= _CLIPPED_LEVEL).mean())
    if clipped > _MOST_CLIPPED:
        return f"{clipped:.0%} of it is clipped"
    if float(np.percentile(sparse, _BRIGHTEST_SHARE)) > _MOST_LEVEL:
        return "its brightest parts are near the end of the scale"
    if against is not None and against > 1 + _MOST_APART:
        return f"{against - 1:.0%} above its neighbours"
    return None


def too_dark(light: Light, against: float | None) -> str | None:
    """Why a corrected tile is too dark, None when it is not. :param against: as of `too_bright`."""
    if float(np.percentile(light[::4, ::4], _BRIGHTEST_SHARE)) < _LEAST_LEVEL:
        return "nothing in it is bright"
    if against is not None and against < 1 - _MOST_APART:
        return f"{1 - against:.0%} below its neighbours"
    return None
