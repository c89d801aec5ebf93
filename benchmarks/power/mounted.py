"""A real ext4 file system on a disk that loses power: made, mounted, cut off, mounted again, and cleared away.

    with CuttingDevice(32, seed=1) as device:
        with device.mounted() as folder:
            device.cut_after_writes(100)
            ...                                # until device.off is readable; then end what writes there
        with device.mounted() as folder:       # as the cut left it; the kernel replays ext4's journal
            ...

Needs root, /dev/fuse, a free loop device and e2fsprogs: `missing` says what is not there.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from benchmarks.power.device import NAME, SOURCE

_TIMEOUT_S = 30
_TOOLS = ("mkfs.ext4", "e2fsck", "losetup", "mount", "umount")
_PREFIX = "wsi-power-"
_EXT4 = "noatime,noauto_da_alloc"
"""Without ext4's own guess that a file which is renamed over another had better be written first."""


def missing() -> str | None:
    """Why there can be no such device on this machine; None where it can be."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return "needs root, to mount"
    for path in ("/dev/fuse", "/dev/loop-control"):
        if not Path(path).exists():
            return f"needs {path}"
    tools = [tool for tool in _TOOLS if shutil.which(tool) is None]
    return f"needs {', '.join(tools)}" if tools else None


class CuttingDevice:
    """An ext4 file system of `size_mb` on a disk of its own. A context manager: at its end nothing is left of it.

    :param seed: of what a cut leaves of writes that were not flushed.
    `off` is a file descriptor: readable when the power has gone, until `power_up`.
    """

    def __init__(self, size_mb: int, seed: int) -> None:
        self._size_mb = size_mb
        self._seed = seed
        self._cleanup = contextlib.ExitStack()

    def __enter__(self) -> CuttingDevice:
        with contextlib.ExitStack() as cleanup:
            scratch = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix=f"{_PREFIX}{os.getpid()}-")))
            self._disk_folder, self._folder = scratch / "device", scratch / "mounted"
            self._disk_folder.mkdir()
            self._folder.mkdir()
            image = scratch / "image"
            with image.open("wb") as file:
                file.truncate(self._size_mb << 20)
            _do("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0,nodiscard", str(image))
            self.off, told = os.pipe()
            cleanup.callback(os.close, self.off)
            command = [sys.executable, "-m", "benchmarks.power.device", self._disk_folder, image, self._seed, told]
            self._server = cleanup.enter_context(
                subprocess.Popen(
                    [str(each) for each in command],
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, pass_fds=[told], cwd=_project(),
                )
            )  # fmt: skip
            os.close(told)
            cleanup.callback(self._server.kill)
            self._answer("mounted")
            cleanup.callback(_do, "umount", "--lazy", str(self._disk_folder))
            image.unlink()
            self._cleanup = cleanup.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._cleanup.close()

    @contextlib.contextmanager
    def mounted(self) -> Iterator[Path]:
        """Mount the file system; at the end unmount it. Whoever has files open there must have ended by then."""
        disk = self._disk_folder / NAME
        loop = _do("losetup", "--find", "--show", str(disk)).strip()
        try:
            _do("mount", "-t", "ext4", "-o", _EXT4, loop, str(self._folder))
            try:
                yield self._folder
            finally:
                _do("umount", str(self._folder))
        finally:
            _do("losetup", "--detach", loop)

    def writes(self) -> int:
        """How many writes the disk was asked for so far."""
        return int(self._order("writes"))

    def cut_after_writes(self, writes: int) -> None:
        """The power goes in the middle of that write, counted from now; `off` is readable then."""
        self._order(f"cut {writes}", "done")

    def cut(self) -> None:
        """The power goes now; `off` is readable."""
        self._order("cut", "done")

    def power_up(self) -> None:
        """After a cut and after unmounting: the disk holds what the cut left."""
        while select.select([self.off], [], [], 0)[0]:
            os.read(self.off, 100)
        self._order("power_up", "done")

    def check(self) -> str:
        """What is wrong with the file system, unmounted, by `e2fsck`; empty when it is clean."""
        done = _try("e2fsck", "-f", "-n", self._disk_folder / NAME)
        return "" if done.returncode == 0 else done.stdout + done.stderr

    def _order(self, order: str, expected: str | None = None) -> str:
        assert self._server.stdin is not None
        self._server.stdin.write(f"{order}\n".encode())
        return self._answer(expected)

    def _answer(self, expected: str | None) -> str:
        """:raises RuntimeError: it says nothing, or something else."""
        assert self._server.stdout is not None
        if not select.select([self._server.stdout], [], [], _TIMEOUT_S)[0]:
            raise RuntimeError(f"cutting device: no answer within {_TIMEOUT_S} s")
        said = self._server.stdout.readline().decode().strip()
        if said != (expected or said):
            raise RuntimeError(f"cutting device: it said {said!r}, not {expected!r}")
        return said


def abandoned() -> list[Path]:
    """The folders of runs that were killed."""
    folders = Path(tempfile.gettempdir()).glob(f"{_PREFIX}*")
    return [each for each in folders if not Path("/proc", each.name.removeprefix(_PREFIX).partition("-")[0]).exists()]


def sweep() -> None:
    """Clear away what runs that were killed have left: mounts, loop devices, folders. Others may do so at once."""
    for folder in abandoned():
        mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
        for source, place, *_ in reversed(mounts):
            if Path(place).parent == folder:
                _try("umount", "--lazy", place)
                if source != SOURCE:
                    _try("losetup", "--detach", source)
        shutil.rmtree(folder, ignore_errors=True)


def _try(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S)


def _do(*command: str) -> str:
    """What the command prints. :raises RuntimeError: it failed; what it said."""
    done = _try(*command)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {(done.stdout + done.stderr).strip()}")
    return done.stdout


def _project() -> Path:
    return Path(__file__).parents[2]
