"""Some fields of a scan focused by contrast sweep too, for the report. Only a twin has the same slide twice."""

from __future__ import annotations

from collections.abc import Sequence

from firmware_host.cancel import CancelToken
from firmware_host.hardware import open_scanner
from firmware_host.heartbeat import Tell
from firmware_host.scan.plan import Site
from firmware_host.scan.preparation import sweep_of
from firmware_host.scan.request import ScanRequest
from firmware_host.scan.scan import record_of, surface_of
from firmware_host.slide.record import FieldRecord

_FIELDS = 24


def focused_by_sweep(request: ScanRequest, records: Sequence[FieldRecord], tell: Tell) -> list[FieldRecord]:
    """Some of the same fields on a fresh twin of the same seed."""
    seen = [record for record in records if record.status != "blank"]
    chosen = seen[:: max(1, len(seen) // _FIELDS)][:_FIELDS]
    if not chosen:
        return []
    scanner = open_scanner(request.profile, request.seed, request.slide, CancelToken(), request.real_time)
    try:
        scanner.stage.home()
        scanner.lamp.on()
        _, sweep = sweep_of(scanner)
        surface = surface_of(scanner)
        compared: list[FieldRecord] = []
        before_ns = scanner.clock.booked_ns()
        for number, record in enumerate(chosen, start=1):
            pivot_um = surface.predict(record.x_um, record.y_um)
            result = sweep.focus(record.x_um, record.y_um, chosen[0].z_um if pivot_um is None else pivot_um)
            if result.status == "swept":
                surface.add(record.x_um, record.y_um, result.z_um)
            now_ns = scanner.clock.booked_ns()
            time_ns = {phase: now_ns[phase] - before_ns[phase] for phase in now_ns}
            before_ns = now_ns
            compared.append(record_of(scanner, Site(record.row, record.col, record.x_um, record.y_um), result, time_ns))
            tell("contrast sweep, for comparison", number / len(chosen), None)
    finally:
        scanner.close()
    return compared
