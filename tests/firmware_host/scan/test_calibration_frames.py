"""What a calibration looks at: which heights, in which order, with which answers."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from firmware_host.clock import VirtualClock
from firmware_host.errors import HardwareError
from firmware_host.focus.calibration import Calibration
from firmware_host.focus.correction import Correction
from firmware_host.focus.estimator import Estimate
from firmware_host.focus.sweep import Swept
from firmware_host.incidents import Incident, Note
from firmware_host.profile import load_profile
from firmware_host.scan.calibration import calibrate_on_slide
from firmware_host.scan.plan import Site

PROFILE = load_profile("emulated")
DOF = PROFILE.optics.depth_of_field_um
FOCUS_UM = 300.0


class Bench:
    """A stage that counts, frames that are their own z, and a network that is a DoF off until it has a code."""

    def __init__(
        self, focus_um: float | None, highest_um: float = 600.0, lost: Collection[int] = (), fails: str = ""
    ) -> None:
        """:param lost: numbers of the frames of each place that are lost; :param fails: network or calibrator."""
        self.focus_um, self.highest_um = focus_um, highest_um
        self.lost, self.fails = lost, fails
        self.judged = 0
        self.z_um = 0.0
        self.seen: list[float] = []
        self.pivots: list[float] = []
        self.shown: np.ndarray | None = None
        self.coded = False

    def move_to(self, x_um: float | None = None, y_um: float | None = None, z_um: float | None = None) -> int:
        if z_um is not None:
            self.z_um = z_um
        return 0

    def z_allowed(self, z_um: float) -> bool:
        return 0 <= z_um <= self.highest_um

    def rise(self, stage: Bench, heights_um: list[float]) -> Iterator[tuple[float, SimpleNamespace | None]]:
        for number, z_um in enumerate(heights_um):
            stage.move_to(z_um=z_um)
            self.seen.append(self.z_um)
            image = SimpleNamespace(image=np.full((1, 1, 1, 3), self.z_um))
            yield self.z_um, None if number in self.lost else image

    def search(self, pivot_um: float) -> Swept:
        self.pivots.append(pivot_um)
        return Swept(self.focus_um)

    def cut(self, first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return first, second

    def calibrated(self, code: np.ndarray | None, correction: Correction) -> Bench:
        assert correction == Correction()
        self.coded = code is not None
        return self

    def judge(self, first: np.ndarray, second: np.ndarray) -> Estimate:
        assert second.flat[0] - first.flat[0] == pytest.approx(2 * DOF)
        self.judged += 1
        if self.fails == "network" or (self.fails == "network at times" and self.judged % 5 == 0):
            raise HardwareError("inference failed: out of memory")
        off_um = 0.0 if self.coded else DOF
        return Estimate(FOCUS_UM - float(second.flat[0]) + off_um, 0.1, 16, "ok")

    def calibrate(self, first: np.ndarray, second: np.ndarray, move_dof: np.ndarray) -> np.ndarray:
        if self.fails == "calibrator":
            raise HardwareError("inference failed: out of memory")
        self.shown = move_dof
        return np.zeros(2, np.float32)


def run(bench: Bench, sites: int = 8, note: Note = lambda _: None) -> Calibration:
    scanner: Any = SimpleNamespace(stage=bench, profile=PROFILE, clock=VirtualClock())
    found: Any = SimpleNamespace(
        start_z_um=290.0, sites=[Site(row=0, col=n, x_um=100.0 * n, y_um=0.0) for n in range(sites)]
    )
    eye: Any = bench
    return calibrate_on_slide(scanner, eye, eye, eye, eye, found, lambda _: None, note)


def test_pairs_lie_at_known_heights_around_the_swept_focus() -> None:
    """Eight frames a place, upwards, delta apart, make seven pairs, five of them near enough for a code."""
    bench = Bench(FOCUS_UM)
    result = run(bench)
    assert result.places == 6
    assert np.array(bench.seen).reshape(6, 8) == pytest.approx(
        np.tile(FOCUS_UM + 2 * DOF * np.arange(-4, 4), (6, 1)), abs=1e-9
    )
    assert bench.shown is not None
    assert bench.shown == pytest.approx(np.tile(2 * np.arange(2, -3, -1.0), 6), abs=1e-6)
    assert bench.pivots == [290.0] + [FOCUS_UM] * 5  # the next sweep starts where the last one ended
    assert result.code is not None
    assert (result.error_dof, result.plain_dof) == (pytest.approx(0, abs=1e-6), pytest.approx(1))


def test_where_the_stage_ends_there_are_fewer_pairs() -> None:
    bench = Bench(FOCUS_UM, highest_um=FOCUS_UM + DOF)
    assert run(bench).places == 6
    assert bench.shown == pytest.approx(np.tile([4.0, 2.0, 0.0], 6), abs=1e-6)


@pytest.mark.parametrize(
    "bench", [Bench(None), Bench(FOCUS_UM, highest_um=FOCUS_UM - 3 * DOF)], ids=["no focus", "soft limit"]
)
def test_a_place_without_focus_or_room_gives_no_frames(bench: Bench) -> None:
    result = run(bench)
    assert (result.code, result.places, bench.seen) == (None, 0, [])


@pytest.mark.parametrize(
    ("lost", "moves"), [([0], [4, 2, 0, -2, -4]), ([2], [0, -2, -4]), ([3, 4], [4, -4]), ([7], [4, 2, 0, -2, -4])]
)
def test_pairs_with_a_lost_frame_are_left_out(lost: list[int], moves: list[float]) -> None:
    """The n-th frame is the second of the pair with the answer 8 - 2n, and the first of the next one."""
    bench = Bench(FOCUS_UM, lost=lost)
    assert run(bench).places == 6
    assert bench.shown == pytest.approx(np.tile(np.array(moves, float), 6), abs=1e-6)


def test_a_place_where_all_frames_are_lost_is_none() -> None:
    result = run(Bench(FOCUS_UM, lost=range(8)))
    assert (result.code, result.places) == (None, 0)


@pytest.mark.parametrize("fails", ["network at times", "network", "calibrator"])
def test_a_network_that_fails_ends_no_calibration(fails: str) -> None:
    """Told once, whatever the number of pairs; what is left decides."""
    incidents: list[Incident] = []
    result = run(Bench(FOCUS_UM, fails=fails), note=incidents.append)
    assert [incident.cause for incident in incidents] == ["network failed"]
    assert (result.code is not None) is (fails == "network at times")
    if fails != "network at times":
        assert result.line().startswith("not used: ")
