"""An emulated scanner with a plan of faults: each of them happens, and without any it is the scanner that it was."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_twin import FOCUS_UM, MIDDLE, small_twin

from firmware_host.camera.port import Frame
from firmware_host.cancel import CancelToken
from firmware_host.errors import ScannerError, UsageError
from firmware_host.hardware import Scanner, open_scanner
from firmware_host.profile import load_profile
from firmware_host.twin.faults.fault import FaultPlan
from firmware_host.twin.faults.kinds import KINDS
from firmware_host.twin.faults.opening import open_with_faults

PLACES = [MIDDLE | {"z_um": FOCUS_UM}, {"x_um": 60.0, "y_um": 150.0, "z_um": FOCUS_UM - 10}]

# Of each kind what it must be told, so that it strikes a scanner that is used as below.
NEEDED: dict[str, dict[str, Any]] = {
    **{kind: {"at_count": 2} for kind, made in KINDS.items() if "times" in made.model_fields},
    "lost-steps": {"axis": "x"},
    "stuck-limit-switch": {"axis": "y", "reads": "open", "at_s": 0.5},
    "limit-hit": {"axis": "z", "at_s": 1.0},
    "driver-over-temperature": {"axis": "x", "at_s": 1.0},
    "z-slips": {"at_s": 0.5},
    "drift": {"at_s": 0.5, "um_per_min": 5.0},
    "vibration": {"at_s": 0.5, "axis": "z", "um": 1.0, "hz": 30.0},
    **{kind: {"at_s": 0.5} for kind in ("lamp-fails", "lamp-flickers", "lamp-dims", "disk-slow", "clock-jump")},
    "memory-low": {"at_s": 0.5},
    "blank-slide": {},
    **{kind: {"x_um": 200.0, "y_um": 200.0} for kind in ("bubble", "fold", "pen-mark", "coverslip-dirt")},
}


class Network:
    def predict(self, first: np.ndarray, second: np.ndarray, code: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.zeros(len(first), np.float32), np.ones(len(first), np.float32)


def use(scanner: Scanner, folder: Path) -> list[Frame]:
    """What a scan does with it; what fails is left, and the next thing is tried."""
    frames = []
    network = scanner.network(Network())
    patches = np.zeros((1, 8, 8, 3), np.uint8)
    with contextlib.suppress(ScannerError):
        scanner.stage.home()
    scanner.lamp.on()
    for number, place in enumerate(PLACES):
        with contextlib.suppress(ScannerError):
            settled_ns = scanner.stage.move_to(**place)
            frames.append(scanner.camera.expose(settled_ns, 1.0).read_out())
            network.predict(patches, patches, np.zeros(0, np.float32))
        with contextlib.suppress(OSError):
            scanner.disk.write_whole(folder / f"{number}", b"a tile")
        scanner.sensors.read()
    return frames


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_happens_and_is_booked(kind: str, tmp_path: Path) -> None:
    fault = KINDS[kind].model_validate(NEEDED[kind])
    plan = FaultPlan((fault,))
    scanner = open_with_faults(small_twin(target="grid"), 1, None, CancelToken(), False, plan)
    use(scanner, tmp_path)
    assert plan.struck
    assert {struck.fault for struck in plan.struck} == {fault}
    now_s = scanner.clock.now_ns() * 1e-9
    assert all(0 <= struck.at_s <= now_s for struck in plan.struck)


def test_without_faults_it_is_the_scanner_that_it_was(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    plan = FaultPlan(())
    with_none = open_with_faults(small_twin(), 1, None, CancelToken(), False, plan)
    plain = open_scanner(small_twin(), 1, None, CancelToken())
    for frame, other in zip(use(with_none, tmp_path / "a"), use(plain, tmp_path / "b"), strict=True):
        np.testing.assert_array_equal(frame.image, other.image)
        assert frame.exposure_start_ns == other.exposure_start_ns
        assert with_none.truth is not None
        assert plain.truth is not None
        assert with_none.truth(frame) == plain.truth(other)
    assert with_none.clock.booked_ns() == plain.clock.booked_ns()
    assert not plan.struck


def test_a_plan_strikes_each_scanner_anew(tmp_path: Path) -> None:
    """As when a scan is resumed: times and counts begin with the opening."""
    fault = KINDS["frame-black"].model_validate({"at_count": 2})
    for _ in range(2):
        plan = FaultPlan((fault,))
        frames = use(open_with_faults(small_twin(target="grid"), 1, None, CancelToken(), False, plan), tmp_path)
        assert [frame.image.any() for frame in frames] == [True, False]


def test_the_truth_is_told_of_what_is_to_be_seen(tmp_path: Path) -> None:
    """Of the place and height of the older frame, not of where the stage stands by now."""
    fault = KINDS["frame-stale"].model_validate({"at_count": 2, "stamp": "fresh"})
    scanner = open_with_faults(small_twin(target="grid"), 1, None, CancelToken(), False, FaultPlan((fault,)))
    first, stale = use(scanner, tmp_path)
    assert scanner.truth is not None
    assert scanner.truth(stale) == scanner.truth(first)
    assert stale.exposure_start_ns > first.exposure_start_ns


def test_a_camera_fails_on_this_machines_clock_too() -> None:
    plan = FaultPlan((KINDS["frame-black"].model_validate({"at_count": 2}),))
    scanner = open_with_faults(small_twin(target="grid"), 1, None, CancelToken(), True, plan)
    try:
        scanner.lamp.on()
        frames = [scanner.camera.expose(scanner.clock.now_ns(), 10.0).read_out() for _ in range(2)]
    finally:
        scanner.close()
    assert [frame.image.any() for frame in frames] == [True, False]
    assert len(plan.struck) == 1


@pytest.mark.parametrize("kind", [kind for kind, made in KINDS.items() if not made.in_real_time])
def test_what_needs_the_virtual_clock_is_refused_in_real_time(kind: str) -> None:
    plan = FaultPlan((KINDS[kind].model_validate(NEEDED[kind]),))
    with pytest.raises(UsageError, match=f"{kind} needs the virtual clock; leave --real-time out"):
        open_with_faults(small_twin(), 1, None, CancelToken(), True, plan)


def test_only_an_emulated_scanner_has_faults_to_order() -> None:
    with pytest.raises(UsageError, match="an emulated scanner only"):
        open_with_faults(load_profile("rpi5-imx477-20x"), 1, None, CancelToken(), False, FaultPlan(()))
