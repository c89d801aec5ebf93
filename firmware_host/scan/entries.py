"""What the entries of a scan's journal hold, and what they say of the scan, all of them together.

A journal comes from a disk: every value is checked before it is used.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from firmware_host.errors import UsageError
from firmware_host.quality.verdict import BLURRED
from firmware_host.scan.journal import Past
from firmware_host.slide.record import FieldRecord

ON_REQUEST = "on request"
"""Why a scan was stopped: its user, or the system that shut down."""

Method = Literal["two-shot", "sweep"]
Um = Annotated[float, Field(allow_inf_nan=False, ge=-1e7, le=1e7)]
_TILE = r"^tiles/r\d{3,6}_c\d{3,6}(_\d{1,2})?\.jpg$"
_Entry = TypeVar("_Entry", bound=BaseModel)


class _Checked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Begin(_Checked):
    """With what the scan was begun: all that a later run needs to go on.

    :param profile_from, bundle_from: where they were read; empty where they were in no file.
    :param bundle: SHA-256 of its file; :param bundle_name: its own; :param slide_sha256: of the emulated slide's image.
    :param region: x0, y0, x1, y1, um.
    """

    time: str
    software: str
    profile: dict[str, Any]
    profile_from: str
    bundle: str
    bundle_name: str
    bundle_from: str
    allow_unsigned: bool
    seed: int = Field(ge=0)
    slide: str | None
    slide_sha256: str | None
    region: tuple[Um, Um, Um, Um] | None
    method: Method
    calibration: bool
    compare_sweep: bool
    real_time: bool
    schema_: int = Field(alias="schema")


class Calibrated(_Checked):
    """A calibration that is in use, or why none is. Lengths in depths of field."""

    line: str
    code: list[float] | None
    offset_dof: float
    up: float
    down: float


class Prepared(_Checked):
    """What homing, survey and calibration found; the scan follows from it.

    :param sites: row, col, x um, y um of each field, in order; :param flat_field: terms of `FlatField`.
    :param brightest: x um, y um and level of the brightest view.
    :param arithmetic: of the network that was chosen; :param network: why. None where none is asked.
    """

    sites: list[tuple[int, int, Um, Um]] = Field(min_length=1)
    start_z_um: Um
    flat_field: list[list[float]] | None
    empty_views: int
    brightest: tuple[Um, Um, Annotated[float, Field(gt=0, le=255)]]
    arithmetic: Literal["int8", "fp32", "tensorrt"] | None
    network: str | None
    calibration: Calibrated | None


class Moved(_Checked):
    """Where the stage's zero lies since it was homed again, compared with before, um: a place is commanded so much on.

    :param how: for the report.
    """

    x_um: Um
    y_um: Um
    z_um: Um
    how: str


class Doubted(_Checked):
    """Fields (row, column) that were taken somewhere else than planned: they are taken again."""

    fields: list[tuple[int, int]]


class Mending(_Checked):
    """Which fields (row, column) were to be taken again with a row, those of the row above it among them."""

    row: int
    fields: list[tuple[int, int]]


class Lesson(_Checked):
    """What one take told of all fields, whether it was kept or not.

    :param found: x, y, z of its focus, um; None: it was not in focus. :param steepness, seams, blurred: as
        `firmware_host.quality.verdict.Quality` has them.
    """

    found: tuple[Um, Um, Um] | None
    steepness: float | None
    seams: list[tuple[Literal["across", "down"], float, float, float | None, float, float | None]]
    blurred: list[tuple[int, int, float]]


@dataclass(frozen=True)
class Told:
    """An incident, as the journal tells it."""

    cause: str
    text: str


@dataclass(frozen=True)
class Story:
    """All that a journal says.

    :param records: the last one of each field that was scanned, in the order of the path.
    :param checksums: of the tiles' files, by name.
    :param takes: how often each field was taken, by row and column.
    :param found_late: fields that the row below them showed to be blurred.
    :param mending: by row, what was to be taken again with it; rows that were doubted since are left out.
    :param surface: (x, y, z) of the fields in focus, um, in the order in which they were found.
    :param moved: the sum of all that the stage's zero has moved by.
    :param sessions: how often the scan was begun or continued.
    :param ended: whether all fields were scanned; :param stopped: why the last session ended early, else empty.
    :param board: how the board was; :param compared: fields by the other method.
    """

    begin: Begin
    prepared: Prepared | None
    records: Sequence[FieldRecord]
    checksums: Mapping[str, str]
    takes: Mapping[tuple[int, int], int]
    lessons: Sequence[Lesson]
    found_late: Set[tuple[int, int]]
    mending: Mapping[int, Sequence[tuple[int, int]]]
    surface: Sequence[tuple[float, float, float]]
    moved: Moved
    incidents: Sequence[Told]
    sessions: int
    ended: bool
    stopped: str
    board: str
    compared: Sequence[FieldRecord]

    def without(self, lost: set[str]) -> Story:
        """The same, as if these tiles had never been taken."""
        rows = {record.row for record in self.records if record.tile in lost}
        return replace(
            self,
            records=[record for record in self.records if record.tile not in lost],
            mending={row: places for row, places in self.mending.items() if row not in rows},
        )


def story_of(past: Past, where: Path) -> Story:
    """Check a journal's entries and put them together.

    :raises UsageError: an entry is not as this software writes it.
    """
    if not past.entries or past.entries[0].event != "begin":
        raise UsageError(f"journal {where}: it does not begin with 'begin'; is this the folder of a scan?")
    prepared = [_checked(Prepared, values, where) for values in past.of("prepared")]
    records: dict[tuple[int, int], FieldRecord] = {}
    checksums: dict[str, str] = {}
    takes: Counter[tuple[int, int]] = Counter()
    surface: list[tuple[float, float, float]] = []
    lessons: list[Lesson] = []
    late: set[tuple[int, int]] = set()
    mending: dict[int, list[tuple[int, int]]] = {}
    moved = Moved(x_um=0, y_um=0, z_um=0, how="")
    for entry in past.entries:
        if entry.event == "field":
            record, checksum, lesson = _field(entry.values, where)
            lessons.append(lesson)
            place = record.row, record.col
            takes[place] += 1
            records[place] = record
            checksums[record.tile] = checksum
            if lesson.found is not None:
                surface.append(lesson.found)
            late |= found_late(lesson.blurred, record.row)
            blame(records, lesson.blurred)
        elif entry.event == "doubted":
            for place in _checked(Doubted, entry.values, where).fields:
                records.pop(place, None)
                late.discard(place)
                mending.pop(place[0], None)
        elif entry.event == "mending":
            begun = _checked(Mending, entry.values, where)
            mending[begun.row] = begun.fields
        elif entry.event == "moved":
            step = _checked(Moved, entry.values, where)
            moved = Moved(
                x_um=moved.x_um + step.x_um, y_um=moved.y_um + step.y_um, z_um=moved.z_um + step.z_um, how=step.how
            )
    # A session that was interrupted while it compared is followed by one that compares anew.
    compared = {(each.row, each.col): each for each in (_field(v, where)[0] for v in past.of("compared"))}
    last = past.entries[-1]
    ends = past.of("end") + past.of("stopped")
    path = {(row, col): at for at, (row, col, _, _) in enumerate(prepared[-1].sites)} if prepared else {}
    return Story(
        begin=_checked(Begin, past.entries[0].values, where),
        prepared=prepared[-1] if prepared else None,
        records=sorted(records.values(), key=lambda record: path.get((record.row, record.col), len(path))),
        checksums=checksums,
        takes=takes,
        lessons=lessons,
        found_late=late,
        mending=mending,
        surface=surface,
        moved=moved,
        incidents=[Told(str(v.get("cause", "")), str(v.get("text", ""))) for v in past.of("incident")],
        sessions=1 + len(past.of("resumed")),
        ended=bool(past.of("end")),
        stopped=str(last.values.get("reason", "")) if last.event == "stopped" else "",
        board=str(ends[-1].get("board", "")) if ends else "",
        compared=list(compared.values()),
    )


def found_late(blurred: Sequence[tuple[int, int, float]], by_row: int) -> set[tuple[int, int]]:
    """Those that a field of a row below them showed to be blurred. :param blurred: `Lesson.blurred`."""
    return {(row, col) for row, col, _ in blurred if row < by_row}


def blame(records: dict[tuple[int, int], FieldRecord], blurred: Sequence[tuple[int, int, float]]) -> None:
    """Flag fields that were shown to be blurred. :param blurred: `Lesson.blurred`."""
    for row, col, sharpness in blurred:
        if (record := records.get((row, col))) is not None:
            flags = tuple(dict.fromkeys((*record.flags, BLURRED)))
            records[row, col] = replace(record, flags=flags, seam_sharpness=sharpness)


_RECORD = TypeAdapter(FieldRecord)
_NAME = TypeAdapter(Annotated[str, Field(pattern=_TILE)])


def _field(values: dict[str, Any], where: Path) -> tuple[FieldRecord, str, Lesson]:
    values = dict(values)
    lesson = _checked(
        Lesson, values.pop("lesson", {"found": None, "steepness": None, "seams": [], "blurred": []}), where
    )
    checksum = str(values.pop("checksum", ""))
    try:
        record = _RECORD.validate_python(values)
        if record.tile:
            _NAME.validate_python(record.tile)
    except ValidationError as error:
        raise _not_as_written(where, "field", error) from error
    return record, checksum, lesson


def _checked(kind: type[_Entry], values: dict[str, Any], where: Path) -> _Entry:
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise _not_as_written(where, kind.__name__.lower(), error) from error


def _not_as_written(where: Path, event: str, error: ValidationError) -> UsageError:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    return UsageError(
        f"journal {where}: entry '{event}': {key or 'it'}: {first['msg']}; another version may have written it"
    )
