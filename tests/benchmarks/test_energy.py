"""Joules from what boards tell."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import energy
from benchmarks.energy import CounterMeter, PowerMeter, find_meter

PMIC = """     3V7_WL_SW_A current(0)=0.10000000A
   3V3_SYS_A current(1)=0.20000000A
   VDD_CORE_A current(7)=2.00000000A
     3V7_WL_SW_V volt(8)=3.70000000V
   3V3_SYS_V volt(9)=3.30000000V
   VDD_CORE_V volt(15)=0.90000000V
   EXT5V_V volt(24)=5.10000000V
"""


@pytest.fixture
def no_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(energy.shutil, "which", lambda _: None)


@pytest.fixture
def ticking(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """A piece of work of 100 ms on a clock of its own."""
    now_s = [0.0]
    monkeypatch.setattr(energy.time, "perf_counter", lambda: now_s[0])

    def work() -> None:
        now_s[0] += 0.1

    return work


def write(folder: Path, **files: object) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_text(f"{content}\n")


@pytest.mark.parametrize("start", [0, 999_000], ids=["from zero", "over its end"])
def test_a_counter_is_read_before_and_after(
    tmp_path: Path, start: int, ticking: Callable[[], None], no_program: None
) -> None:
    rapl = tmp_path / "sys/class/powercap/intel-rapl:0"
    write(rapl, energy_uj=start, max_energy_range_uj=999_999)
    meter = find_meter(tmp_path)
    assert isinstance(meter, CounterMeter)

    def work() -> None:
        ticking()
        write(rapl, energy_uj=(int((rapl / "energy_uj").read_text()) + 2000) % 1_000_000)

    assert meter.measure(work) == pytest.approx(2000e-6)


def test_a_jetsons_supply_comes_before_its_processor(
    tmp_path: Path, ticking: Callable[[], None], no_program: None
) -> None:
    write(tmp_path / "sys/class/powercap/intel-rapl:0", energy_uj=0, max_energy_range_uj=9)
    write(tmp_path / "sys/bus/i2c/drivers/ina3221/1-0041/hwmon/hwmon0", in1_label="VDD_GPU", in1_input=1, curr1_input=1)
    supply = tmp_path / "sys/bus/i2c/drivers/ina3221/1-0040/hwmon/hwmon1"
    write(supply, in1_label="VDD_IN", in1_input=5000, curr1_input=1400)
    meter = find_meter(tmp_path)
    assert isinstance(meter, PowerMeter)
    assert meter.measure(ticking) == pytest.approx(7.0 * 0.1)


def test_a_raspberry_pi_5_adds_up_its_rails(
    tmp_path: Path, ticking: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "vcgencmd"
    program.write_text(f"#!/bin/sh\ntest $1 = pmic_read_adc && cat <<'END'\n{PMIC}END\n")
    program.chmod(0o755)
    monkeypatch.setattr(energy.shutil, "which", lambda _: str(program))
    meter = find_meter(tmp_path)
    assert meter is not None
    assert meter.measure(ticking) == pytest.approx((0.37 + 0.66 + 1.8) * 0.1)


def test_an_older_pi_has_the_program_and_does_not_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "vcgencmd"
    program.write_text("#!/bin/sh\necho error=1 error_msg='Command not registered'\n")
    program.chmod(0o755)
    monkeypatch.setattr(energy.shutil, "which", lambda _: str(program))
    assert find_meter(tmp_path) is None


def test_a_machine_that_tells_nothing_has_no_meter(tmp_path: Path, no_program: None) -> None:
    assert find_meter(tmp_path) is None
