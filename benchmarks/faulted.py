"""One scan on the twin to which something happens: what became of it, by the truth that only the twin knows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.seen import Seen
from firmware_host.bundle import find_bundle, read_bundle
from firmware_host.cancel import CancelToken
from firmware_host.errors import ScannerError, UsageError
from firmware_host.hardware import Scanner
from firmware_host.profile import Profile, load_profile
from firmware_host.profile_tables import AXES
from firmware_host.scan.entries import Story, story_of
from firmware_host.scan.folder import JOURNAL
from firmware_host.scan.journal import read_journal
from firmware_host.scan.plan import Region
from firmware_host.scan.request import ScanRequest
from firmware_host.scan.session import resume_scan, run_scan
from firmware_host.slide.record import FieldRecord
from firmware_host.trust import trusted_keys
from firmware_host.twin.faults.fault import Fault, FaultPlan
from firmware_host.twin.faults.kinds import LostSteps
from firmware_host.twin.faults.opening import open_with_faults

REGION = Region(420, 340, 820, 610)
_STAGE_UM = {"x": 1300.0, "y": 1050.0, "z": 200.0}
_START_UM = {"x": -150.0, "y": -150.0, "z": -20.0}
_MIDDLE_Z_UM = 100.0


@dataclass(frozen=True)
class Outcome:
    """What became of a scan.

    :param struck: how often the fault happened; :param ended: how the first run ended: "whole", "stopped" with a slide
        of what there was, or "refused" before the first tile; :param said: its last words, empty when whole.
    :param causes: what was noticed, by the names of `firmware_host.incidents`, flags of tiles among them.
    :param seconds: on the scanner's clock, of the first run; :param planned: fields, 0 where none were found.
    :param kept: of them, in the first run; :param whole_after: after it was continued without the fault.
    :param retaken, flagged: of the tiles in the end.
    :param wrong: tiles that are not as they should be; :param silent: of these, those that are not flagged.
    """

    struck: int
    ended: str
    said: str
    causes: tuple[str, ...]
    seconds: float
    planned: int
    kept: int
    whole_after: bool
    retaken: int
    flagged: int
    wrong: int
    silent: tuple[str, ...]


def small_profile() -> Profile:
    """The shipped emulated scanner with a small camera and short ways, so that a scan takes seconds."""
    shipped = load_profile("emulated")
    assert shipped.twin is not None
    axes = {name: shipped.axes.of(name).model_copy(update={"soft_max_um": _STAGE_UM[name]}) for name in AXES}
    machine = {name: getattr(shipped.twin, name).model_copy(update={"start_um": _START_UM[name]}) for name in AXES}
    twin = {**machine, "tissue_mm": 0.9, "surface_z_um": _MIDDLE_Z_UM}
    return shipped.model_copy(
        update={
            "camera": shipped.camera.model_copy(update={"width_px": 512, "height_px": 384}),
            "axes": shipped.axes.model_copy(update=axes),
            "twin": shipped.twin.model_copy(update=twin),
        }
    )


def scan_with(faults: Sequence[Fault], seed: int, out: Path, reference: Path | None) -> Outcome:
    """Scan a slide while the faults strike; where that stops, continue without them.

    :param reference: the folder of the same scan without faults; None: this is it.
    """
    profile = small_profile()
    plan = FaultPlan(tuple(faults))
    scanner = open_with_faults(profile, seed, None, CancelToken(), False, plan)
    ended, said = "whole", ""
    try:
        result = run_scan(_request(profile, seed, out), CancelToken(), _quiet, lambda *_: scanner)
        if result.stopped is not None:
            ended, said = "stopped", str(result.stopped)
    except ScannerError as error:
        ended, said = "refused", str(error)
    seconds = scanner.clock.now_ns() * 1e-9
    first = _story(out)
    causes = _causes(first)
    kept = 0 if first is None else len(first.records)
    if ended != "whole" and first is not None:
        _continue(profile, seed, out)
    last = _story(out)
    records = [] if last is None else list(last.records)
    shows_the_same = all(fault.area != "slide" for fault in faults)
    wrong = _out_of_focus(records, profile)
    if reference is not None and shows_the_same:
        wrong += _different(records, out, reference, profile, faults)
    planned = 0 if last is None or last.prepared is None else len(last.prepared.sites)
    return Outcome(
        struck=len(plan.struck),
        ended=ended,
        said=said,
        causes=causes,
        seconds=seconds,
        planned=planned,
        kept=kept,
        whole_after=last is not None and last.ended and len(records) == planned,
        retaken=sum(record.retakes > 0 for record in records),
        flagged=sum(_is_flagged(record) for record in records),
        wrong=len({(record.row, record.col) for record, _ in wrong}),
        silent=tuple(why for record, why in wrong if not _is_flagged(record)),
    )


def save(outcome: Outcome, path: Path) -> None:
    path.write_text(json.dumps(asdict(outcome)))


def load(path: Path) -> Outcome:
    values = json.loads(path.read_text())
    return Outcome(**{**values, "causes": tuple(values["causes"]), "silent": tuple(values["silent"])})


def _request(profile: Profile, seed: int, out: Path) -> ScanRequest:
    bundle = read_bundle(find_bundle(profile.bundle), trusted_keys())
    return ScanRequest(profile, bundle, out, seed, None, REGION, "two-shot", False, False, bundle_from=profile.bundle)


def _continue(profile: Profile, seed: int, out: Path) -> None:
    """As somebody would who has mended what was broken."""

    def opened(*_: object) -> Scanner:
        return open_with_faults(profile, seed, None, CancelToken(), False, FaultPlan(()))

    try:
        resume_scan(out, CancelToken(), _quiet, opened)
    except UsageError:
        raise
    except ScannerError as error:
        print(f"not continued: {error}")


def _story(out: Path) -> Story | None:
    if not (out / JOURNAL).exists():
        return None
    past = read_journal(out / JOURNAL)
    return story_of(past, out / JOURNAL) if past.entries else None


def _causes(story: Story | None) -> tuple[str, ...]:
    if story is None:
        return ()
    told = [each.cause for each in story.incidents]
    flags = [flag for record in story.records for flag in record.flags]
    return tuple(sorted({*told, *flags}))


def _is_flagged(record: FieldRecord) -> bool:
    return bool(record.flags) or record.status == "predicted"


def _out_of_focus(records: Sequence[FieldRecord], profile: Profile) -> list[tuple[FieldRecord, str]]:
    """Tiles out of focus by more than a depth of field, and by how much."""
    most_um = profile.optics.depth_of_field_um
    return [
        (record, f"{_where(record)}: {record.true_error_um:+.2f} um out of focus")
        for record in records
        if record.true_error_um is not None and abs(record.true_error_um) > most_um
    ]


def _different(
    records: Sequence[FieldRecord], out: Path, reference: Path, profile: Profile, faults: Sequence[Fault]
) -> list[tuple[FieldRecord, str]]:
    """Tiles that do not show what the scan without faults has seen there, and how they differ."""
    before = _story(reference)
    assert before is not None
    seen = Seen(before.records, reference, profile.camera)
    aside = [
        way_um
        for fault in faults
        if isinstance(fault, LostSteps) and fault.axis != "z"
        for way_um in _lost(fault, profile)
    ]
    return [(record, f"{_where(record)}: {why}") for record, why in seen.wrong(records, out, aside)]


def _lost(fault: LostSteps, profile: Profile) -> list[tuple[float, float]]:
    """By how much (x, y) a slide may lie aside when steps were lost before its first tile, um: either way."""
    um = fault.steps / profile.axes.of(fault.axis).steps_per_um
    return [(side * um, 0.0) if fault.axis == "x" else (0.0, side * um) for side in (-1, 1)]


def _where(record: FieldRecord) -> str:
    return f"row {record.row}, col {record.col}"


def _quiet(step: str, share: float, seconds_left: float | None) -> None: ...
