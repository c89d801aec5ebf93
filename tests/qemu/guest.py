"""The first process of the small Linux that `gpio_kernel.py` boots: makes GPIO chips, runs the tests on them, ends.

It stands alone in an initramfs with an interpreter. The GPIO chips are gpio-sim's, named as those of a Raspberry Pi 4
and of a Jetson; `sim.py` is the circuit on their other side. The PWM chip is pwm-sim's.
"""

from __future__ import annotations

import ctypes
import os
import platform
import subprocess
import sys
import traceback
from pathlib import Path

PROJECT = Path("/project")
CONFIG = Path("/config/gpio-sim")
CHIPS = {"pi": ("pinctrl-bcm2711", 58), "jetson": ("tegra234-gpio", 164)}
RUNS: dict[str, dict[str, str]] = {  # of the tests in kernel_gpio.py, with each library
    "gpiod": {},
    "rpi-lgpio": {"RPI_LGPIO_REVISION": "c03114", "RPI_LGPIO_CHIP": "0"},
    "jetson": {"JETSON_TESTING_MODEL_NAME": "JETSON_ORIN_NANO"},
}
POWER_OFF = 0x4321FEDC  # linux/reboot.h

libc = ctypes.CDLL(None, use_errno=True)


def checked(result: int, what: str) -> None:
    if result < 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


def mount(kind: str, at: str) -> None:
    Path(at).mkdir(exist_ok=True)
    checked(libc.mount(kind.encode(), at.encode(), kind.encode(), 0, None), f"mount {at}")


def load(module: Path) -> None:
    with module.open("rb") as file:
        checked(libc.syscall(313, file.fileno(), b"", 0), f"load {module.name}")  # finit_module on x86-64


def make_chips() -> None:
    for name, (label, lines) in CHIPS.items():
        bank = CONFIG / name / "header"
        bank.mkdir(parents=True)
        (bank / "num_lines").write_text(str(lines))
        (bank / "label").write_text(label)
        (CONFIG / name / "live").write_text("1")


def run(name: str, tests: str, more: dict[str, str]) -> bool:
    print(f"--- {name}", flush=True)
    environment = (
        os.environ
        | more
        | {
            "GPIO_LIBRARY": name,
            "PYTHONPATH": f"/packages:/libraries/{name}",
        }
    )
    options = ["-q", "-s", "--color=no", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", *options, f"tests/qemu/{tests}"]
    return subprocess.run(command, cwd=PROJECT, env=environment, check=False).returncode == 0


def main() -> None:
    for kind, at in (("proc", "/proc"), ("sysfs", "/sys"), ("devtmpfs", "/dev"), ("tmpfs", "/tmp")):
        mount(kind, at)
    load(Path("/modules/configfs.ko"))
    mount("configfs", "/config")
    load(Path("/modules/gpio-simulated.ko"))
    load(Path("/modules/pwm-sim.ko"))
    make_chips()
    print(f"Linux {platform.release()}, Python {platform.python_version()}", flush=True)
    results = [run("PWM", "kernel_pwm.py", {})]
    results += [run(name, "kernel_gpio.py", more) for name, more in RUNS.items()]
    print("GPIO TEST PASSED" if all(results) else "GPIO TEST FAILED", flush=True)


if __name__ == "__main__":
    try:
        main()
    except BaseException:
        traceback.print_exc()
        print("GPIO TEST FAILED", flush=True)
    finally:
        os.sync()
        libc.reboot(POWER_OFF)
