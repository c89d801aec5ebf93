"""Files of boards as they are found below /, for tests: a Raspberry Pi, a Jetson, and programs that answer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from firmware_host.health.machine import Machine


def put(root: Path, files: Mapping[str, str]) -> None:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


def machine(
    root: Path, files: Mapping[str, str] | None = None, answers: Mapping[str, str | None] | None = None
) -> Machine:
    """A computer with these files, and these answers to whole command lines; it has no other programs."""
    put(root, files or {})

    def run(program: str, arguments: list[str], timeout_s: float) -> str | None:
        assert 0 < timeout_s <= 5
        return (answers or {}).get(" ".join([program, *arguments]))

    return Machine(root, run)


def zone(number: int, kind: str, millicelsius: str) -> dict[str, str]:
    folder = f"sys/class/thermal/thermal_zone{number}"
    return {f"{folder}/type": f"{kind}\n", f"{folder}/temp": f"{millicelsius}\n"}


PI_ALARM = {"sys/class/hwmon/hwmon2/name": "rpi_volt\n", "sys/class/hwmon/hwmon2/in0_lcrit_alarm": "1\n"}

ORIN = {
    **zone(0, "cpu-thermal", "48500"),
    **zone(1, "gpu-thermal", "47000"),
    **zone(8, "tj-thermal", "49250"),
    "sys/class/thermal/cooling_device0/type": "pwm-fan\n",
    "sys/class/thermal/cooling_device0/cur_state": "3\n",
    "sys/class/thermal/cooling_device5/type": "cpu-throttle-alert\n",
    "sys/class/thermal/cooling_device5/cur_state": "0\n",
    "sys/class/hwmon/hwmon1/name": "ina3221\n",
    "sys/class/hwmon/hwmon3/name": "soctherm_oc\n",
    "sys/class/hwmon/hwmon3/oc1_event_cnt": "0\n",
    "sys/class/hwmon/hwmon3/oc2_event_cnt": "4\n",
    "sys/class/hwmon/hwmon3/oc3_event_cnt": "17\n",
}
