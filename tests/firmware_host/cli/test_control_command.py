"""`wsi-host status`, `pause`, `resume` and `stop` against a scan that runs in a thread, over its real socket."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from firmware_host.cancel import CancelToken
from firmware_host.cli import app
from firmware_host.cli.control import lines
from firmware_host.clock import VirtualClock
from firmware_host.control import address, client
from firmware_host.control.desk import Desk
from firmware_host.control.server import listening
from firmware_host.control.status import Happened, Status
from firmware_host.errors import Cancelled, HardwareError, UsageError
from firmware_host.incidents import Incident

ASSEMBLY = "writing the slide"


class RunningScan:
    """Fields without end, a hold after each; once stopped, a slide that is being written until the test ends."""

    def __init__(self, out: Path, warn: Callable[[str], None]) -> None:
        self.fields = 0
        self._cancel, self._over = CancelToken(), threading.Event()
        self.desk = Desk(out, "emulated", self._cancel, ASSEMBLY, lambda: 12_300_000_000)
        self._began = threading.Event()
        self._thread = threading.Thread(target=self._scan, args=(warn,), daemon=True)
        self._thread.start()
        assert self._began.wait(10)

    def end(self) -> None:
        self._cancel.request("the test is over")
        self._over.set()
        self._thread.join(10)

    def _scan(self, warn: Callable[[str], None]) -> None:
        hold = self.desk.user_hold(VirtualClock(), self.desk.noted)
        with listening(self.desk, warn):
            self._began.set()
            try:
                while True:
                    self._cancel.check()
                    self.fields += 1
                    self.desk.told("scanning", 0.25, 754.0)
                    self.desk.counted(self.fields, 4000)
                    hold(lambda: None)
            except Cancelled:
                self.desk.told(ASSEMBLY, 0.0, None)
            self._over.wait(30)


@pytest.fixture(autouse=True)
def _folder_of_sockets(short_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(address, "folders", lambda: [short_path / "wsi-scanner"])
    monkeypatch.setattr(client, "_POLL_S", 0.01)


def no_warning(text: str) -> None:
    raise AssertionError(text)


@pytest.fixture
def scan(tmp_path: Path) -> Iterator[RunningScan]:
    running = RunningScan(tmp_path / "slide-17", no_warning)
    yield running
    running.end()


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, list(arguments))


def told(*arguments: str) -> dict[str, Any]:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    read: dict[str, Any] = json.loads(result.stdout)
    return read


@pytest.mark.parametrize("command", ["status", "pause", "resume", "stop"])
def test_where_no_scan_runs_that_is_said_and_the_exit_code_is_not_zero(command: str) -> None:
    result = run(command)
    assert isinstance(result.exception, UsageError)
    assert str(result.exception) == "control: no scan of this user runs here"


def test_status_tells_how_it_goes(scan: RunningScan, tmp_path: Path) -> None:
    now = told("status")
    assert now["folder"] == str(tmp_path / "slide-17")
    assert (now["state"], now["step"], now["fields_total"]) == ("running", "scanning", 4000)
    text = run("status").stdout
    assert "slide-17: running\nscanning 25%, field " in text
    assert "of 4000, 13 min left" in text
    assert "12.3 GB free" in text
    assert "incidents: none" in text


def test_a_scan_is_paused_resumed_and_stopped(scan: RunningScan) -> None:
    assert told("pause")["state"] == "paused"
    at = scan.fields
    assert told("status")["fields_done"] == at
    assert told("pause")["state"] == "paused"
    assert told("resume")["paused_by"] is None
    refused = run("resume")
    assert isinstance(refused.exception, UsageError)
    assert "nothing to resume: it is not paused" in str(refused.exception)
    assert told("stop")["state"] == "assembling"
    assert scan.fields > at
    again = run("stop")
    assert isinstance(again.exception, UsageError)
    assert "cannot be stopped: the scan is over, its slide is being written" in str(again.exception)
    assert [each["cause"] for each in told("status")["latest"]] == ["paused by user"]


def test_a_paused_scan_can_be_stopped(scan: RunningScan) -> None:
    told("pause")
    assert told("stop")["state"] == "assembling"


def test_of_two_scans_one_is_named(scan: RunningScan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(address.os, "getpid", lambda: 999_999_999)
        other = RunningScan(tmp_path / "slide-18", no_warning)
    try:
        several = run("pause")
        assert isinstance(several.exception, UsageError)
        assert "2 scans run" in str(several.exception)
        monkeypatch.chdir(tmp_path)
        assert told("pause", "--out", "slide-18")["folder"] == str(tmp_path / "slide-18")
        assert scan.desk.status().state == "running"
    finally:
        other.end()


def test_what_is_not_done_in_time_is_an_error(scan: RunningScan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Desk, "pause", lambda _: None)
    result = run("pause", "--wait", "0.05")
    assert isinstance(result.exception, HardwareError)
    assert "still running after 0.05 s" in str(result.exception)


def test_a_scan_that_is_gone_after_it_was_stopped_has_ended(scan: RunningScan, monkeypatch: pytest.MonkeyPatch) -> None:
    scan._over.set()
    assert told("stop")["state"] in ("assembling", "ended")


def status(**fields: Any) -> Status:
    return Status(pid=7, folder="/scans/a", profile="pi", began="2026-01-02T03:04:05Z", **{"state": "running"} | fields)


@pytest.mark.parametrize(
    ("now", "line"),
    [
        (status(), "starting 0%"),
        (status(step="homing", share=0.0), "homing 0%"),
        (status(step="scanning", share=0.5, seconds_left=99.4), "scanning 50%, 99 s left"),
        (status(step="scanning", share=0.5, seconds_left=100), "scanning 50%, 2 min left"),
        (status(step="scanning", share=0.5, seconds_left=5970), "scanning 50%, 1 h 40 min left"),
        (status(state="paused", reason="processor at 84 C"), "/scans/a: paused: processor at 84 C"),
        (status(incidents=40), "incidents: 40"),
        (
            status(latest=[Happened(at="2026-01-02T04:00:00Z", cause="disk nearly full", text="1 GB free")]),
            "  2026-01-02T04:00:00Z  disk nearly full: 1 GB free",
        ),
    ],
)
def test_a_status_is_told_to_people(now: Status, line: str) -> None:
    assert line in lines(now)


def test_an_incident_is_shown(scan: RunningScan) -> None:
    scan.desk.noted(Incident("disk nearly full", "2 GB free"))
    assert "disk nearly full: 2 GB free" in run("status").stdout
