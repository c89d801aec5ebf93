"""A scan that is interrupted again and again, and gone on with to its end: by SIGKILL, or by the power.

Everything is drawn from the scan's number: which slide it is of, and when each run ends.
"""

from __future__ import annotations

import random
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.power.course import TIMEOUT_S, Course, End, Slide
from benchmarks.power.mounted import CuttingDevice
from benchmarks.power.scanner import WHENS
from benchmarks.power.verdict import Verdict, broken_promises, compared, has_begun

AGAIN = 0.4
"""The share of runs that go on with a scan, and are interrupted as well."""
_AT_A_CALL = 1 / 3
_BEYOND = 1.05  # times a run's length: some are interrupted just after their end
DISK_MB = 32
SLIDES = 8


@dataclass
class Outcome:
    """What became of one scan.

    :param steps: what was being done at each interruption; :param never_begun: how many of them came before the
        journal's first line; :param missed: runs that were over before they were to be interrupted.
    :param broken: tiles that the journal named and that were not whole, looked for after each interruption.
    :param problem: why it could not be brought to its end; empty otherwise.
    """

    number: int
    steps: list[str] = field(default_factory=list)
    runs: int = 0
    never_begun: int = 0
    missed: int = 0
    broken: int = 0
    verdict: Verdict | None = None
    problem: str = ""
    seconds: float = 0.0

    @property
    def good(self) -> bool:
        return not self.problem and not self.broken and self.verdict is not None and self.verdict.good

    def interrupted(self, out: Path, step: str) -> None:
        """Count an interruption, and look at what it has left in the scan's folder."""
        self.steps.append(step)
        self.broken += broken_promises(out)
        self.never_begun += not has_begun(out)


def slide_of(number: int) -> Slide:
    """Scans take turns at the slides; with one the network is calibrated, which takes four times as long."""
    which = number % SLIDES
    return Slide(seed=1 + which, calibration=which == 0, fold=which == SLIDES - 1)


def killed_scan(course: Course, number: int, out: Path) -> Outcome:
    """Kill the process at random instants of its life, and at random calls that it makes of the disk.

    :param out: a folder that is not there yet; in the end it is removed.
    """
    outcome, draw, began = Outcome(number), random.Random(number), time.monotonic()
    while True:
        end, alive_s = End(), TIMEOUT_S
        is_last = _is_last(outcome, draw)
        if not is_last and draw.random() < _AT_A_CALL:
            end = End(draw.randint(1, course.calls), draw.choice(WHENS))
        elif not is_last:
            alive_s = draw.uniform(0, _BEYOND * course.seconds)
        outcome.runs += 1
        with course.run(out, end) as run:
            ended = run.wait(alive_s)
        if is_last and not ended:
            outcome.problem = f"it hangs, {course.step}"
        elif run.killed:
            outcome.interrupted(out, course.step)
            continue
        elif not run.succeeded:
            outcome.problem = f"{course.step}: {course.last_words()}"
        elif not outcome.steps:
            outcome.missed += 1
            shutil.rmtree(out)
            continue
        break
    if not outcome.problem:
        outcome.verdict = compared(course.reference, out)
        shutil.rmtree(out)
    outcome.seconds = time.monotonic() - began
    return outcome


def cut_scan(course: Course, number: int, writes: int) -> Outcome:
    """Take the power at random writes of the disk that the scan is on; at the end once more, when all is done.

    :param writes: that an uninterrupted scan makes.
    """
    outcome, draw, began = Outcome(number), random.Random(number), time.monotonic()
    with CuttingDevice(DISK_MB, number) as device:
        while outcome.verdict is None and not outcome.problem:
            is_last = _is_last(outcome, draw)
            if not is_last:
                device.cut_after_writes(draw.randint(1, writes))
            with device.mounted() as folder:
                outcome.runs += 1
                with course.run(folder / "scan") as run:
                    ended = run.wait(TIMEOUT_S, device.off)
                if ended and not run.succeeded:
                    outcome.problem = f"{course.step}: {course.last_words()}"
                elif is_last and not ended:
                    outcome.problem = f"it hangs, {course.step}"
                elif ended:
                    device.cut()
            device.power_up()
            with device.mounted() as folder:
                if not ended:
                    outcome.interrupted(folder / "scan", course.step)
                elif not outcome.problem:
                    outcome.missed += not outcome.steps
                    outcome.verdict = compared(course.reference, folder / "scan")
            if wrong := device.check():
                outcome.problem = f"file system: {wrong}"
    outcome.seconds = time.monotonic() - began
    return outcome


def _is_last(outcome: Outcome, draw: random.Random) -> bool:
    """Whether nothing interrupts the next run; the first one always is to be."""
    return bool(outcome.steps) and draw.random() >= AGAIN


def writes_of(course: Course) -> int:
    """How many writes an uninterrupted scan makes on a disk of its own."""
    with CuttingDevice(DISK_MB, 0) as device, device.mounted() as folder:
        before = device.writes()
        course.measure(folder / "scan")
        return device.writes() - before
