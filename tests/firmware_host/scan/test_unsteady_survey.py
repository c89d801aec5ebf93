"""A survey, a first focus and a few fields with a camera that spoils every few frames in one way or another."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import pytest

from firmware_host.camera.steady import SteadyCamera
from firmware_host.cancel import CancelToken
from firmware_host.focus.eye import Eye
from firmware_host.focus.result import FocusResult
from firmware_host.focus.sweep import ContrastSweep
from firmware_host.incidents import Incident
from firmware_host.profile import Profile
from firmware_host.scan.plan import Region
from firmware_host.scan.survey import Survey, survey
from firmware_host.twin.faults.fault import Fault, FaultPlan
from firmware_host.twin.faults.kinds import (
    CameraBlocks,
    CameraLost,
    FrameBlack,
    FrameCorrupt,
    FrameDropped,
    FrameHalf,
    FrameStale,
)
from firmware_host.twin.faults.opening import open_with_faults

REGION = Region(3700.0, 2700.0, 4000.0, 2900.0)
EVERY = 7  # frames
FIELDS = 2


def faults(rounds: int) -> tuple[Fault, ...]:
    """All kinds in turn, again and again, some frames apart."""
    kinds = [
        lambda at: FrameDropped(at_count=at),
        lambda at: FrameStale(at_count=at),
        lambda at: FrameStale(at_count=at, stamp="fresh"),
        lambda at: FrameStale(at_count=at, stamp="fresh", age=3),
        lambda at: FrameCorrupt(at_count=at, share=0.05),
        lambda at: FrameHalf(at_count=at, share=0.3),
        lambda at: FrameHalf(at_count=at, rest="before"),
        lambda at: FrameBlack(at_count=at),
        lambda at: CameraBlocks(at_count=at, for_s=1.5),
        lambda at: CameraLost(at_count=at, for_s=6.0),
    ]
    return tuple(kinds[number % len(kinds)](5 + EVERY * number) for number in range(rounds * len(kinds)))


@dataclass
class Looked:
    found: Survey
    fields: list[FocusResult]
    errors_um: list[float | None]
    causes: set[str]
    struck: int


def looked(profile: Profile, plan: tuple[Fault, ...]) -> Looked:
    cancel = CancelToken()
    struck, incidents = FaultPlan(plan, seed=1), list[Incident]()
    scanner = open_with_faults(profile, 1, None, cancel, False, struck)
    camera = SteadyCamera(
        scanner.camera, scanner.clock, cancel, profile.camera, scanner.stage, scanner.lamp, incidents.append
    )
    scanner = dataclasses.replace(scanner, camera=camera)
    scanner.stage.home()
    scanner.lamp.on()
    eye = Eye(scanner.camera, scanner.clock, cancel, profile.camera.timeout_s)
    sweep = ContrastSweep(scanner.stage, eye, profile.optics, profile.focus)
    found = survey(scanner, eye, sweep, REGION, lambda _: None)
    fields = [sweep.focus(site.x_um, site.y_um, found.start_z_um) for site in found.sites[:FIELDS]]
    assert scanner.truth is not None
    errors_um = [scanner.truth(field.frame) for field in fields]
    scanner.close()
    return Looked(found, fields, errors_um, {each.cause for each in incidents}, len(struck.struck))


@pytest.fixture(scope="module")
def small(emulated: Profile) -> Profile:
    """Frames of a fifth of the pixels."""
    camera = emulated.camera.model_copy(update={"width_px": 448, "height_px": 352})
    return emulated.model_copy(update={"camera": camera})


def test_bad_frames_change_nothing_that_a_survey_finds(small: Profile) -> None:
    plain, spoilt = looked(small, ()), looked(small, faults(2))
    assert not plain.causes
    assert spoilt.struck >= 15
    assert {"frame dropped", "frame stale", "frame damaged", "frame half", "frame black"} <= spoilt.causes
    assert {"camera lost", "camera back"} <= spoilt.causes
    assert spoilt.found.sites == plain.found.sites
    assert spoilt.found.empty_views == plain.found.empty_views
    assert spoilt.found.start_z_um == pytest.approx(plain.found.start_z_um, abs=0.3)
    for now, before, error_um in zip(spoilt.fields, plain.fields, spoilt.errors_um, strict=True):
        assert now.status == before.status
        assert error_um is not None
        assert abs(error_um) < small.optics.depth_of_field_um / 2
