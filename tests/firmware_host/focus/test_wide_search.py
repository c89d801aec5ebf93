"""The first search of a scan, when nothing is known: a coarse look over a long way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from firmware_host.camera.port import Frame
from firmware_host.cancel import CancelToken
from firmware_host.clock import VirtualClock
from firmware_host.focus.eye import Eye
from firmware_host.focus.sweep import search_wide


@dataclass
class Taken:
    frame: Frame

    def read_out(self) -> Frame:
        return self.frame


class Bench:
    """Stage and camera in one: stripes whose contrast falls off with the distance from `sharp`."""

    def __init__(self, sharp: float | None, low: float = 0.0, high: float = 600.0) -> None:
        self.clock = VirtualClock()
        self.z_um = 0.0
        self.sharp, self.low, self.high = sharp, low, high
        self.seen: list[float] = []

    def move_to(self, *, x_um: float | None = None, y_um: float | None = None, z_um: float | None = None) -> int:
        assert z_um is not None
        assert self.z_allowed(z_um), "sent beyond the soft limits"
        self.z_um = z_um
        return self.clock.now_ns()

    def z_allowed(self, z_um: float) -> bool:
        return self.low <= z_um <= self.high

    @property
    def shape(self) -> tuple[int, int]:
        return (64, 64)

    def expose(self, not_before_ns: int, timeout_s: float) -> Taken:
        self.seen.append(self.z_um)
        image = np.full((64, 64, 3), 100, np.uint8)
        if self.sharp is not None:
            image[(np.arange(64) // 8) % 2 == 0] += np.uint8(120 / (1 + ((self.z_um - self.sharp) / 15) ** 2))
        return Taken(Frame(image, self.clock.now_ns(), 1, len(self.seen)))

    def close(self) -> None: ...


def search(bench: Bench, middle: float = 300.0, half: float = 90.0, step: float = 5.0) -> float | None:
    return search_wide(bench, Eye(bench, bench.clock, CancelToken(), 2.0), middle, half, step)


@pytest.mark.parametrize("sharp", [212.0, 260.5, 300.0, 387.9])
def test_focus_is_found_to_the_step(sharp: float) -> None:
    bench = Bench(sharp)
    found = search(bench)
    assert found is not None
    assert abs(found - sharp) <= 2.5
    assert len(bench.seen) == 37
    assert bench.seen == sorted(bench.seen), "upward only"


def test_a_slide_without_detail_is_not_focused_on() -> None:
    assert search(Bench(None)) is None


def test_only_heights_within_the_limits_are_looked_at() -> None:
    bench = Bench(sharp=303.0, low=290.0, high=320.0)
    found = search(bench)
    assert found is not None
    assert abs(found - 303) <= 2.5
    assert (min(bench.seen), max(bench.seen)) == (290.0, 320.0)


def test_two_heights_are_no_search() -> None:
    assert search(Bench(sharp=300.0, low=299.0, high=306.0)) is None
