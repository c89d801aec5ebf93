"""Two checkouts on one machine, call by call in turn, and a test that tells a change from noise.

A shared machine's speed drifts by a fifth within a minute. So each checkout has a process of its own, and a piece of
work is done by one and then at once by the other: the two calls of a pair meet the same machine.
"""

from __future__ import annotations

import json
import math
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from firmware_host.errors import ScannerError, UsageError

PROCESSES = 3  # of each checkout, one after the other: where a process lies in memory changes its speed by some percent
_WARM_UP = 2
_LEAST_CHANGE = 0.05  # of the median; smaller ones are not told
_MOST_CHANCE = 0.001
_TIMEOUT_S = 120.0

Pairs = dict[str, list[tuple[float, float]]]  # of each piece of work: times of BASE and HEAD, ms


@dataclass(frozen=True)
class Change:
    """How a piece of work of HEAD compares with BASE.

    :param base_ms, head_ms: medians; :param times: the median ratio HEAD / BASE of the pairs.
    :param chance: how often one of the two is the slower one as often as here, or more, where nothing changed.
    """

    name: str
    base_ms: float
    head_ms: float
    times: float
    chance: float

    @property
    def verdict(self) -> str:
        """slower, quicker, or empty where nothing can be said."""
        if self.chance > _MOST_CHANCE or abs(self.times - 1) < _LEAST_CHANGE:
            return ""
        return "slower" if self.times > 1 else "quicker"


def compare(base: Path, head: Path, suites: Sequence[str], rounds: int, tell: Callable[[int], None]) -> list[Change]:
    """Do all pieces of work of the suites in both folders, in turn.

    :param rounds: of each pair of processes. :param tell: how many pairs of processes are done.
    :raises ScannerError: a checkout cannot be measured.
    """
    pairs: Pairs = {}
    for number in range(PROCESSES):
        tell(number)
        with _Worker(base, suites) as of_base, _Worker(head, suites) as of_head:
            for name in (name for name in of_base.names if name in of_head.names):
                pairs.setdefault(name, []).extend(_in_turn(of_base, of_head, name, rounds))
    return changes(pairs)


def changes(pairs: Pairs) -> list[Change]:
    """Of each piece of work."""
    found = []
    for name, both in pairs.items():
        base_ms, head_ms = (np.array(times) for times in zip(*both, strict=True))
        times = head_ms / base_ms
        found.append(
            Change(
                name,
                float(np.median(base_ms)),
                float(np.median(head_ms)),
                float(np.median(times)),
                chance(int((times > 1).sum()), int((times < 1).sum())),
            )
        )
    return found


def chance(slower: int, quicker: int) -> float:
    """The exact sign test, two-sided: as unequal a split, or more, of fair coins. Ties are left out."""
    count, most = slower + quicker, max(slower, quicker)
    heads_at_least = sum(math.comb(count, heads) for heads in range(most, count + 1))
    return min(1.0, float(2 * heads_at_least / 2**count))


@contextmanager
def checkout(named: str, root: Path) -> Iterator[Path]:
    """The folder of that name, or a temporary worktree of that revision.

    :raises UsageError: it is neither.
    """
    if (Path(named) / "benchmarks").is_dir():
        yield Path(named).resolve()
        return
    with tempfile.TemporaryDirectory() as scratch:
        tree = Path(scratch) / "tree"
        made = _git(root, "worktree", "add", "--detach", str(tree), named)
        if made.returncode != 0:
            reason = (made.stderr.strip().splitlines() or ["git failed"])[-1]
            raise UsageError(f"{named}: neither a checkout's folder nor a revision: {reason}")
        try:
            yield tree
        finally:
            _git(root, "worktree", "remove", "--force", str(tree))


def _git(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False, timeout=60)


def _in_turn(base: _Worker, head: _Worker, name: str, rounds: int) -> list[tuple[float, float]]:
    taken = []
    for number in range(_WARM_UP + rounds):
        order = (base, head) if number % 2 == 0 else (head, base)
        ms = {worker: worker.time_ms(name) for worker in order}
        if number >= _WARM_UP:
            taken.append((ms[base], ms[head]))
    return taken


class _Worker:
    """A process of a checkout that does a piece of work when asked to.

    :raises ScannerError: it ends, or does not answer in time; with its last words.
    """

    def __init__(self, folder: Path, suites: Sequence[str]) -> None:
        self._folder = folder
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", *suites],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(folder)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self.names: list[str] = []

    def __enter__(self) -> _Worker:
        try:
            self.names = json.loads(self._answer())
        except BaseException:
            self._process.kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def time_ms(self, name: str) -> float:
        """Milliseconds of doing it once."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(f"{self.names.index(name)}\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # its last words follow
        return int(self._answer()) * 1e-6

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put("")

    def _answer(self) -> str:
        try:
            line = self._lines.get(timeout=_TIMEOUT_S)
        except queue.Empty as error:
            raise ScannerError(f"compare: no answer from {self._folder} within {_TIMEOUT_S:g} s") from error
        if not line:
            assert self._process.stderr is not None
            reason = (self._process.stderr.read().strip().splitlines() or ["it ended"])[-1]
            raise ScannerError(f"compare: {self._folder} cannot be measured: {reason}")
        return line
