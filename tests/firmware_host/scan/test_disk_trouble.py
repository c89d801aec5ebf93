"""A disk that does not take a tile: what is waited for, how long, and what is said in the end."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from firmware_host.cancel import CancelToken
from firmware_host.clock import VirtualClock
from firmware_host.errors import Cancelled, HardwareError
from firmware_host.incidents import Incident
from firmware_host.scan.disk_trouble import DiskTrouble

PAUSE_S = 30.0


class Scene:
    """A scan's disk trouble, and what it says."""

    def __init__(self) -> None:
        self.clock, self.cancel = VirtualClock(), CancelToken()
        self.said: list[Incident] = []
        self.looks = 0
        self.trouble = DiskTrouble(Path("out"), self.clock, self.cancel, PAUSE_S, self.said.append, self.look)

    def look(self) -> None:
        self.looks += 1

    def meet(self, number: int, most: int = 1000) -> int:
        """How often a tile is tried, if it fails each time."""
        for tried in range(1, most + 1):
            self.trouble.mend(OSError(number, os.strerror(number)), tried)
        return most


@pytest.mark.parametrize("number", [errno.EROFS, errno.ENOENT, errno.EACCES])
def test_what_does_not_pass_stops_at_once_and_says_how_to_go_on(number: int) -> None:
    scene = Scene()
    with pytest.raises(HardwareError, match=r"disk: a tile cannot be written: .*--out out --resume"):
        scene.meet(number)
    assert scene.clock.now_ns() == 0
    assert [each.cause for each in scene.said] == ["disk refuses"]


def test_an_error_that_may_pass_is_tried_six_times_with_growing_pauses() -> None:
    scene = Scene()
    with pytest.raises(HardwareError, match="in 6 tries: Input/output error"):
        scene.meet(errno.EIO)
    assert scene.clock.now_ns() == pytest.approx((0.5 + 1 + 2 + 4 + 8) * 1e9)
    assert [each.cause for each in scene.said] == ["disk error"] * 6


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_waited_for_and_then_given_up(number: int) -> None:
    scene = Scene()
    with pytest.raises(HardwareError, match="still full after 30 s; make room"):
        scene.meet(number)
    assert PAUSE_S * 1e9 <= scene.clock.now_ns() <= (PAUSE_S + 2) * 1e9
    assert scene.looks >= 20
    assert [each.cause for each in scene.said] == ["disk full", "disk full"], "once, and at the end"


def test_each_full_disk_has_its_own_patience() -> None:
    scene = Scene()
    for _ in range(5):
        scene.meet(errno.ENOSPC, most=10)
    assert scene.clock.now_ns() > PAUSE_S * 1e9


def test_a_wait_for_room_ends_when_asked_to_stop() -> None:
    scene = Scene()
    scene.clock.at(3_050_000_000, lambda: scene.cancel.request("Ctrl-C"))
    with pytest.raises(Cancelled):
        scene.meet(errno.ENOSPC)
    assert scene.clock.now_ns() < 3_300_000_000
