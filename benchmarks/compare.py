"""Two checkouts measured in turn on one machine, and a test that tells a change from noise."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.results import Results, read_results
from firmware_host.errors import ScannerError, UsageError

_TIMES = ("us", "ms", "s")
_LEAST_CHANGE = 0.03  # smaller ones are not told
_MOST_CHANCE = 0.05
_TIMEOUT_S = 900


@dataclass(frozen=True)
class Change:
    """How one figure of HEAD compares with BASE.

    :param times: the median ratio HEAD / BASE of the rounds; :param chance: how often rounds as unequal as these, or
        more, come about where nothing changed.
    """

    suite: str
    name: str
    base: float
    head: float
    unit: str
    times: float
    chance: float

    @property
    def verdict(self) -> str:
        """slower, quicker, or empty where nothing can be said."""
        if self.chance > _MOST_CHANCE or abs(self.times - 1) < _LEAST_CHANGE:
            return ""
        return "slower" if self.times > 1 else "quicker"


def compare(base: Path, head: Path, suites: Sequence[str], rounds: int, tell: Callable[[int], None]) -> list[Change]:
    """Run the suites of both folders in turn, `rounds` times, each in a process of its own.

    :raises ScannerError: a run failed.
    """
    pairs: list[tuple[Results, Results]] = []
    for number in range(rounds):
        tell(number)
        order = (base, head) if number % 2 == 0 else (head, base)  # what warms up or tires meets both alike
        results = {folder: _run(folder, suites) for folder in order}
        pairs.append((results[base], results[head]))
    return changes(pairs)


def changes(pairs: Sequence[tuple[Results, Results]]) -> list[Change]:
    """Of all figures that are times and that both have."""
    values: dict[tuple[str, str, str], list[tuple[float, float]]] = {}
    for base, head in pairs:
        of_head = {(row.suite, row.name, row.unit): row.value for row in head.rows}
        for row in base.rows:
            key = (row.suite, row.name, row.unit)
            if row.unit in _TIMES and key in of_head:
                values.setdefault(key, []).append((row.value, of_head[key]))
    return [
        Change(
            suite,
            name,
            float(np.median([base for base, _ in both])),
            float(np.median([head for _, head in both])),
            unit,
            float(np.median([head / base for base, head in both])),
            chance([head / base for base, head in both]),
        )
        for (suite, name, unit), both in values.items()
    ]


def chance(ratios: Sequence[float]) -> float:
    """Probability of a mean log ratio as far from 0 as this one, if each might as well be the other way round.

    The exact sign-flip permutation test of paired values, two-sided; 1 for a single pair.
    """
    logs = np.log(np.asarray(ratios, np.float64))
    signs = np.array(list(itertools.product((1, -1), repeat=len(logs))), np.float64)
    sums = np.abs(signs @ logs)
    return float((sums >= abs(logs.sum()) - 1e-12).mean())


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


def _run(folder: Path, suites: Sequence[str]) -> Results:
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "results.json"
        command = [sys.executable, "-c", "from benchmarks.cli import main; main()", "run", "--json", str(out)]
        command += [word for suite in suites for word in ("--suite", suite)]
        environment = {**os.environ, "PYTHONPATH": str(folder)}
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S
        )
        if not out.is_file():  # a budget that is not kept is no reason to stop
            reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise ScannerError(f"compare: wsi-bench run failed in {folder}: {reason}")
        return read_results(out)
