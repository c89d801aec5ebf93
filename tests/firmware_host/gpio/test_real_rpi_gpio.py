"""The real RPi.GPIO drives the registers of a Raspberry Pi 4, which here are a file.

It runs in a mount namespace of its own, where /proc/cpuinfo is that of a Pi 4 and /dev/gpiomem a page of zeros. Offsets
and bits: BCM2711 ARM Peripherals, chapter 5.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
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
exec {python} {arguments}
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


@pytest.fixture
def on_a_pi(tmp_path: Path) -> Callable[..., str]:
    """Runs Python there, and returns what it prints."""
    pytest.importorskip("RPi", reason="needs RPi.GPIO, which is installed on x86-64 Linux")
    if shutil.which("unshare") is None or _unshared("true").returncode != 0:
        pytest.skip("needs unshare, and user namespaces")
    (tmp_path / "cpuinfo").write_text(CPUINFO)
    (tmp_path / "gpiomem").write_bytes(bytes(4096))

    def run(*arguments: str) -> str:
        done = _unshared(NAMESPACE.format(folder=tmp_path, python=sys.executable, arguments=shlex.join(arguments)))
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.fixture
def seen(on_a_pi: Callable[..., str]) -> dict[str, object]:
    """What the registers held after each call."""
    told: dict[str, object] = json.loads(on_a_pi("-c", PROGRAM))
    return told


def test_the_library_conforms_as_far_as_registers_go(on_a_pi: Callable[..., str]) -> None:
    told = on_a_pi("-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/firmware_host/gpio/registers_rpi_gpio.py")
    assert re.search(r"^1[5-9] passed, \d+ skipped", told, re.MULTILINE), told


def test_each_call_sets_the_registers_of_its_pin(seen: dict[str, object]) -> None:
    """Select: three bits a pin, ten pins a register, 001 is an output. Pull: two bits a pin, sixteen pins, 01 is up."""
    assert seen["select"] == [0, 0b001 << 3 * (PIN - 10), 0]
    assert seen["pull"] == [0b01 << 2 * INPUT, 0]
    assert (seen["set"], seen["clear"]) == (1 << PIN, 1 << PIN)
    assert seen["closed"] == 0, "the output is an input again"
