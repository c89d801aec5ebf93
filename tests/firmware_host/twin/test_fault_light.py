"""Faults of the lamp, as the camera sees them; the host's lamp is on all the time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from small_twin import small_twin

from firmware_host.cancel import CancelToken
from firmware_host.twin.faults.fault import Fault, FaultPlan
from firmware_host.twin.faults.kinds import LampDims, LampFails, LampFlickers
from firmware_host.twin.faults.opening import open_with_faults

GLASS: dict[str, Any] = {"target": "grid", "grid_um": 1000.0}
GAMMA = 2.2


def brightness(plan: FaultPlan, times_s: list[float]) -> list[float]:
    """Of frames of empty glass at these times, relative to one before any fault."""
    scanner = open_with_faults(small_twin(**GLASS), 1, None, CancelToken(), False, plan)
    scanner.lamp.on()
    light = []
    for time_s in [0.0, *times_s]:
        frame = scanner.camera.expose(round(time_s * 1e9), 100.0).read_out()
        light.append(float(np.mean((frame.image / 255.0) ** GAMMA)))
    return [each / light[0] for each in light[1:]]


@pytest.mark.parametrize(
    ("fault", "shares"),
    [
        (LampFails(at_s=2), [1, 0, 0]),
        (LampFails(at_s=2, for_s=2), [1, 0, 1]),
        (LampDims(at_s=2, share=0.4), [1, 0.4, 0.4]),
        (LampDims(at_s=2, share=0.4, for_s=2), [1, 0.4, 1]),
    ],
)
def test_the_light_that_is_left(fault: Fault, shares: list[float]) -> None:
    plan = FaultPlan((fault,))
    assert brightness(plan, [1.0, 3.0, 5.0]) == pytest.approx(shares, abs=0.02)
    assert len(plan.struck) == sum(share < 1 for share in shares)


def test_two_faults_take_their_light_one_after_the_other() -> None:
    plan = FaultPlan((LampDims(at_s=2, share=0.5), LampDims(at_s=2, share=0.4)))
    assert brightness(plan, [3.0]) == pytest.approx([0.2], abs=0.02)


def test_a_flicker_takes_up_to_its_share_at_random_by_the_seed() -> None:
    times_s = [2 + 0.1 * number for number in range(20)]

    def seen(seed: int) -> list[float]:
        return brightness(FaultPlan((LampFlickers(at_s=2, share=0.5),), seed), times_s)

    light = seen(1)
    assert all(0.48 < share < 1.02 for share in light)
    assert max(light) - min(light) > 0.3
    assert seen(1) == light
    assert seen(2) != light
