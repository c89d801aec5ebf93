"""One scan from the survey to the last tile: visit, focus, correct, save, journal, remember the surface."""

from __future__ import annotations

import functools
import statistics
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from firmware_host.clock import Phase
from firmware_host.focus.result import FocusMethod, FocusResult
from firmware_host.focus.surface import FocusSurface
from firmware_host.hardware import Scanner
from firmware_host.scan.folder import ScanFolder, tile_name
from firmware_host.scan.light import FlatField, Image
from firmware_host.scan.plan import Site
from firmware_host.scan.writer import Writer
from firmware_host.slide.record import FieldRecord

_PACE_FIELDS = 20  # the last ones, whose mean time tells how long the rest will take
_REACH_FIELDS = 2.5  # how far the focus surface looks, in fields


@dataclass(frozen=True)
class Progress:
    """Told after each field: how many are done, and the scanner's time that the rest will take at this pace."""

    done: int
    total: int
    seconds_left: float


class Scan:
    """Visits the sites in order. After a Ctrl-C or a fault `records` holds what was scanned until then."""

    def __init__(self, scanner: Scanner, method: FocusMethod, flat_field: FlatField, folder: ScanFolder | None) -> None:
        """:param folder: where tiles and journal go; None focuses only, to compare methods."""
        self._pace_s: deque[float] = deque(maxlen=_PACE_FIELDS)
        self._booked_ns = scanner.clock.booked_ns()
        self.records: list[FieldRecord] = []
        self._scanner = scanner
        self._method = method
        self._flat_field = flat_field
        self._folder = folder
        self._surface = FocusSurface(_REACH_FIELDS * max(scanner.profile.field_um))

    def run(self, sites: Sequence[Site], start_z_um: float, progress: Callable[[Progress], None]) -> None:
        """Scan the sites; the first search starts around `start_z_um`."""
        self._booked_ns = self._scanner.clock.booked_ns()
        with Writer(self._scanner.clock) as writer:
            for number, site in enumerate(sites, start=1):
                predicted = self._surface.predict(site.x_um, site.y_um)
                self._field(site, start_z_um if predicted is None else predicted, writer)
                progress(Progress(number, len(sites), statistics.fmean(self._pace_s) * (len(sites) - number)))

    def _field(self, site: Site, pivot_um: float, writer: Writer) -> None:
        result = self._method.focus(site.x_um, site.y_um, pivot_um)
        if result.status in ("focused", "swept"):
            self._surface.add(site.x_um, site.y_um, result.z_um)
        booked_ns = self._scanner.clock.booked_ns()
        time_ns = {phase: booked_ns[phase] - self._booked_ns[phase] for phase in booked_ns}
        self._booked_ns = booked_ns
        record = self._record(site, result, time_ns, tile_name(site.row, site.col) if self._folder is not None else "")
        self._pace_s.append(record.seconds)
        writer.hand_over(functools.partial(self._save, record, result.frame.image))

    def _save(self, record: FieldRecord, image: Image) -> None:
        """Tile, then journal, then record: what is in the later ones is in the earlier ones."""
        if self._folder is not None:
            corrected = self._flat_field.apply(image)
            self._folder.save_tile(record.tile, corrected, self._scanner.profile.scan.jpeg_quality)
            self._folder.log("field", **asdict(record))
        self.records.append(record)

    def _record(self, site: Site, result: FocusResult, time_ns: dict[Phase, int], tile: str) -> FieldRecord:
        error_um = self._scanner.truth(result.frame) if self._scanner.truth is not None else None
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
            tile=tile,
        )
