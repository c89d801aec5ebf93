"""What a scan tells systemd, over a real socket; and that the unit asks for what the program does."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware_host.heartbeat import Heartbeat
from firmware_host.profile import load_profile, shipped_profiles
from firmware_host.scan import longest

UNIT = Path(__file__).parents[3] / "docker" / "systemd" / "wsi-scan.service"


class Manager:
    """systemd's end of the line."""

    def __init__(self, address: str | bytes) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address)
        self.socket.setblocking(False)

    def heard(self) -> list[dict[str, str]]:
        messages = []
        while True:
            try:
                text = self.socket.recv(4096).decode()
            except BlockingIOError:
                return messages
            messages.append(dict(line.split("=", 1) for line in text.split("\n")))


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    manager = Manager(str(tmp_path / "notify"))
    yield manager
    manager.socket.close()


def beating(where: str, **more: str) -> Heartbeat:
    def warn(text: str) -> None:
        raise AssertionError(text)

    return Heartbeat({"NOTIFY_SOCKET": where} | more, warn)


def nothing(*_: object) -> None:
    pass


def test_each_step_is_a_beat_and_the_first_ordinary_one_means_ready(manager: Manager, tmp_path: Path) -> None:
    told = beating(str(tmp_path / "notify")).following(nothing, {"homing": 47.5})
    told("homing", 0.0, None)
    told("looking for tissue", 0.5, None)
    told("scanning", 0.255, 12.0)
    assert manager.heard() == [
        {"STATUS": "homing 0%", "EXTEND_TIMEOUT_USEC": "47500000", "WATCHDOG": "1"},
        {"STATUS": "looking for tissue 50%", "READY": "1", "WATCHDOG": "1"},
        {"STATUS": "scanning 26%", "WATCHDOG": "1"},
    ]


def test_without_progress_there_is_no_beat(manager: Manager, tmp_path: Path) -> None:
    """No timer feeds the watchdog: what hangs is found out."""
    heartbeat = beating(str(tmp_path / "notify"), WATCHDOG_USEC="1")
    heartbeat.following(nothing, {})

    def hangs(*_: object) -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        heartbeat.following(hangs, {})("scanning", 0.5, None)
    assert manager.heard() == []


def test_progress_goes_on_to_whoever_asked_for_it() -> None:
    seen: list[tuple[str, float, float | None]] = []
    Heartbeat({}).following(lambda *step: seen.append(step), {})("scanning", 0.5, 3.0)
    assert seen == [("scanning", 0.5, 3.0)]


def test_the_end_is_told(manager: Manager, tmp_path: Path) -> None:
    beating(str(tmp_path / "notify")).stopping()
    assert manager.heard() == [{"STOPPING": "1"}]


def test_a_message_is_one_line_a_key(manager: Manager, tmp_path: Path) -> None:
    beating(str(tmp_path / "notify")).following(nothing, {})("one\nREADY=0\nWATCHDOG=trigger", 0.0, None)
    assert manager.heard() == [{"STATUS": "one READY=0 WATCHDOG=trigger 0%", "READY": "1", "WATCHDOG": "1"}]


def test_abstract_addresses_are_reached() -> None:
    name = f"wsi-test-{os.getpid()}"
    manager = Manager(b"\0" + name.encode())
    beating(f"@{name}").stopping()
    assert manager.heard() == [{"STOPPING": "1"}]
    manager.socket.close()


@pytest.mark.parametrize("where", ["", "vsock:2:1234", "relative/path"])
def test_without_an_address_of_its_kind_nothing_happens(where: str) -> None:
    beating(where).stopping()
    assert beating(where, WATCHDOG_USEC="1000000").watchdog_s is None


def test_a_manager_that_is_gone_is_told_of_once(tmp_path: Path) -> None:
    warnings: list[str] = []
    told = Heartbeat({"NOTIFY_SOCKET": str(tmp_path / "gone")}, warnings.append).following(nothing, {})
    for _ in range(3):
        told("scanning", 0.1, None)
    assert warnings == ["systemd: cannot be told anything (No such file or directory); check NOTIFY_SOCKET"]


def test_a_manager_that_does_not_read_holds_nothing_up(manager: Manager, tmp_path: Path) -> None:
    """Its queue holds so many messages; a blocking send would hang here for ever. READY is told when there is room."""
    heartbeat = beating(str(tmp_path / "notify"))
    told = heartbeat.following(nothing, {"homing": 1.0})
    for _ in range(3000):
        told("homing", 0.1, None)
    told("scanning", 0.1, None)
    before = manager.heard()
    assert 0 < len(before) < 3000
    assert not any("READY" in message for message in before)
    told("scanning", 0.2, None)
    told("scanning", 0.3, None)
    assert ["READY" in message for message in manager.heard()] == [True, False]


@pytest.mark.parametrize(
    ("usec", "pid", "seconds"),
    [
        ("120000000", None, 120.0),
        ("120000000", "own", 120.0),
        ("120000000", "1", None),  # another process is watched
        ("", None, None),
        ("0", None, None),
        ("soon", None, None),
    ],
)
def test_the_watchdog_is_that_of_this_process(usec: str, pid: str | None, seconds: float | None) -> None:
    more = {} if pid is None else {"WATCHDOG_PID": str(os.getpid()) if pid == "own" else pid}
    assert Heartbeat({"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": usec, **more}).watchdog_s == seconds


@pytest.mark.parametrize(("longest_s", "warned"), [(59, False), (60, False), (61, True)])
def test_a_watchdog_that_is_too_short_is_told(longest_s: float, warned: bool) -> None:
    warnings: list[str] = []
    Heartbeat({"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": "120000000"}, warnings.append).expect(longest_s)
    assert bool(warnings) is warned
    if warned:
        assert warnings == [
            "watchdog: WatchdogSec is 120 s, one step of the work may take 61 s; make it 122 s or more in the unit"
        ]


# --- the unit ---------------------------------------------------------------------------------------------------------


def service() -> dict[str, str]:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(UNIT)
    return dict(parser["Service"])


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_takes_the_unit() -> None:
    done = subprocess.run(
        ["systemd-analyze", "verify", str(UNIT)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_unit_asks_for_what_the_program_does() -> None:
    unit = service()
    assert unit["Type"] == "notify"
    assert unit["KillMode"] == "mixed"
    assert re.search(r"\bwsi-host off --profile\b", unit["ExecStopPost"])
    assert "exec wsi-host scan --profile" in unit["ExecStart"], (
        "the shell must not stay: only the main process is heard"
    )
    assert set(unit["SupplementaryGroups"].split()) == {"gpio", "video"}
    assert unit["RestartPreventExitStatus"].split() == ["2", "3"]
    assert unit["SuccessExitStatus"] == "130"


@pytest.mark.parametrize("name", shipped_profiles())
def test_the_units_watchdog_waits_for_every_shipped_scanner(name: str) -> None:
    environment = {"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": str(int(service()["WatchdogSec"]) * 1_000_000)}

    def too_short(text: str) -> None:
        raise AssertionError(text)

    Heartbeat(environment, too_short).expect(longest.step_s(load_profile(name)))
