"""Where figures were measured: without it they say nothing."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

_ROOT = Path(__file__).parents[1]
_PACKAGES = ("numpy", "onnxruntime", "wsi-scanner")


def environment() -> dict[str, str | int | None]:
    """Machine, versions, and the commit, with a + where the checkout differs from it."""
    return {
        "board": _first_line(Path("/proc/device-tree/model")),
        "processor": _processor(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
        **{name: version(name) for name in _PACKAGES},
        "commit": _commit(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
    }


def _processor() -> str:
    told = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").is_file() else ""
    names = [line.split(":", 1)[1].strip() for line in told.splitlines() if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _first_line(path: Path) -> str:
    return path.read_text().strip("\0\n") if path.is_file() else ""


def _commit() -> str:
    """Empty outside a checkout."""
    try:
        said = subprocess.run(
            ["git", "-C", str(_ROOT), "describe", "--always", "--dirty=+", "--abbrev=12"],
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return said.stdout.strip()
