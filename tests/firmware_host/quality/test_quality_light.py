"""Too bright and too dark: on the tile's own scale, and against its neighbours."""

from __future__ import annotations

import numpy as np
import pytest

from firmware_host.quality.detail import Light
from firmware_host.quality.light import too_bright, too_dark


def tissue(brightest: float) -> Light:
    levels = np.minimum(np.linspace(60, 1.2 * brightest, 256 * 320), brightest) + np.random.default_rng(0).normal(
        0, 1.3, 256 * 320
    )
    return np.clip(levels, 0, 255).astype(np.uint8).reshape(256, 320)


def white_specks(share: float) -> Light:
    light = tissue(235).copy()
    light.flat[:: round(1 / share)] = 255
    return light


@pytest.mark.parametrize(
    ("light", "against", "bright", "dark"),
    [
        (tissue(240), None, None, None),
        (tissue(240), 1.03, None, None),
        (tissue(240), 0.97, None, None),
        (tissue(240), 1.08, "8% above its neighbours", None),
        (tissue(240), 0.9, None, "10% below its neighbours"),
        (tissue(251.5), None, "its brightest parts are near the end of the scale", None),
        (np.full((256, 320), 255, np.uint8), None, "100% of it is clipped", None),
        (white_specks(1 / 27), None, "4% of it is clipped", None),
        (white_specks(1 / 207), None, None, None),
        (tissue(90), None, None, "nothing in it is bright"),
        (tissue(130), 1.0, None, None),
    ],
    ids=[
        "good",
        "a little up",
        "a little down",
        "up",
        "down",
        "overexposed",
        "white",
        "4% of glare",
        "some glare",
        "lamp out",
        "dense",
    ],
)
def test_light(light: Light, against: float | None, bright: str | None, dark: str | None) -> None:
    assert (too_bright(light, against), too_dark(light, against)) == (bright, dark)
