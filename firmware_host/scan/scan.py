"""One scan from the survey to the last tile: row by row, field by field; what is not good is taken again.

What is judged, written and journaled beside the loop is in `keeping`. A row is mended after the first field of the next
one: by then all of it has been judged, and the loop need not wait.
"""

from __future__ import annotations

import itertools
import statistics
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from firmware_host.clock import Phase
from firmware_host.errors import HardwareError
from firmware_host.focus.result import FocusMethod, FocusResult
from firmware_host.focus.surface import FocusSurface
from firmware_host.hardware import Scanner
from firmware_host.incidents import Incident, Note
from firmware_host.quality.judge import Shot
from firmware_host.quality.verdict import BRIGHT, DARK, POSITION_OFF, SEAM_OFF
from firmware_host.scan.entries import Story
from firmware_host.scan.keeping import MISSED, Keeper, Place, Take, wants_again
from firmware_host.scan.plan import Site
from firmware_host.scan.position import Offset
from firmware_host.scan.writer import Mend, Writer, give_up
from firmware_host.slide.record import FieldRecord

_PACE_FIELDS = 20  # the last ones, whose mean time tells how long the rest will take
_REACH_FIELDS = 2.5  # how far the focus surface looks, in fields
MOST_RETAKES = 2
_LOST_FIELDS = 3  # in a row without focus: the height is lost
_UNLIT_FIELDS = 4  # in succession in a row, too dark or too bright though taken three times
SAME_LIGHT = 0.04  # of the level of a view, which noise and the stage change by some thousandths
_LOOK_BACK_ROWS = 2  # a tile of these is looked at again: it is near
_LOST_ROWS = 4  # in succession, in which the stage lost its place: something is wrong with it


@dataclass(frozen=True)
class Progress:
    """Told after each field: how many are done, and the scanner's time that the rest will take at this pace."""

    done: int
    total: int
    seconds_left: float


@dataclass(frozen=True)
class Ways:
    """How a scan focuses, and finds its place again.

    :param focus: a field, as usual; :param carefully: one that was not good twice.
    :param find_again: homes the stage, and says by how much its zero has moved since, given the fields that can be
        trusted.
    :param is_elsewhere: whether the stage is no longer where it was when these fields were taken.
    :param light_now: how bright the lamp is, compared with when the survey was made.
    """

    focus: FocusMethod
    carefully: FocusMethod
    find_again: Callable[[Sequence[FieldRecord]], Offset]
    is_elsewhere: Callable[[Sequence[FieldRecord]], bool]
    light_now: Callable[[], float]


@dataclass(frozen=True)
class _Row:
    """A row that may need mending, and the one above it, which was mended before."""

    fields: Sequence[Site]
    above: Sequence[Site]


class Scan:
    """Visits the sites in order. After a Ctrl-C or a fault `records` holds what was scanned until then."""

    def __init__(self, scanner: Scanner, ways: Ways, keeper: Keeper, note: Note, mend: Mend = give_up) -> None:
        self._pace_s: deque[float] = deque(maxlen=_PACE_FIELDS)
        self._booked_ns = scanner.clock.booked_ns()
        self._scanner = scanner
        self._ways = ways
        self._keeper = keeper
        self._note = note
        self._mend_disk = mend
        self._writer = Writer(scanner.clock, mend)
        self._surface = surface_of(scanner)
        self._start_z_um = 0.0
        self._lost_rows = 0
        self._offset = Offset()
        self._in_other_light: set[Place] = set()

    @property
    def records(self) -> list[FieldRecord]:
        """Of the fields scanned so far, the best take of each."""
        return list(self._keeper.records.values())

    def recall(self, story: Story, since: Offset) -> None:
        """Go on where an earlier session stopped. :param since: by how much the zero has moved since its end.

        What it left too dark or too bright is taken again, however often it was: the light may have been mended.
        """
        self._keeper.recall(story)
        self._in_other_light = {(each.row, each.col) for each in story.records if _is_unlit(each)}
        self._offset = Offset(story.moved.x_um, story.moved.y_um, story.moved.z_um).plus(since)
        for place_um in story.surface:
            self._surface.add(*place_um)

    def run(self, sites: Sequence[Site], start_z_um: float, progress: Callable[[Progress], None]) -> None:
        """Scan those of the sites that are not scanned yet; the first search starts around `start_z_um`."""
        if missing := self._missing(sites):
            self._go_to(missing[0])
        self._booked_ns = self._scanner.clock.booked_ns()
        self._start_z_um = start_z_um
        known = len(self._keeper.records)
        taken: set[Place] = set()

        def one_more(site: Site) -> None:
            taken.add((site.row, site.col))
            done = min(known + len(taken), len(sites))
            progress(Progress(done, len(sites), statistics.fmean(self._pace_s) * (len(sites) - done)))

        with self._writer:
            above: list[Site] = []
            unmended: list[_Row] = []
            for _, row in itertools.groupby(sites, key=lambda site: site.row):
                fields = list(row)
                missing = self._missing(fields)
                for site in fields:
                    if site in missing:
                        self._field(site, self._ways.focus)
                        one_more(site)
                    if site is fields[0]:  # an earlier session may have taken it, and no more
                        if site not in missing:
                            self._flush()
                        self._mend(unmended, [site], one_more)
                        unmended = []
                unmended.append(_Row(fields, above))
                above = fields
            self._mend(unmended, [], one_more)

    def _go_to(self, site: Site) -> None:
        """The way to the first field is no part of its time."""
        self._scanner.stage.move_to(x_um=site.x_um + self._offset.x_um, y_um=site.y_um + self._offset.y_um)

    def _mend(self, rows: Sequence[_Row], since: Sequence[Site], progress: Callable[[Site], None]) -> None:
        """Take again what is not good in these rows. :param since: fields that were taken after them."""
        self._flush(len(since))
        for each in rows:
            row = each.fields
            if not self._bad(each):
                self._lost_rows = 0
                self._chosen(each)
                continue
            self._flush()
            self._find_lost_place(row, since, progress)
            chosen = self._chosen(each)
            for retakes, method in enumerate((self._ways.focus, self._ways.carefully)[:MOST_RETAKES]):
                for site in [site for site in chosen if self._may_be_better(site, retakes)]:
                    self._field(site, method)
                    progress(site)
                self._flush()
            self._settle_light(row, progress)
            self._take_anew([site for site in since if self._had_no_neighbour(site)], progress)

    def _bad(self, row: _Row) -> list[Site]:
        """What is not good in a row; and in the one above it, that passed for good until this row was taken."""
        records = self._keeper.records
        above = [site for site in row.above if records[site.row, site.col].retakes < MOST_RETAKES]
        return [site for site in (*above, *self._own(row)) if wants_again(records[site.row, site.col])]

    def _own(self, row: _Row) -> list[Site]:
        """The fields of a row that are mended with it."""
        return [site for site in row.fields if (site.row, site.col) not in self._keeper.found_late]

    def _chosen(self, row: _Row) -> list[Site]:
        """What is taken again with a row, chosen once: a session that goes on goes the same way.

        What is found to be blurred while it is taken again waits for the next row.
        """
        number = row.fields[0].row
        places = [(site.row, site.col) for site in self._bad(row)]
        if number not in self._keeper.mending:
            self._kept(lambda: self._keeper.mend(number, places))
        chosen = {*self._keeper.mending[number], *self._in_other_light}
        return [site for site in (*row.above, *self._own(row)) if (site.row, site.col) in chosen]

    def _had_no_neighbour(self, site: Site) -> bool:
        """Whether a field could not be laid beside those before it, as they were not good then."""
        return self._keeper.records[site.row, site.col].exposure is None

    def _may_be_better(self, site: Site, retakes: int) -> bool:
        """:param retakes: that have been made of every field that needs them, in this session or an earlier one."""
        place = site.row, site.col
        record = self._keeper.records[place]
        in_other_light = record.retakes >= MOST_RETAKES and place in self._in_other_light
        return wants_again(record) and (record.retakes == retakes or in_other_light)

    def _settle_light(self, row: Sequence[Site], progress: Callable[[Site], None]) -> None:
        """Where tile after tile is darker than those before, or brighter: stop in another light; else take all anew.

        For then it is those before that were taken in another one.
        """
        cause = self._unlit(row)
        if cause is None:
            return
        change = self._ways.light_now()
        if abs(change - 1) > SAME_LIGHT:
            text = f"row {row[0].row}: {cause} one after the other: the light is {change:.2f} times what it was"
            self._note(Incident("light changed", text))
            raise HardwareError(f"light: {text}; check the lamp and its supply, then go on with --resume")
        self._note(Incident("light changed", f"row {row[0].row}: {cause} one after the other; the row is taken again"))
        self._take_anew(row, progress)

    def _unlit(self, row: Sequence[Site]) -> str | None:
        """What is wrong with the light of so many fields of the row in succession that it is not the slide."""
        records = [self._keeper.records[site.row, site.col] for site in row]
        for cause in (DARK, BRIGHT):
            runs = itertools.groupby(records, key=lambda record: cause in record.flags)
            longest = max((len(list(run)) for off, run in runs if off), default=0)
            if longest >= min(_UNLIT_FIELDS, max(len(row) - 1, 2)):
                return cause
        return None

    def _take_anew(self, sites: Sequence[Site], progress: Callable[[Site], None]) -> None:
        """As if they had never been taken."""
        if sites:
            self._doubt(sites)
            self._take(sites, progress)

    def _doubt(self, sites: Sequence[Site]) -> None:
        places = [(site.row, site.col) for site in sites]
        self._kept(lambda: self._keeper.doubt(places))

    def _kept(self, write: Callable[[], None]) -> None:
        """Tried again where the disk refuses it."""
        for tried in itertools.count(1):
            try:
                return write()
            except OSError as error:
                self._mend_disk(error, tried)

    def _take(self, sites: Sequence[Site], progress: Callable[[Site], None]) -> None:
        for site in sites:
            self._field(site, self._ways.focus)
            progress(site)
        self._flush()

    def _missing(self, row: Sequence[Site]) -> list[Site]:
        return [site for site in row if (site.row, site.col) not in self._keeper.records]

    def _find_lost_place(self, row: Sequence[Site], since: Sequence[Site], progress: Callable[[Site], None]) -> None:
        """Where the stage has lost its place, or the height of the tissue: find both again, and take the rest anew."""
        records = [self._keeper.records[site.row, site.col] for site in row]
        first = self._first_elsewhere(row, since)
        if first is None and not _lost_height(records):
            self._lost_rows = 0
            return
        self._lost_rows += 1
        if self._lost_rows > _LOST_ROWS:
            raise HardwareError(
                f"stage: it lost its place in {_LOST_ROWS} rows in succession; check motors, screws and belts, and "
                "lower max_speed_um_s and max_accel_um_s2, then go on with --resume"
            )
        if first is None:
            self._note(Incident("focus lost", f"row {row[0].row}: nothing was in focus; the stage is homed again"))
            doubted = [site for site, record in zip(row, records, strict=True) if _out_of_focus(record)]
        else:
            record = records[first]
            where = f"row {record.row}, col {record.col}"
            self._note(Incident("position lost", f"{where}: the stage is not where it should be; it is homed again"))
            doubted = [*row[first:], *since]
        self._doubt(doubted)  # before anything else can go wrong
        self._offset = self._offset.plus(self._ways.find_again(self.records))
        self._take(doubted, progress)

    def _first_elsewhere(self, row: Sequence[Site], since: Sequence[Site]) -> int | None:
        """From which field of a row on the stage was not where it should be.

        Where steps were lost by more than an overlap, nothing is left in common: then the stage looks at an earlier
        tile again, as a bubble or a fold may be all that is wrong.
        """
        records = [self._keeper.records[site.row, site.col] for site in row]
        first = next((at for at, record in enumerate(records) if _is_off(record)), None)
        unlike = next((at for at, record in enumerate(records) if _joins_nothing(record)), None)
        if unlike is None or (first is not None and first < unlike):
            return first
        doubted = {(site.row, site.col) for site in (*row[unlike:], *since)}
        before = [record for record in self.records if (record.row, record.col) not in doubted]
        return unlike if self._ways.is_elsewhere(before[-_LOOK_BACK_ROWS * len(row) :]) else first

    def _field(self, site: Site, method: FocusMethod) -> None:
        """All that is kept of it is in the coordinates of the first homing, z too."""
        predicted, offset = self._surface.predict(site.x_um, site.y_um), self._offset
        pivot_um = self._start_z_um if predicted is None else predicted
        result = method.focus(site.x_um + offset.x_um, site.y_um + offset.y_um, pivot_um + offset.z_um)
        z_um = result.z_um - offset.z_um
        if result.status in ("focused", "swept"):
            self._surface.add(site.x_um, site.y_um, z_um)
        booked_ns = self._scanner.clock.booked_ns()
        time_ns = {phase: booked_ns[phase] - self._booked_ns[phase] for phase in booked_ns}
        self._booked_ns = booked_ns
        record = replace(record_of(self._scanner, site, result, time_ns), z_um=z_um)
        self._pace_s.append(record.seconds)
        others = [Shot(other_um - offset.z_um, frame.image) for other_um, frame in result.others]
        self._writer.hand_over(self._keeper.piece(Take(record, result.frame.image, others)))

    def _flush(self, but: int = 0) -> None:
        """Wait until all fields are judged and written, but the last one or so."""
        with self._scanner.clock.caught_up("write", but):
            self._writer.flush(but)


def surface_of(scanner: Scanner) -> FocusSurface:
    """An empty one that looks as far as fields of this size need it."""
    return FocusSurface(_REACH_FIELDS * max(scanner.profile.field_um))


def record_of(scanner: Scanner, site: Site, result: FocusResult, time_ns: dict[Phase, int]) -> FieldRecord:
    """What is known of a field once it is focused."""
    error_um = scanner.truth(result.frame) if scanner.truth is not None else None
    first_true_um = None
    if error_um is not None and result.first_move_um is not None:
        first_true_um = result.z_um - error_um - result.first_z_um
    return FieldRecord(
        row=site.row,
        col=site.col,
        x_um=site.x_um,
        y_um=site.y_um,
        z_um=result.z_um,
        predicted_um=result.predicted_um,
        spread_um=result.spread_um,
        patches=result.patches,
        captures=result.captures,
        status=result.status,
        time_ns=time_ns,
        first_move_um=result.first_move_um,
        first_true_move_um=first_true_um,
        true_error_um=error_um,
        tile="",
    )


def _is_unlit(record: FieldRecord) -> bool:
    return bool({DARK, BRIGHT} & set(record.flags))


def _is_off(record: FieldRecord) -> bool:
    return POSITION_OFF in record.flags and record.retakes == 0


def _joins_nothing(record: FieldRecord) -> bool:
    return SEAM_OFF in record.flags and record.retakes == 0


def _out_of_focus(record: FieldRecord) -> bool:
    return record.status == "predicted" or MISSED in record.flags


def _lost_height(records: Sequence[FieldRecord]) -> bool:
    """Whether so many fields in succession, all of them with tissue, were not focused."""
    runs = itertools.groupby(records, key=lambda record: _out_of_focus(record) and record.retakes == 0)
    return any(out and len(list(run)) >= _LOST_FIELDS for out, run in runs)
