"""What doctor says of the computer: a table of machines, as files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from firmware_host.doctor import computer
from firmware_host.doctor.finding import Finding, State, looked
from firmware_host.errors import Cancelled, HardwareError
from firmware_host.health.machine import Machine
from firmware_host.profile import Profile, load_profile
from firmware_host.profile_tables import HealthTable

LIMITS = HealthTable()
TIME = "timedatectl show --property=NTPSynchronized --value"
ZONE = "sys/class/thermal/thermal_zone0"
GROUPS = "root:x:0:\nvideo:x:44:ann\ngpio:x:986:ann\n"


def machine(root: Path, files: Mapping[str, str], answers: Mapping[str, str] | None = None) -> Machine:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return Machine(root, lambda program, arguments, _: (answers or {}).get(" ".join([program, *arguments])))


@pytest.fixture
def pi() -> Profile:
    return load_profile("rpi5-imx477-20x")


def judged(found: Finding) -> tuple[State, str]:
    assert bool(found.remedy) is (found.state != "green")
    assert "\n" not in found.detail + found.remedy
    return found.state, found.detail


def test_the_board_is_told_by_its_name(tmp_path: Path, pi: Profile, emulated: Profile) -> None:
    board = machine(tmp_path, {"proc/device-tree/model": "Raspberry Pi 5 Model B Rev 1.0\0"})
    assert judged(computer.board(board, pi)) == ("green", "Raspberry Pi 5 Model B Rev 1.0")
    laptop = machine(tmp_path / "laptop", {})
    assert judged(computer.board(laptop, pi))[0] == "yellow"
    assert judged(computer.board(laptop, emulated))[0] == "green"


def test_the_system_is_told(tmp_path: Path) -> None:
    release = {"etc/os-release": 'NAME="Debian"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n'}
    state, detail = judged(computer.system(machine(tmp_path, release)))
    assert state == "green"
    assert detail.startswith("Debian GNU/Linux 12 (bookworm), kernel ")
    assert "unknown system" in computer.system(machine(tmp_path / "none", {})).detail


@pytest.mark.parametrize(
    ("answer", "state"), [("yes\n", "green"), ("no\n", "yellow"), (None, "yellow"), ("perhaps", "yellow")]
)
def test_whether_dates_are_right(tmp_path: Path, answer: str | None, state: State) -> None:
    answers = {} if answer is None else {TIME: answer}
    assert judged(computer.time_synchronised(machine(tmp_path, {}, answers)))[0] == state


@pytest.mark.parametrize(
    ("millicelsius", "state"), [("45000", "green"), ("76000", "yellow"), ("81000", "red"), ("95000", "red")]
)
def test_a_scan_should_not_begin_hot(tmp_path: Path, millicelsius: str, state: State) -> None:
    board = machine(tmp_path, {f"{ZONE}/type": "cpu-thermal", f"{ZONE}/temp": millicelsius})
    assert judged(computer.temperature(board, LIMITS, True))[0] == state


@pytest.mark.parametrize(
    ("bits", "state", "words"),
    [
        ("0x0", "green", "good"),
        ("0x10000", "yellow", "too low since the board was started"),
        ("0x40000", "yellow", "held below its speed"),
        ("0x4", "yellow", "held below its speed"),
        ("0x50001", "red", "the supply's voltage is too low"),
    ],
)
def test_the_supply_is_told(tmp_path: Path, bits: str, state: State, words: str) -> None:
    found = computer.supply(machine(tmp_path, {}, {"vcgencmd get_throttled": f"throttled={bits}\n"}), LIMITS, True)
    assert judged(found)[0] == state
    assert words in found.detail


def test_a_jetsons_counters_are_told(tmp_path: Path) -> None:
    files = {"sys/class/hwmon/hwmon3/name": "soctherm_oc", "sys/class/hwmon/hwmon3/oc1_event_cnt": "2"}
    found = computer.supply(machine(tmp_path, files), LIMITS, True)
    assert judged(found) == ("yellow", "since the board was started: under-voltage 2 times")


def test_where_nothing_is_told_only_a_scanner_is_warned(tmp_path: Path) -> None:
    for check in (computer.temperature, computer.supply):
        assert judged(check(machine(tmp_path, {}), LIMITS, True))[0] == "yellow"
        assert judged(check(machine(tmp_path, {}), LIMITS, False))[0] == "green"


@pytest.mark.parametrize(
    ("table", "member_of", "state", "words"),
    [
        (GROUPS, [1000, 44, 986], "green", "gpio and video"),
        (GROUPS, [1000, 44], "yellow", "not in gpio"),
        (GROUPS, [1000], "yellow", "not in gpio and video"),
        ("video:x:44:\n", [44], "yellow", "not in gpio"),
        ("", [0], "yellow", "not in gpio and video"),
    ],
)
def test_the_groups_of_the_user(tmp_path: Path, table: str, member_of: list[int], state: State, words: str) -> None:
    found = computer.groups(machine(tmp_path, {"etc/group": table}), 1000, member_of)
    assert judged(found)[0] == state
    assert words in found.detail
    assert ("groupadd -r gpio" in found.remedy) is ("gpio" not in table)


def test_root_is_told_to_be_somebody_else(tmp_path: Path) -> None:
    assert judged(computer.groups(machine(tmp_path, {}), 0, []))[0] == "yellow"


@pytest.mark.parametrize(("share", "state"), [(3.0, "green"), (1.5, "yellow"), (0.9, "red")])
def test_free_room_is_held_against_a_scan(pi: Profile, share: float, state: State) -> None:
    need = computer.scan_bytes(pi, 15_000, 15_000)
    assert judged(computer.disk(pi, Path("/scans"), lambda _: round(share * need)))[0] == state


def test_a_disk_that_does_not_answer_is_one_red_line(pi: Profile) -> None:
    def broken(_: Path) -> int:
        raise OSError(5, "Input/output error")

    found = looked("disk", lambda: computer.disk(pi, Path("/scans"), broken))
    assert judged(found)[0] == "red"
    assert "Input/output error" in found.detail


def test_an_error_becomes_what_and_what_to_do() -> None:
    def fails() -> Finding:
        raise HardwareError("camera: none was found; it has a cable; check it")

    assert looked("camera", fails) == Finding("camera", "red", "none was found; it has a cable", "check it")


def test_a_request_to_stop_is_no_finding() -> None:
    def stopped() -> Finding:
        raise Cancelled("stopped: Ctrl-C")

    with pytest.raises(Cancelled):
        looked("camera", stopped)


def test_versions_are_told() -> None:
    found = computer.libraries(None)
    assert judged(found)[0] == "green"
    assert "numpy 2." in found.detail
    assert "torch" not in found.detail


def test_a_library_that_is_missing_is_red(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(computer, "requires", lambda _: ["numpy>=2", "no-such-library>=1; python_version > '3'"])
    found = computer.libraries(None)
    assert judged(found) == ("red", "missing: no-such-library")


def test_two_gpio_libraries_at_once_are_red(monkeypatch: pytest.MonkeyPatch) -> None:
    here = {"RPi.GPIO": "site-packages", "rpi-lgpio": "site-packages"}
    monkeypatch.setattr("firmware_host.gpio.rpi_libraries._folder_of", here.get)
    found = looked("GPIO libraries", computer.gpio_libraries)
    assert judged(found)[0] == "red"
    assert "RPi.GPIO and rpi-lgpio are both installed" in found.detail
