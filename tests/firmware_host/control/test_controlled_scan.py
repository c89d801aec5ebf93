"""A scan of the emulated scanner that is paused, resumed and stopped while it runs: what the scanner does meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from benchmarks.safety import Stricken, small_profile
from firmware_host.bundle import find_bundle, read_bundle
from firmware_host.control.desk import Desk
from firmware_host.control.status import Status
from firmware_host.errors import Cancelled
from firmware_host.incidents import Incident
from firmware_host.profile_tables import AXES
from firmware_host.scan.assembly import ASSEMBLY
from firmware_host.scan.plan import Region
from firmware_host.scan.request import ScanRequest, ScanResult
from firmware_host.scan.session import run_scan
from firmware_host.trust import trusted_keys

Waits = Callable[["Controlled", int], None]


class Controlled:
    """A small scan, to which something is done after its second field, and then in each wait of a pause."""

    def __init__(self, out: Path, after_second: Callable[[Desk], None], in_wait: Waits) -> None:
        profile = small_profile()
        self.rig = Stricken(profile)
        self.desk = Desk(out, profile.name, self.rig.cancel, ASSEMBLY, wait=self._wait)
        self.states: list[Status] = []
        self.noted: list[Incident] = []
        self._after_second, self._in_wait = after_second, in_wait
        self._waits = 0
        self._request = ScanRequest(
            profile=profile,
            bundle=read_bundle(find_bundle(profile.bundle), trusted_keys()),
            out=out,
            seed=1,
            slide=None,
            region=Region(3850, 2850, 4150, 3000),
            method="two-shot",
            calibration=False,
            compare_sweep=False,
        )

    def run(self) -> ScanResult:
        opened = self.rig.scanner
        return run_scan(
            self._request, self.rig.cancel, self._tell, lambda *_: opened, desk=self.desk, note=self.noted.append
        )

    @property
    def is_lit(self) -> bool:
        return self.rig.emulation.board.duty(self.rig.profile.lamp.pin) > 0

    @property
    def edges(self) -> int:
        board = self.rig.emulation.board
        return sum(len(board.history(self.rig.profile.axes.of(name).step_pin)) for name in AXES)

    def _tell(self, step: str, share: float, seconds_left: float | None) -> None:
        now = self.desk.status()
        if step == "scanning" and now.fields_done == 2 and not any(each.fields_done == 2 for each in self.states):
            self._after_second(self.desk)
        self.states.append(now)

    def _wait(self, seconds: float) -> None:
        self._waits += 1
        self._in_wait(self, self._waits)


def test_a_pause_rests_in_the_dark_and_the_scan_is_finished_afterwards(tmp_path: Path) -> None:
    seen: list[tuple[str, bool, int]] = []

    def in_wait(scan: Controlled, number: int) -> None:
        seen.append((scan.desk.status().state, scan.is_lit, scan.edges))
        if number == 20:
            scan.desk.resume()

    scan = Controlled(tmp_path / "scan", Desk.pause, in_wait)
    result = scan.run()
    assert len(seen) == 20
    assert set(seen) == {("paused", False, seen[0][2])}
    assert [incident.cause for incident in scan.noted] == ["paused by user"]
    assert scan.rig.emulation.clock.booked_ns()["wait"] >= 20 * 100_000_000
    assert result.stopped is None
    assert result.summary.fields == scan.states[-1].fields_total
    assert result.summary.flagged == 0
    steps = list(dict.fromkeys(state.step for state in scan.states))
    assert (steps[0], steps[-2:]) == ("homing", ["scanning", ASSEMBLY])
    assert {state.state for state in scan.states} == {"running", "paused", "assembling"}
    done = [state.fields_done for state in scan.states if state.fields_done is not None]
    assert done == sorted(done)
    assert scan.states[-1].free_mb is not None


def test_stop_within_a_pause_keeps_what_was_scanned(tmp_path: Path) -> None:
    scan = Controlled(tmp_path / "scan", Desk.pause, lambda scan, number: scan.desk.stop() if number == 3 else None)
    result = scan.run()
    assert isinstance(result.stopped, Cancelled)
    assert "wsi-host stop" in str(result.stopped)
    assert result.summary.fields == 2
    assert result.slide is not None
    assert result.slide.exists()
    assert not scan.is_lit
