"""The computer: board, system, libraries, rights, clock, disk, temperature and supply. Reads only."""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Callable, Iterable
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from firmware_host.doctor.finding import Finding, green, looked, red, yellow
from firmware_host.gpio.rpi_libraries import NAMES, check_installed
from firmware_host.health.disk import free_bytes, scan_bytes
from firmware_host.health.judgement import judge
from firmware_host.health.machine import Machine
from firmware_host.health.power import read_power
from firmware_host.health.sensors import Readings
from firmware_host.health.temperature import read_temperature
from firmware_host.profile import Profile
from firmware_host.profile_tables import HealthTable

_BOARDS = re.compile(r"Raspberry Pi|Jetson|NVIDIA")
_GROUPS = ("gpio", "video")  # whose members may use pins and camera
_SCAN_UM = 15_000.0  # a side of the square that free disk is compared with
_DRIVERS = {"gpiod": "gpiod", "picamera2": "picamera2", "opencv": "opencv-python"}  # and their packages


def computer(machine: Machine, profile: Profile | None, out: Path) -> list[Finding]:
    """All checks of the computer.

    :param profile: None where no scanner is asked about; :param out: folder that scans go to.
    """
    limits = HealthTable() if profile is None else profile.health
    on_scanner = profile is not None and not profile.hardware.is_emulated
    checks: list[tuple[str, Callable[[], Finding]]] = [
        ("board", lambda: board(machine, profile)),
        ("system", lambda: system(machine)),
        ("python", python),
        ("libraries", lambda: libraries(profile)),
        ("time", lambda: time_synchronised(machine)),
        ("temperature", lambda: temperature(machine, limits, on_scanner)),
        ("supply", lambda: supply(machine, limits, on_scanner)),
    ]
    if profile is not None:
        checks.append(("disk", lambda: disk(profile, out, free_bytes)))
    if on_scanner:
        checks.append(("GPIO libraries", gpio_libraries))
        checks.append(("groups", lambda: groups(machine, os.getuid(), os.getgroups())))
    return [looked(name, check) for name, check in checks]


def board(machine: Machine, profile: Profile | None) -> Finding:
    """What computer it is, and whether it may be that of the profile."""
    model = machine.text("proc/device-tree/model")
    told = model or f"{platform.machine()} computer without a device tree"
    if profile is None or profile.hardware.is_emulated or (model is not None and _BOARDS.search(model)):
        return green("board", told)
    return yellow(
        "board", f"{told}: neither a Raspberry Pi nor a Jetson", "run it on the scanner, or use --profile emulated"
    )


def system(machine: Machine) -> Finding:
    release = dict(line.split("=", 1) for line in (machine.text("etc/os-release") or "").splitlines() if "=" in line)
    name = release.get("PRETTY_NAME", "unknown system").strip('"')
    bits = 64 if sys.maxsize > 2**32 else 32
    told = f"{name}, kernel {platform.release()}, {bits} bits"
    return green("system", told) if bits == 64 else red("system", told, "install the 64-bit system")


def python() -> Finding:
    return green("python", f"{platform.python_version()} at {sys.executable}")


def libraries(profile: Profile | None) -> Finding:
    """Versions of what the host needs, and of what serves pins and camera."""
    wanted = [_name(line) for line in requires("wsi-scanner") or [] if "extra ==" not in line]
    if profile is not None:
        wanted += [_DRIVERS[name] for name in (profile.hardware.gpio, profile.hardware.camera) if name in _DRIVERS]
    found = {name: _version(name) for name in wanted}
    if profile is not None and profile.hardware.gpio == "rpi_gpio":
        found |= {name: number for name in NAMES if (number := _version(name)) is not None}
    missing = [name for name, number in found.items() if number is None]
    told = ", ".join(f"{name} {number}" for name, number in found.items() if number is not None)
    if not missing:
        return green("libraries", told)
    names = ", ".join(missing)
    remedy = "pip install wsi-scanner again; docs/troubleshooting.md tells which come from the system's packages"
    if set(missing) <= set(_DRIVERS.values()):  # they may have other names; the checks of pins and camera decide
        look = "nothing, where the checks of pins and camera are green"
        return yellow("libraries", f"{told}; not among the installed packages: {names}", look)
    return red("libraries", f"missing: {names}", remedy)


def gpio_libraries() -> Finding:
    """RPi.GPIO, rpi-lgpio and Jetson.GPIO overwrite each other."""
    check_installed()
    return green("GPIO libraries", "not more than one of RPi.GPIO, rpi-lgpio and Jetson.GPIO")


def groups(machine: Machine, user: int, member_of: Iterable[int]) -> Finding:
    """Whether this user is in the groups that usually may use pins and camera; the checks of those decide.

    :param user: number of the user; :param member_of: numbers of the user's groups.
    """
    if user == 0:
        return yellow("groups", "this is root, who may use everything", "scan as a user of the groups gpio and video")
    numbers = {line.split(":")[0]: line.split(":")[2] for line in (machine.text("etc/group") or "").splitlines()}
    mine = {str(number) for number in member_of}
    missing = [group for group in _GROUPS if numbers.get(group) not in mine]
    if not missing:
        return green("groups", " and ".join(_GROUPS))
    absent = [group for group in missing if group not in numbers]
    first = f"sudo groupadd -r {' '.join(absent)}, a udev rule for it, then " if absent else ""
    return yellow(
        "groups",
        f"this user is not in {' and '.join(missing)}",
        f"if pins or camera are refused: {first}sudo usermod -aG {','.join(missing)} $USER, and log in again",
    )


def time_synchronised(machine: Machine) -> Finding:
    """Tiles and reports carry dates, and a Raspberry Pi has no clock of its own without a battery."""
    told = machine.output("timedatectl", "show", "--property=NTPSynchronized", "--value")
    if told is not None and told.strip() == "yes":
        return green("time", "synchronised")
    if told is not None and told.strip() == "no":
        remedy = "connect it to a network (sudo timedatectl set-ntp true), or set it by hand"
        return yellow("time", "not synchronised: dates of scans may be wrong", remedy)
    return yellow(
        "time", "cannot be told here: timedatectl does not answer", "compare the output of `date` with a clock"
    )


def temperature(machine: Machine, limits: HealthTable, on_scanner: bool) -> Finding:
    """How hot the processor is, against the limits of a scan."""
    now = read_temperature(machine)
    if now is None:
        return _not_told("temperature", on_scanner, "see that its cooler works: the scan cannot watch it here")
    verdict = judge(limits, Readings(temperature=now), Readings(), "none")[0]
    if verdict.state == "calm":
        return green("temperature", f"{now}; a scan pauses at {limits.slow_c:g} C")
    detail, _, remedy = verdict.text.rpartition("; ")
    return (yellow if verdict.state == "warn" else red)("temperature", detail, remedy)


def supply(machine: Machine, limits: HealthTable, on_scanner: bool) -> Finding:
    """Under-voltage and throttling, now and since the board was started."""
    power = read_power(machine)
    if not power.told:
        return _not_told("supply", on_scanner, "on a Raspberry Pi: sudo usermod -aG video $USER, for vcgencmd")
    verdict = judge(limits, Readings(power=power), Readings(power=power), "none")[0]
    if verdict.state != "calm":
        detail, _, remedy = verdict.text.rpartition("; ")
        return (red if power.under_voltage else yellow)("supply", detail, remedy)
    if power.slowed_seen or any(power.events.values()):
        counted = ", ".join(f"{what} {count} times" for what, count in power.events.items() if count)
        detail = f"since the board was started: {counted or 'the processor was held below its speed'}"
        return yellow("supply", detail, "see to cooling and power supply if it comes again; a restart begins anew")
    return green("supply", "good, and the processor runs at its speed")


def disk(profile: Profile, out: Path, free: Callable[[Path], int]) -> Finding:
    """Free room against what a scan of 15 x 15 mm writes.

    :param free: bytes on the disk of a folder.
    """
    room, need = free(out), scan_bytes(profile, _SCAN_UM, _SCAN_UM)
    told = f"{room / 1e9:.1f} GB free at {out}; a scan of 15 x 15 mm needs up to {need / 1e9:.1f} GB"
    if room >= 2 * need:
        return green("disk", told)
    remedy = "delete old scans, or use a larger disk (a USB 3 SSD rather than the card)"
    return (yellow if room >= need else red)("disk", told, remedy)


def _not_told(check: str, on_scanner: bool, remedy: str) -> Finding:
    told = "not told by this machine"
    return yellow(check, told, remedy) if on_scanner else green(check, told)


def _name(requirement: str) -> str:
    found = re.match(r"[\w.-]+", requirement)
    return found[0] if found else requirement


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
