"""`collect.csv`: one row a field that was visited, with the reason where its stack was left out."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Literal

from firmware_host.stack_folder import Split
from firmware_host.whole_file import write_whole

TABLE = "collect.csv"


@dataclass(frozen=True)
class CollectRow:
    """One field, written or left out. Lengths in um of the stage; None where nothing is known.

    :param planes: that were taken; :param split: None when the stack was left out; :param reason: why it was.
    """

    position: str
    x_um: float
    y_um: float
    focus_z_um: float | None
    spread_um: float | None
    planes: int
    split: Split | None
    status: Literal["written", "left out"]
    reason: str


def write_table(path: Path, rows: Sequence[CollectRow]) -> None:
    """Write the table whole.

    :raises OSError: it cannot be written.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(CollectRow)], lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow(
            {key: f"{value:.3f}" if isinstance(value, float) else value for key, value in asdict(row).items()}
        )
    write_whole(path, text.getvalue().encode("ascii"))
