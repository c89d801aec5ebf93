"""One row per field: what `tiles.csv` holds."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from firmware_host.clock import PHASES, Phase
from firmware_host.whole_file import write_whole

FieldStatus = Literal["focused", "swept", "predicted", "blank"]

_COLUMNS = [
    "row",
    "col",
    "x_um",
    "y_um",
    "z_um",
    "predicted_um",
    "spread_um",
    "patches",
    "captures",
    "status",
    *(f"{phase}_ms" for phase in PHASES),
    "first_move_um",
    "first_true_move_um",
    "true_error_um",
    "tile",
    "sharpness",
    "defocus_dof",
    "exposure",
    "seam_px",
    "seam_sharpness",
    "retakes",
    "retaken_for",
    "flags",
]


@dataclass(frozen=True)
class FieldRecord:
    """One scanned field.

    :param x_um, y_um, z_um: where the tile was taken, stage coordinates as of the first homing.
    :param predicted_um: the last predicted move; :param spread_um: how much the patches disagreed on it.
    :param captures: frames taken for it; :param time_ns: scanner's time spent on it, by phase.
    :param first_move_um: the first predicted move; None when the network was not asked.
    :param first_true_move_um, true_error_um: known on the twin only: the move that would have been right then, and
        the tile's z minus the true focus.
    :param tile: the tile's file name in the scan's folder; empty when it was not saved.
    :param sharpness, defocus_dof, exposure, seam_px, seam_sharpness, steepness: as
        `firmware_host.quality.verdict.Quality` has them; None where there was too little to measure them by.
    :param flags: what is wrong with the tile, by the names of `firmware_host.incidents`; none for a good one.
    :param retakes: how often the field was taken again; :param retaken_for: what was wrong with the takes before.
    """

    row: int
    col: int
    x_um: float
    y_um: float
    z_um: float
    predicted_um: float
    spread_um: float
    patches: int
    captures: int
    status: FieldStatus
    time_ns: dict[Phase, int]
    first_move_um: float | None
    first_true_move_um: float | None
    true_error_um: float | None
    tile: str
    sharpness: float | None = None
    defocus_dof: float | None = None
    exposure: float | None = None
    seam_px: float | None = None
    seam_sharpness: float | None = None
    flags: tuple[str, ...] = ()
    retakes: int = 0
    retaken_for: tuple[str, ...] = ()
    steepness: float | None = None

    @property
    def seconds(self) -> float:
        """Scanner's time of the field."""
        return sum(self.time_ns.values()) * 1e-9

    @property
    def is_flagged(self) -> bool:
        """Whether the tile is not to be relied on: its focus was not found, or something is wrong with it."""
        return self.status == "predicted" or bool(self.flags)


def write_tiles_csv(path: Path, records: list[FieldRecord]) -> None:
    """Write the table whole, in the order of the records: um to the nm, ms to the us, unknown values empty.

    Several causes in one cell are parted by semicolons.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for record in records:
        writer.writerow(
            [
                record.row,
                record.col,
                *(f"{value:.3f}" for value in (record.x_um, record.y_um, record.z_um)),
                f"{record.predicted_um:.3f}",
                f"{record.spread_um:.3f}",
                record.patches,
                record.captures,
                record.status,
                *(f"{record.time_ns.get(phase, 0) * 1e-6:.3f}" for phase in PHASES),
                *(_optional(v) for v in (record.first_move_um, record.first_true_move_um, record.true_error_um)),
                record.tile,
                *(_optional(v) for v in (record.sharpness, record.defocus_dof, record.exposure)),
                *(_optional(v) for v in (record.seam_px, record.seam_sharpness)),
                record.retakes,
                "; ".join(record.retaken_for),
                "; ".join(record.flags),
            ]
        )
    write_whole(path, text.getvalue().encode("ascii"))


def _optional(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
