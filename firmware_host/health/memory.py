"""How much memory is left to this program before the kernel ends something, and giving back what lies idle."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from firmware_host.health.machine import Machine, parsed

_GROUPS = "sys/fs/cgroup"
# What a group's files hold in memory is dropped before anything is killed: https://docs.kernel.org, cgroup-v2, memory.
_DROPPED = ("inactive_file", "slab_reclaimable")


@dataclass(frozen=True)
class Memory:
    """:param available_mb: that can still be taken, MB (10^6 bytes). :param limited: by a control group, not by RAM."""

    available_mb: float
    limited: bool = False

    def __str__(self) -> str:
        return f"{self.available_mb:.0f} MB" + (" of the service's limit" if self.limited else "")


def read_memory(machine: Machine) -> Memory | None:
    """The scarcer of the machine's memory and of what the control groups allow; None where the kernel tells neither."""
    told = [
        Memory(bytes_left / 1e6, limited)
        for bytes_left, limited in ((_of_machine(machine), False), (_of_groups(machine), True))
        if bytes_left is not None
    ]
    return min(told, key=lambda memory: memory.available_mb, default=None)


def give_back() -> None:
    """Collect what nothing refers to any more, and return free heap to the kernel where the C library can."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):  # musl has no malloc_trim
        ctypes.CDLL(None).malloc_trim(0)


def _of_machine(machine: Machine) -> int | None:
    found = re.search(r"^MemAvailable:\s*(\d+) kB", machine.text("proc/meminfo") or "", re.MULTILINE)
    return None if found is None else int(found[1]) * 1024


def _of_groups(machine: Machine) -> int | None:
    """What is left below the tightest limit of this program's group and of those above it (cgroup v2 alone)."""
    found = re.search(r"^0::/(.*)$", machine.text("proc/self/cgroup") or "", re.MULTILINE)
    if found is None or ".." in found[1].split("/"):  # of another namespace: its limits are not seen from here
        return None
    own = PurePosixPath(found[1])
    left = [_of_group(machine, f"{_GROUPS}/{folder}") for folder in (own, *own.parents)]
    return min((bytes_left for bytes_left in left if bytes_left is not None), default=None)


def _of_group(machine: Machine, folder: str) -> int | None:
    limit, used = machine.number(f"{folder}/memory.max"), machine.number(f"{folder}/memory.current")
    if limit is None or used is None:  # "max": none
        return None
    lines = (machine.text(f"{folder}/memory.stat") or "").splitlines()
    told = dict(line.split(" ", 1) for line in lines if " " in line)
    return max(limit - used + sum(parsed(told.get(name)) or 0 for name in _DROPPED), 0)
