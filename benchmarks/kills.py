"""Scans that are killed, and scans whose disk loses power, all gone on with to their end: what is lost, and what twice.

How many: WSI_SCANS, 1000 killed ones and 200 on a disk; WSI_FIRST: the number of the first, from which all that
happens to it is drawn, so that one that failed can be had again. `cuts` needs root.
"""

from __future__ import annotations

import functools
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

from benchmarks.machine import Machine
from benchmarks.measure import Row, figure, row
from benchmarks.power.course import Course, Slide
from benchmarks.power.interrupted import SLIDES, Outcome, cut_scan, killed_scan, slide_of, writes_of
from benchmarks.power.mounted import missing, sweep
from firmware_host.errors import ScannerError, UsageError

KILLED, CUT = 1000, 200
_WORKERS = 2
_BATCH = 16
"""Scans of one slide that a process does at a time; an uninterrupted one tells how long they take at the moment."""


def kills(machine: Machine) -> list[Row]:  # noqa: ARG001
    """Scans killed by SIGKILL at random instants."""
    return rows("kills", _campaign(killed, *_wanted(KILLED)))


def cuts(machine: Machine) -> list[Row]:  # noqa: ARG001
    """Scans on an ext4 file system whose disk loses power at a random write."""
    if reason := missing():
        raise UsageError(f"suite cuts: {reason}")
    sweep()
    return rows("cuts", _campaign(cut, *_wanted(CUT)))


def _wanted(scans: int) -> tuple[int, int]:
    try:
        return int(os.environ.get("WSI_FIRST", "0")), int(os.environ.get("WSI_SCANS", scans))
    except ValueError as error:
        raise UsageError(f"WSI_FIRST, WSI_SCANS: {error}") from error


def _campaign(batch: Callable[[Sequence[int]], list[Outcome]], first: int, scans: int) -> list[Outcome]:
    """All the scans, so many batches at a time."""
    outcomes: list[Outcome] = []
    with ProcessPoolExecutor(_WORKERS, mp_context=get_context("spawn")) as pool:
        for done in as_completed([pool.submit(batch, numbers) for numbers in batches(first, scans)]):
            outcomes += done.result()
    return outcomes


def batches(first: int, scans: int) -> Iterator[list[int]]:
    """The numbers of scans of one slide each, slide after slide, again and again."""
    slides = [[number for number in range(first, first + scans) if number % SLIDES == slide] for slide in range(SLIDES)]
    for at in range(0, -(-scans // SLIDES), _BATCH):
        yield from (numbers[at : at + _BATCH] for numbers in slides if numbers[at:])


def killed(numbers: Sequence[int]) -> list[Outcome]:
    """Scans of one slide, killed. For a process with one thread: it forks."""
    course = _course(slide_of(numbers[0]))
    with tempfile.TemporaryDirectory() as scratch:
        course.measure(Path(scratch, "uninterrupted"))
        return [_told(killed_scan(course, number, Path(scratch, str(number)))) for number in numbers]


def cut(numbers: Sequence[int]) -> list[Outcome]:
    """Scans of one slide, whose disk loses power. For a process with one thread: it forks."""
    course = _course(slide_of(numbers[0]))
    writes = writes_of(course)
    return [_told(cut_scan(course, number, writes)) for number in numbers]


def _told(outcome: Outcome) -> Outcome:
    """One that went wrong is told at once, and how to have it again."""
    if not outcome.good:
        again = f"WSI_FIRST={outcome.number} WSI_SCANS=1"
        print(f"scan {outcome.number} ({again} to have it again): {outcome}", file=sys.stderr, flush=True)
    return outcome


@functools.cache
def _course(slide: Slide) -> Course:
    return Course(slide)


def rows(suite: str, outcomes: Sequence[Outcome]) -> list[Row]:
    """:raises ScannerError: not all went well; the numbers of those that did not."""
    if bad := [str(number) for number in sorted(each.number for each in outcomes if not each.good)]:
        raise ScannerError(f"{suite}: {len(bad)} of {len(outcomes)} scans went wrong, told above: {', '.join(bad)}")
    verdicts = [outcome.verdict for outcome in outcomes if outcome.verdict is not None]
    steps = Counter(step for outcome in outcomes for step in outcome.steps)

    def total(name: str, of: Callable[[Outcome], int]) -> Row:
        return figure(suite, name, "", sum(map(of, outcomes)), len(outcomes))

    return [
        figure(suite, "scans", "", len(outcomes)),
        total("interruptions", lambda each: len(each.steps)),
        *(figure(suite, f"interruptions while {step}", "", count) for step, count in sorted(steps.items())),
        total("interruptions before the journal's first line", lambda each: each.never_begun),
        total("runs that ended before anything interrupted them", lambda each: each.missed),
        total("runs in all", lambda each: each.runs),
        total("tiles named in the journal and not whole after an interruption", lambda each: each.broken),
        figure(suite, "tiles lost", "", sum(each.lost for each in verdicts)),
        figure(suite, "tiles twice", "", sum(each.twice for each in verdicts)),
        figure(suite, "tiles changed", "", sum(each.changed for each in verdicts)),
        figure(suite, "slides identical to the uninterrupted scan's", "", sum(each.same_slide for each in verdicts)),
        row(suite, "time of a scan with its interruptions", "s", [outcome.seconds for outcome in outcomes], "mean"),
    ]
