"""One scan from the survey to the last tile: visit, focus, correct, save, journal, remember the surface."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from firmware_host.clock import Phase
from firmware_host.focus.result import FocusMethod, FocusResult
from firmware_host.focus.surface import FocusSurface
from firmware_host.hardware import Scanner
from firmware_host.scan.folder import ScanFolder
from firmware_host.scan.light import FlatField
from firmware_host.scan.plan import Site
from firmware_host.slide.record import FieldRecord

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
        self.records: list[FieldRecord] = []
        self._scanner = scanner
        self._method = method
        self._flat_field = flat_field
        self._folder = folder
        self._surface = FocusSurface(_REACH_FIELDS * max(scanner.profile.field_um))

    def run(self, sites: Sequence[Site], start_z_um: float, progress: Callable[[Progress], None]) -> None:
        """Scan the sites; the first search starts around `start_z_um`."""
        for number, site in enumerate(sites, start=1):
            predicted = self._surface.predict(site.x_um, site.y_um)
            self.records.append(self._field(site, start_z_um if predicted is None else predicted))
            pace = statistics.fmean(record.seconds for record in self.records[-20:])
            progress(Progress(number, len(sites), pace * (len(sites) - number)))

    def _field(self, site: Site, pivot_um: float) -> FieldRecord:
        clock = self._scanner.clock
        before = clock.booked_ns()
        result = self._method.focus(site.x_um, site.y_um, pivot_um)
        if result.status in ("focused", "swept"):
            self._surface.add(site.x_um, site.y_um, result.z_um)
        tile = ""
        if self._folder is not None:
            with clock.work("write"):
                image = self._flat_field.apply(result.frame.image)
                tile = self._folder.save_tile(site.row, site.col, image, self._scanner.profile.scan.jpeg_quality)
        after = clock.booked_ns()
        record = self._record(site, result, {phase: after[phase] - before[phase] for phase in after}, tile)
        if self._folder is not None:
            self._folder.log("field", **asdict(record))
        return record

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
