"""The computer that the host runs on, as files below a root and programs that may be missing. Only reads."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

_TIMEOUT_S = 2.0

Run = Callable[[str, list[str], float], str | None]
"""Program, arguments and timeout in seconds -> what it prints; None: it is missing, fails, or does not answer."""


def run_program(program: str, arguments: list[str], timeout_s: float) -> str | None:
    """What a program of this machine prints; None where it is missing, fails, or does not answer in time."""
    path = shutil.which(program)
    if path is None:
        return None
    try:
        done = subprocess.run(
            [path, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout_s, check=False
        )
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


class Machine:
    """Files and programs of a computer. Whatever is missing or cannot be read is None, never an error.

    :param root: below which the files are looked for; tests give a folder. :param run: starts programs.
    """

    def __init__(self, root: Path = Path("/"), run: Run = run_program) -> None:
        self.root = root
        self._run = run

    def text(self, path: str) -> str | None:
        """A file's text, without the white space and zero bytes at its ends; `path` without the leading slash."""
        try:
            return (self.root / path).read_bytes().decode("utf-8", "replace").strip("\0 \t\r\n")
        except OSError:  # a sensor that is switched off answers EAGAIN
            return None

    def number(self, path: str, base: int = 10) -> int | None:
        """A file's integer."""
        return parsed(self.text(path), base)

    def found(self, pattern: str) -> Iterator[str]:
        """The paths that match, as `text` takes them, in the order of their names."""
        for path in sorted(self.root.glob(pattern)):
            yield str(path.relative_to(self.root))

    def output(self, program: str, *arguments: str) -> str | None:
        """What a program prints, waiting two seconds at most."""
        return self._run(program, list(arguments), _TIMEOUT_S)


def parsed(text: str | None, base: int = 10) -> int | None:
    """The integer that a text is; None where it is none."""
    try:
        return None if text is None else int(text, base)
    except ValueError:
        return None
