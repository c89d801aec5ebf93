"""The real RPi.GPIO drives the registers of a Raspberry Pi 4, which here are a file.

It runs in a mount namespace of its own, where /proc/cpuinfo is that of a Pi 4 and /dev/gpiomem a page of zeros. Offsets
and bits: BCM2711 ARM Peripherals, chapter 5.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PIN, INPUT = 17, 5
CPUINFO = "Hardware\t: BCM2711\nRevision\t: c03114\nSerial\t\t: 0\nModel\t\t: Raspberry Pi 4 Model B Rev 1.4\n"
SELECT, SET, CLEAR, PULL = 0x00, 0x1C, 0x28, 0xE4
NAMESPACE = """
set -e
mount --bind {folder}/cpuinfo /proc/cpuinfo
mkdir {folder}/dev
for node in null zero urandom; do touch {folder}/dev/$node; mount --bind /dev/$node {folder}/dev/$node; done
cp {folder}/gpiomem {folder}/dev/gpiomem
mount --rbind {folder}/dev /dev
exec {python} {folder}/program.py
"""
PROGRAM = f"""
import json, struct
from firmware_host.gpio.choice import open_port
from firmware_host.profile_tables import HardwareTable
def register(offset):
    with open("/dev/gpiomem", "rb") as page:
        page.seek(offset)
        return struct.unpack("<I", page.read(4))[0]
port = open_port(HardwareTable(gpio="rpi_gpio", camera="picamera2"))
seen = {{}}
port.setup_output({PIN}, False)
port.setup_input({INPUT}, "up")
seen["select"] = [register({SELECT} + 4 * word) for word in range(3)]
seen["pull"] = [register({PULL} + 4 * word) for word in range(2)]
port.write({PIN}, True)
seen["set"] = register({SET})
port.write({PIN}, False)
seen["clear"] = register({CLEAR})
port.close()
seen["closed"] = register({SELECT} + 4)
print(json.dumps(seen))
"""


def _unshared(script: str) -> subprocess.CompletedProcess[str]:
    command = ["unshare", "-rm", "sh", "-c", script]
    project = Path(__file__).parents[3]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """What the registers held after each call."""
    pytest.importorskip("RPi", reason="needs RPi.GPIO, which is installed on x86-64 Linux")
    if shutil.which("unshare") is None:
        pytest.skip("needs unshare")
    folder = tmp_path_factory.mktemp("pi")
    (folder / "cpuinfo").write_text(CPUINFO)
    (folder / "gpiomem").write_bytes(bytes(4096))
    (folder / "program.py").write_text(PROGRAM)
    script = NAMESPACE.format(folder=folder, python=sys.executable)
    if _unshared("true").returncode != 0:
        pytest.skip("needs user namespaces")
    done = _unshared(script)
    assert done.returncode == 0, done.stderr
    told: dict[str, object] = json.loads(done.stdout)
    return told


def test_an_output_is_selected_and_an_input_is_not(seen: dict[str, object]) -> None:
    """Three bits a pin, ten pins a register: 001 is an output, 000 an input."""
    assert seen["select"] == [0, 0b001 << 3 * (PIN - 10), 0]


def test_an_input_is_pulled_up(seen: dict[str, object]) -> None:
    """Two bits a pin, sixteen pins a register: 01 pulls up."""
    assert seen["pull"] == [0b01 << 2 * INPUT, 0]


def test_levels_are_set_and_cleared_by_the_pins_own_bit(seen: dict[str, object]) -> None:
    assert (seen["set"], seen["clear"]) == (1 << PIN, 1 << PIN)


def test_closing_makes_the_output_an_input_again(seen: dict[str, object]) -> None:
    assert seen["closed"] == 0
