"""What is read of a machine's memory and of a service's limit, from files as kernels have them."""

from __future__ import annotations

from pathlib import Path

import pytest
from board_files import machine, put
from hypothesis import given
from hypothesis import strategies as st

from firmware_host.health.memory import Memory, give_back, read_memory
from firmware_host.health.sensors import BoardSensors

MEMINFO = "MemTotal:        1921032 kB\nMemFree:           91032 kB\nMemAvailable:    1000000 kB\nBuffers: 20 kB\n"
SERVICE = "system.slice/wsi-scan.service"


def group(folder: str, limit: str, used: int, inactive_file: int = 0) -> dict[str, str]:
    return {
        f"sys/fs/cgroup/{folder}/memory.max": f"{limit}\n",
        f"sys/fs/cgroup/{folder}/memory.current": f"{used}\n",
        f"sys/fs/cgroup/{folder}/memory.stat": f"anon 1\ninactive_file {inactive_file}\nslab_reclaimable 1000000\n",
    }


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, None),
        ({"proc/meminfo": "MemTotal: 5 kB\n"}, None),
        ({"proc/meminfo": MEMINFO}, Memory(1024)),
        # no limit
        ({"proc/meminfo": MEMINFO, "proc/self/cgroup": f"0::/{SERVICE}\n", **group(SERVICE, "max", 5)}, Memory(1024)),
        # a limit of 800 MB, of which 500 MB are used: 100 MB of these are only a file's, 1 MB the kernel's
        (
            {
                "proc/meminfo": MEMINFO,
                "proc/self/cgroup": f"0::/{SERVICE}\n",
                **group(SERVICE, "800000000", 500_000_000, 100_000_000),
            },
            Memory(401, limited=True),
        ),
        # the tighter limit is that of the slice above
        (
            {
                "proc/self/cgroup": f"4:memory:/old\n0::/{SERVICE}\n",
                **group(SERVICE, "800000000", 100_000_000),
                **group("system.slice", "900000000", 700_000_000),
            },
            Memory(201, limited=True),
        ),
        # beyond its limit
        ({"proc/self/cgroup": f"0::/{SERVICE}\n", **group(SERVICE, "1000000", 9_000_000)}, Memory(0, limited=True)),
        # the group is outside what this program sees
        (
            {
                "proc/meminfo": MEMINFO,
                "proc/self/cgroup": "0::/../../other\n",
                "sys/fs/cgroup/cgroup.procs": "",
                "sys/other/memory.max": "5",
                "sys/other/memory.current": "4",
            },
            Memory(1024),
        ),
        # version 1 alone: no group
        ({"proc/meminfo": MEMINFO, "proc/self/cgroup": "4:memory:/old\n"}, Memory(1024)),
    ],
)
def test_the_scarcer_of_machine_and_limit_counts(
    tmp_path: Path, files: dict[str, str], expected: Memory | None
) -> None:
    assert read_memory(machine(tmp_path, files)) == expected
    assert BoardSensors(machine(tmp_path)).read().memory == expected


@given(content=st.binary(max_size=60))
def test_whatever_the_files_hold_nothing_is_raised(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    root = tmp_path_factory.getbasetemp() / "memory"
    put(root, {"proc/self/cgroup": "0::/a\n"} | group("a", "900", 1))
    for path in ("proc/meminfo", "sys/fs/cgroup/a/memory.max", "sys/fs/cgroup/a/memory.stat"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
        read_memory(machine(root))


def test_memory_is_given_back_wherever_this_runs() -> None:
    give_back()
