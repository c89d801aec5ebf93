"""A stage that loses steps in the middle of a scan is noticed, however many, and the slide is whole all the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from firmware_host.bundle import Bundle
from firmware_host.cancel import CancelToken
from firmware_host.hardware import Scanner, over_emulation
from firmware_host.motion.port import StagePort
from firmware_host.profile import Profile
from firmware_host.scan.entries import story_of
from firmware_host.scan.journal import read_journal
from firmware_host.scan.plan import Region
from firmware_host.scan.request import ScanRequest
from firmware_host.scan.session import run_scan
from firmware_host.twin.emulation import Emulation

REGION = Region(3850, 2850, 4150, 3150)


class Slipping:
    """A stage that may slip along x; homing puts it right."""

    def __init__(self, stage: StagePort) -> None:
        self._stage = stage
        self.aside_um = 0.0
        self.homings = 0

    def home(self) -> None:
        self.aside_um = 0.0
        self.homings += 1
        self._stage.home()

    def move_to(self, *, x_um: float | None = None, y_um: float | None = None, z_um: float | None = None) -> int:
        if x_um is not None:
            x_um += self.aside_um
        return self._stage.move_to(x_um=x_um, y_um=y_um, z_um=z_um)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stage, name)


@pytest.mark.parametrize("aside_um", [8.0, -115.0])
def test_a_stage_that_slips_is_homed_once_and_all_tiles_are_where_they_should(
    profile: Profile, bundle: Bundle, tmp_path: Path, aside_um: float
) -> None:
    """By less than an overlap, by more, and by most of a field: then its tiles join each other, and nothing else."""
    stages: list[Slipping] = []

    def opened(asked: Profile, seed: int, slide: Path | None, cancel: CancelToken, real_time: bool) -> Scanner:
        assert not real_time
        scanner = over_emulation(asked, Emulation(asked, seed, slide), cancel)
        stages.append(Slipping(scanner.stage))
        stage: Any = stages[0]
        return replace(scanner, stage=stage)

    def tell(step: str, share: float, seconds_left: float | None) -> None:
        if step == "scanning" and share >= 0.5 and stages[0].homings == 1:
            stages[0].aside_um = aside_um

    request = ScanRequest(profile, bundle, tmp_path / "scan", 1, None, REGION, "two-shot", False, False)
    assert run_scan(request, CancelToken(), tell, opened).stopped is None
    story = story_of(read_journal(tmp_path / "scan" / "journal"), tmp_path)
    assert stages[0].homings == 2
    assert [each.cause for each in story.incidents] == ["position lost"]
    assert story.prepared is not None
    assert len(story.records) == len(story.prepared.sites)
    assert all(record.flags == () and abs(record.seam_px or 0) < 4 for record in story.records)
