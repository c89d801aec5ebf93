"""What is read of a board's temperature, supply and disk, from files as boards have them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from board_files import ORIN, PI_ALARM, machine, put, zone
from hypothesis import given
from hypothesis import strategies as st

from firmware_host.health.disk import free_bytes, scan_bytes
from firmware_host.health.machine import run_program
from firmware_host.health.power import Power, power_of_bits, read_power
from firmware_host.health.sensors import BoardSensors, Readings
from firmware_host.health.temperature import Temperature, read_temperature
from firmware_host.profile import load_profile

FIRMWARE = "sys/devices/platform/soc/soc:firmware/get_throttled"


def test_a_computer_that_tells_nothing_is_no_fault(tmp_path: Path) -> None:
    assert BoardSensors(machine(tmp_path)).read() == Readings()
    assert not read_power(machine(tmp_path)).told


@pytest.mark.parametrize(
    ("zones", "hottest"),
    [
        ([("cpu-thermal", "61234")], Temperature(61.234, "cpu-thermal")),
        ([("cpu-thermal", "50000"), ("gpu-thermal", "70500")], Temperature(70.5, "gpu-thermal")),
        ([("PMIC-Die", "100000"), ("CPU-therm", "40000")], Temperature(40, "CPU-therm")),
        ([("acpitz", "99000")], None),
        ([("cpu-thermal", "hot"), ("gpu-thermal", "45000")], Temperature(45, "gpu-thermal")),
        ([("cpu-thermal", "-256000"), ("gpu-thermal", "45000")], Temperature(45, "gpu-thermal")),
        ([("cpu-thermal", "")], None),
    ],
)
def test_the_hottest_zone_of_a_processor_counts(
    tmp_path: Path, zones: list[tuple[str, str]], hottest: Temperature | None
) -> None:
    for number, (kind, text) in enumerate(zones):
        put(tmp_path, zone(number, kind, text))
    assert read_temperature(machine(tmp_path)) == hottest


def test_a_zone_that_is_switched_off_is_passed_over(tmp_path: Path) -> None:
    """A Jetson's cv0-thermal answers EAGAIN; here a folder stands in the file's place."""
    (tmp_path / "sys/class/thermal/thermal_zone0/temp").mkdir(parents=True)
    put(tmp_path, {"sys/class/thermal/thermal_zone0/type": "cpu-thermal"} | zone(1, "gpu-thermal", "30000"))
    assert read_temperature(machine(tmp_path)) == Temperature(30, "gpu-thermal")


@pytest.mark.parametrize(
    ("bits", "power"),
    [
        (0x0, Power(False, False, False, False)),
        (0x1, Power(True, False, False, False)),
        (0x2, Power(False, False, True, False)),
        (0x4, Power(False, False, True, False)),
        (0x8, Power(False, False, True, False)),
        (0x10000, Power(False, True, False, False)),
        (0x20000, Power(False, False, False, True)),
        (0x40000, Power(False, False, False, True)),
        (0x80000, Power(False, False, False, True)),
        (0x50005, Power(True, True, True, True)),
    ],
)
def test_the_bits_mean_what_the_maker_says(bits: int, power: Power) -> None:
    assert power_of_bits(bits) == power


@pytest.mark.parametrize(
    ("answer", "file", "seen"),
    [
        ("throttled=0x50000\n", None, True),
        ("throttled=0x0\n", "50000\n", False),  # the program is asked first
        (None, "50000\n", True),
        (None, "0\n", False),
        ("VCHI initialization failed\n", "50000\n", True),
        ("throttled=0x\n", None, None),
        (None, "none\n", None),
    ],
)
def test_a_raspberry_pi_is_asked_by_its_program_else_by_its_file(
    tmp_path: Path, answer: str | None, file: str | None, seen: bool | None
) -> None:
    files = {} if file is None else {FIRMWARE: file}
    assert read_power(machine(tmp_path, files, {"vcgencmd get_throttled": answer})).under_voltage_seen is seen


@pytest.mark.parametrize(("text", "low"), [("1\n", True), ("0\n", False), ("?\n", None)])
def test_the_alarm_of_the_kernel_alone_tells_of_now(tmp_path: Path, text: str, low: bool | None) -> None:
    alarm = {**PI_ALARM, "sys/class/hwmon/hwmon2/in0_lcrit_alarm": text}
    assert read_power(machine(tmp_path, alarm)) == Power(under_voltage=low)


def test_a_jetson_tells_what_it_counted_and_whether_it_is_held_down(tmp_path: Path) -> None:
    counted = {"under-voltage": 0, "average over-current": 4, "momentary over-current": 17}
    assert BoardSensors(machine(tmp_path, ORIN)).read() == Readings(
        Temperature(49.25, "tj-thermal"), Power(slowed=False, events=counted)
    )
    put(tmp_path, {"sys/class/thermal/cooling_device5/cur_state": "1\n"})
    assert read_power(machine(tmp_path)).slowed is True


@given(content=st.binary(max_size=40))
def test_whatever_a_file_holds_nothing_is_raised(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    root = tmp_path_factory.getbasetemp() / "any"
    files = (
        "sys/class/thermal/thermal_zone0/temp",
        "sys/class/thermal/thermal_zone0/type",
        FIRMWARE,
        "sys/class/hwmon/hwmon0/name",
    )
    for path in files:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
    BoardSensors(machine(root)).read()


def program(folder: Path, text: str) -> None:
    path = folder / "tool"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


@pytest.mark.parametrize(
    ("text", "printed"), [("echo 5", "5\n"), ("echo 5; exit 1", None), ("exec sleep 20", None), (None, None)]
)
def test_a_program_that_is_missing_fails_or_hangs_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None, printed: str | None
) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    if text is not None:
        program(tmp_path, text)
    assert run_program("tool" if text is not None else "no-such-tool", [], 0.3) == printed


def test_the_room_that_a_scan_needs_grows_with_its_area() -> None:
    profile = load_profile("emulated")
    small, large = scan_bytes(profile, 1500, 1500), scan_bytes(profile, 15_000, 15_000)
    assert 80 < large / small < 120
    pixels = 60_000**2  # 15 mm of 0.25 um each way
    assert 1.5 * pixels < large < 3 * pixels  # of which 0.94 a pixel only while the slide is put together


def test_free_room_is_told_for_a_folder_that_is_yet_to_be_made(tmp_path: Path) -> None:
    assert free_bytes(tmp_path / "a" / "b") == pytest.approx(free_bytes(tmp_path), rel=0.2)
    assert free_bytes(tmp_path) > 0
