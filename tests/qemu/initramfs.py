"""An initramfs for QEMU, written as a cpio archive ("newc"): this interpreter, its libraries, and what a test adds.

Format: Documentation/driver-api/early-userspace/buffer-format.rst of Linux.
"""

from __future__ import annotations

import importlib.util
import re
import stat
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

_LEFT_OUT = {"__pycache__", "site-packages", "test", "idlelib", "tkinter", "turtledemo", "ensurepip", "lib2to3"}


class Archive:
    """Files by their path in the archive; folders come with them."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._known: set[str] = set()

    def add(self, path: str, source: Path, executable: bool = False, shebang: str = "") -> None:
        first = f"#!{shebang}\n".encode() if shebang else b""
        self._add(path, first + source.read_bytes(), stat.S_IFREG | (0o755 if executable else 0o644))

    def add_text(self, path: str, text: str) -> None:
        self._add(path, text.encode(), stat.S_IFREG | 0o644)

    def add_folder(self, path: str, source: Path) -> None:
        for file in sorted(source.rglob("*")):
            inside = file.relative_to(source)
            if file.is_file() and not _LEFT_OUT & set(inside.parts):
                self.add(f"{path}/{inside}", file)

    def close(self) -> None:
        self._write("TRAILER!!!", b"", 0)

    def _add(self, path: str, content: bytes, mode: int) -> None:
        path = path.lstrip("/")
        if path in self._known:
            return
        for folder in reversed(Path(path).parents[:-1]):
            if str(folder) not in self._known:
                self._known.add(str(folder))
                self._write(str(folder), b"", stat.S_IFDIR | 0o755)
        self._known.add(path)
        self._write(path, content, mode)

    def _write(self, path: str, content: bytes, mode: int) -> None:
        name = path.encode() + b"\0"
        fields = (len(self._known), mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name), 0)
        header = b"070701" + b"".join(b"%08X" % each for each in fields) + name
        self._file.write(header + bytes(-len(header) % 4) + content + bytes(-len(content) % 4))


def interpreter_path() -> Path:
    """Of this Python, there as here."""
    return Path(sys.executable).resolve()


def interpreter(archive: Archive, packages: Iterable[str]) -> None:
    """This Python, its standard library, and some installed packages in /packages, with the libraries that all load."""
    executable = interpreter_path()
    library = Path(sysconfig.get_path("stdlib"))
    archive.add(str(executable), executable, executable=True)
    archive.add_folder(str(library), library)
    loaded = [executable, *library.glob("lib-dynload/*.so")]
    for name in packages:
        found = importlib.util.find_spec(name)
        if found is None or found.origin is None:
            continue
        origin = Path(found.origin)
        if origin.name != "__init__.py":
            archive.add(f"packages/{origin.name}", origin)
            continue
        archive.add_folder(f"packages/{name}", origin.parent)
        loaded += origin.parent.rglob("*.so")
    for path in shared_libraries(loaded):
        archive.add(path, Path(path), executable=True)


def shared_libraries(files: Iterable[Path]) -> set[str]:
    done = subprocess.run(["ldd", *map(str, files)], capture_output=True, text=True, check=False)
    return set(re.findall(r"(/\S+\.so\S*) \(0x", done.stdout))
