"""Every fault that the twin knows, many times, each in its own scan: does it end, and is a tile wrong in silence?

Each scan is a forked process with a bound: one that is still there after it hangs. Kinds and seeds can be chosen, to
repeat one that failed: WSI_FAULT_KINDS=lost-steps,z-slips WSI_FAULT_SEEDS=3,7.
"""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from benchmarks.faulted import REGION, Outcome, load, save, scan_with
from benchmarks.machine import Machine
from benchmarks.measure import Row, figure
from benchmarks.power.forked import Forked
from firmware_host.twin.faults.draw import Chances, draw_script
from firmware_host.twin.faults.kinds import KINDS

SUITE = "faults"
SEEDS = 20
MOST_S = 2400.0
"""On the scanner's clock: the longest pause that a profile grants by itself, twice, and the scan."""

NOTICED = "noticed as "
COUNTED = (
    "struck",
    "whole",
    "stopped safely",
    "continued to the end",
    "refused",
    "hangs or fails",
    "tiles planned",
    "tiles kept",
    "taken again",
    "flagged",
    "wrong",
    "wrong and silent",
)
"""What is counted of each kind: scans, then tiles."""

_HANGS_S = 600.0  # of this machine's time
_AT_ONCE = 2


@dataclass(frozen=True)
class Case:
    """One scan. :param kind: None: without a fault, to compare with."""

    kind: str | None
    seed: int

    @property
    def name(self) -> str:
        return f"{self.kind or 'reference'}-{self.seed}"


@dataclass(frozen=True)
class Result:
    """:param outcome: None: it hung, or failed as no scan may; `why` says how."""

    case: Case
    outcome: Outcome | None
    why: str = ""


def faults(machine: Machine) -> list[Row]:  # noqa: ARG001
    """All kinds and seeds; and, at the end, what went wrong."""
    kinds = [each for each in os.environ.get("WSI_FAULT_KINDS", "").split(",") if each] or list(KINDS)
    seeds = [int(each) for each in os.environ.get("WSI_FAULT_SEEDS", "").split(",") if each] or range(1, 1 + SEEDS)
    with tempfile.TemporaryDirectory(prefix="wsi-faults-") as scratch:
        results = run_all(kinds, seeds, Path(scratch))
    for line in problems(results):
        print(line)
    return [row for kind in kinds for row in rows_of(kind, [each for each in results if each.case.kind == kind])]


def run_all(kinds: Sequence[str], seeds: Iterable[int], scratch: Path) -> list[Result]:
    """Two scans at a time. First those without faults."""
    seeds = list(seeds)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        references = list(pool.map(lambda seed: run(Case(None, seed), scratch), seeds))
        broken = [each for each in references if each.outcome is None]
        if broken:
            raise RuntimeError(f"a scan without faults fails: {broken[0].why}")
        return list(pool.map(lambda case: run(case, scratch), [Case(kind, seed) for kind in kinds for seed in seeds]))


def run(case: Case, scratch: Path) -> Result:
    """In a process of its own."""
    log, kept = scratch / f"{case.name}.log", scratch / f"{case.name}.json"
    with Forked(lambda: save(_scan(case, scratch), kept), log) as process:
        if not process.wait(_HANGS_S):
            return Result(case, None, f"hangs: still there after {_HANGS_S:g} s")
    if not kept.exists():
        return Result(case, None, f"fails: {(log.read_text().strip().splitlines() or ['no word'])[-1]}")
    return Result(case, load(kept))


def _scan(case: Case, scratch: Path) -> Outcome:
    reference = scratch / f"reference-{case.seed}"
    if case.kind is None:
        return scan_with([], case.seed, reference, None)
    seconds = load(scratch / f"reference-{case.seed}.json").seconds
    region_um = (REGION.x0_um, REGION.y0_um, REGION.x1_um, REGION.y1_um)
    script = draw_script(case.seed, Chances([case.kind], 1, (0.0, seconds), region_um))
    print(script, flush=True)
    return scan_with(script, case.seed, scratch / case.name, reference)


def rows_of(kind: str, results: Sequence[Result]) -> list[Row]:
    """The figures of one kind, of the scans that were struck."""
    outcomes = [each.outcome for each in results if each.outcome is not None]
    struck = [each for each in outcomes if each.struck]
    ends = Counter(each.ended for each in struck)
    counts = (
        len(struck),
        ends["whole"],
        ends["stopped"],
        sum(each.whole_after for each in struck if each.ended != "whole"),
        ends["refused"],
        len(results) - len(outcomes) + sum(each.seconds > MOST_S for each in outcomes),
        sum(each.planned for each in struck),
        sum(each.kept for each in struck),
        sum(each.retaken for each in struck),
        sum(each.flagged for each in struck),
        sum(each.wrong for each in struck),
        sum(len(each.silent) for each in struck),
    )
    causes = Counter(cause for each in struck for cause in each.causes)
    named = [*zip(COUNTED, counts, strict=True), *((f"{NOTICED}{cause}", n) for cause, n in causes.most_common(4))]
    longest = figure(SUITE, f"{kind}: longest", "s", max((each.seconds for each in struck), default=0.0))
    return [*(figure(SUITE, f"{kind}: {name}", "", float(n), max(len(results), 1)) for name, n in named), longest]


def problems(results: Sequence[Result]) -> list[str]:
    """What must not be, each with what repeats it."""
    found = []
    for each in results:
        case, outcome = each.case, each.outcome
        what = [each.why] if outcome is None else [f"wrong and silent: {why}" for why in outcome.silent]
        if outcome is not None and outcome.seconds > MOST_S:
            what.append(f"took {outcome.seconds:.0f} s of the scanner's clock")
        if outcome is not None and outcome.ended == "stopped" and not outcome.whole_after:
            what.append(f"was not continued to the end; it had stopped: {outcome.said}")
        found += [f"{case.kind}, seed {case.seed}: {line}" for line in what]
    return found
