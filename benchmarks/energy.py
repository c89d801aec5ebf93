"""Energy of a piece of work, where the board tells: the whole board's, or the processor's.

Unverified on a board; the files and the program's output that are read here are those that the makers document.
"""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

_ENOUGH_S = 1.0  # meters are slow: a board's power is a mean over some milliseconds
_RAIL = re.compile(r"^\s*(\w+)_([AV]) (?:current|volt)\(\d+\)=([\d.]+)[AV]", re.MULTILINE)


class Meter(Protocol):
    """Something that tells joules."""

    what: str

    def measure(self, work: Callable[[], object]) -> float:
        """Joules of one call, from many of them."""


class CounterMeter:
    """A counter of microjoules that starts again at its end, as Linux has it for Intel and AMD processors."""

    what = "processor"

    def __init__(self, folder: Path) -> None:
        self._counter, self._end_uj = folder / "energy_uj", int((folder / "max_energy_range_uj").read_text())

    def measure(self, work: Callable[[], object]) -> float:
        before_uj = int(self._counter.read_text())
        calls, _ = _for_a_while(work, lambda: None)
        spent_uj = (int(self._counter.read_text()) - before_uj) % (self._end_uj + 1)
        return spent_uj * 1e-6 / calls


class PowerMeter:
    """A reading of watts, taken between the calls."""

    what = "board"

    def __init__(self, watts: Callable[[], float]) -> None:
        self._watts = watts

    def measure(self, work: Callable[[], object]) -> float:
        readings: list[float] = []
        calls, taken_s = _for_a_while(work, lambda: readings.append(self._watts()))
        return sum(readings) / len(readings) * taken_s / calls


def find_meter(root: Path = Path("/")) -> Meter | None:
    """The best one that this machine has and lets us read, None where it has none.

    :param root: where its file system begins.
    """
    for folder in sorted(root.glob("sys/bus/i2c/drivers/ina3221/*/hwmon/hwmon*")):  # a Jetson's supply
        label = folder / "in1_label"
        if label.is_file() and label.read_text().strip() == "VDD_IN":
            return PowerMeter(functools.partial(_supply, folder))
    if (program := shutil.which("vcgencmd")) is not None and _rails(program):  # a Raspberry Pi 5's
        return PowerMeter(functools.partial(_rails, program))
    for folder in sorted(root.glob("sys/class/powercap/intel-rapl:0")):
        try:
            (folder / "energy_uj").read_text()
            return CounterMeter(folder)
        except OSError:
            continue  # for root alone
    return None


def _for_a_while(work: Callable[[], object], between: Callable[[], None]) -> tuple[int, float]:
    """How many calls were made, and seconds that they took."""
    calls, taken_s = 0, 0.0
    while taken_s < _ENOUGH_S:
        between()
        began = time.perf_counter()
        work()
        taken_s += time.perf_counter() - began
        calls += 1
    return calls, taken_s


def _supply(folder: Path) -> float:
    """Watts of a sensor that tells millivolts and milliamperes."""
    return int((folder / "in1_input").read_text()) * int((folder / "curr1_input").read_text()) * 1e-6


def _rails(program: str) -> float:
    """Watts over all rails that have both a current and a voltage; 0 where the board does not tell."""
    done = subprocess.run([program, "pmic_read_adc"], capture_output=True, text=True, check=False, timeout=5)
    readings = {(name, unit): float(value) for name, unit, value in _RAIL.findall(done.stdout)}
    return sum(amperes * readings.get((name, "V"), 0.0) for (name, unit), amperes in readings.items() if unit == "A")
