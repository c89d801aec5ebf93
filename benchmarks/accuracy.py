"""How far tiles are from focus, by objective and by way of focusing, on emulated slides."""

from __future__ import annotations

from typing import get_args

from benchmarks.machine import Machine
from benchmarks.measure import Row, row
from benchmarks.scans import Scanner, scanned
from firmware_host.scan.entries import Method

_OBJECTIVES: dict[str, Scanner] = {"20x/0.75": "emulated", "20x/0.65": "20x/0.65", "10x/0.40": "10x/0.40"}


def accuracy(machine: Machine) -> list[Row]:
    """Micrometres, and share of the depth of field, of the same fields. A real scanner knows no truth."""
    if not machine.is_emulated:
        return []
    rows = []
    for objective, scanner in _OBJECTIVES.items():
        for method in get_args(Method):
            done = scanned(scanner, method)
            errors = [abs(field.error_um) for field in done.fields if field.error_um is not None]
            dof_um = done.profile.optics.depth_of_field_um
            rows.append(row("accuracy", f"{objective}, {method}: error", "um", errors, "mean"))
            shares = [error / dof_um for error in errors]
            rows.append(row("accuracy", f"{objective}, {method}: error in depths of field", "DoF", shares, "mean"))
    return rows
