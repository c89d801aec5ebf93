"""A scan in a few figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from firmware_host.slide.record import FieldRecord


@dataclass(frozen=True)
class Summary:
    """Figures of a scan. Those about the true error are None where the truth is not known (on hardware).

    :param fields: visited; :param blank: of these without detail; :param flagged: status "predicted", or something
        is wrong with the tile.
    :param mean_error_um: mean absolute error of the non-blank tiles; :param p95_error_um: its 95th percentile.
    :param within_half_dof: share of non-blank tiles with |error| <= DoF/2.
    :param wrong_direction: share of first predictions in the wrong direction, among the fields where the truth was
        more than DoF/2 away.
    :param captures_per_field, seconds_per_field: over the non-blank fields; time on the scanner's own clock.
    """

    fields: int
    blank: int
    flagged: int
    mean_error_um: float | None
    p95_error_um: float | None
    within_half_dof: float | None
    wrong_direction: float | None
    captures_per_field: float
    seconds_per_field: float

    def line(self) -> str:
        """One line for the terminal."""
        parts = [f"{self.fields} fields ({self.blank} blank, {self.flagged} flagged)"]
        if self.mean_error_um is not None and self.within_half_dof is not None:
            parts.append(f"mean |focus error| {self.mean_error_um:.3f} um")
            parts.append(f"{self.within_half_dof:.1%} within DoF/2")
        if self.wrong_direction is not None:
            parts.append(f"{self.wrong_direction:.1%} wrong direction")
        parts.append(f"{self.captures_per_field:.2f} captures per field")
        parts.append(f"{self.seconds_per_field:.3f} s per field")
        return ", ".join(parts)


def summarise(records: Sequence[FieldRecord], depth_of_field_um: float) -> Summary:
    """Figures of the records of one scan (in any order, none is fine)."""
    seen = [record for record in records if record.status != "blank"]
    errors = np.array([abs(record.true_error_um) for record in seen if record.true_error_um is not None])
    judged = [
        (record.first_move_um, record.first_true_move_um)
        for record in seen
        if record.first_move_um is not None
        and record.first_true_move_um is not None
        and abs(record.first_true_move_um) > depth_of_field_um / 2
    ]
    return Summary(
        fields=len(records),
        blank=len(records) - len(seen),
        flagged=sum(record.is_flagged for record in records),
        mean_error_um=float(errors.mean()) if len(errors) else None,
        p95_error_um=float(np.percentile(errors, 95)) if len(errors) else None,
        within_half_dof=float((errors <= depth_of_field_um / 2).mean()) if len(errors) else None,
        wrong_direction=sum(move * true < 0 for move, true in judged) / len(judged) if judged else None,
        captures_per_field=sum(record.captures for record in seen) / max(len(seen), 1),
        seconds_per_field=sum(record.seconds for record in seen) / max(len(seen), 1),
    )
