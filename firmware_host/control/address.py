"""Where the sockets of running scans lie: a folder that only their user can write to. No link is followed there."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path

from firmware_host.errors import HardwareError

_NAME = "wsi-scanner"
_LONGEST = 107  # bytes of a socket's path, Linux


def folders(
    environment: Mapping[str, str] | None = None, run: Path = Path("/run"), temporary: Path | None = None
) -> list[Path]:
    """Where they may lie, the best first. A service has /run/wsi-scanner (RuntimeDirectory= of its unit).

    :param environment: where XDG_RUNTIME_DIR is looked up.
    """
    user = os.geteuid()
    session = (os.environ if environment is None else environment).get("XDG_RUNTIME_DIR", "")
    temporary = Path(tempfile.gettempdir()) if temporary is None else temporary
    found = [Path(session) / _NAME] if session.startswith("/") else []
    found += [run / "user" / str(user) / _NAME, run / _NAME, temporary / f"{_NAME}-{user}"]
    return list(dict.fromkeys(found))


def is_safe(folder: Path) -> bool:
    """Whether it is a folder, no link, that nobody but this user (and root) can put anything into.

    Root trusts the folder of a service, too: only root can have made it in /run.
    """
    try:
        found = folder.lstat()
    except OSError:
        return False
    mine = found.st_uid == os.geteuid() or (os.geteuid() == 0 and folder == Path("/run") / _NAME)
    return stat.S_ISDIR(found.st_mode) and mine and not found.st_mode & 0o022


def own_socket(candidates: list[Path]) -> Path:
    """Where this process may listen: in the first folder that can be had, which is made with mode 0700.

    :raises HardwareError: in none of them.
    """
    for folder in candidates:
        path = folder / f"scan-{os.getpid()}.sock"
        if len(os.fsencode(path)) + len(".part") > _LONGEST:
            continue
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
        except OSError:
            continue
        if is_safe(folder) and os.access(folder, os.W_OK):
            return path
    tried = ", ".join(str(folder) for folder in candidates)
    raise HardwareError(f"control: no folder for the scan's socket among {tried}; see that one of them is yours alone")


def sockets(candidates: list[Path]) -> list[Path]:
    """Those of all scans that this user may ask, also of some that have ended without taking theirs away."""
    return [
        path
        for folder in candidates
        if is_safe(folder)
        for path in sorted(folder.glob("scan-*.sock"))
        if path.is_socket() and not path.is_symlink() and len(os.fsencode(path)) <= _LONGEST
    ]
