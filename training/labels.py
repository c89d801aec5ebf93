"""Label files: the pairs of planes of a set of stacks as a table, for people and for other tools.

`<root>/y/{train,test}.csv` or `.xlsx`, one row a pair: xy_position (folder), z1_image, z2_image (files, the second
delta higher), z1_diff_focus, z2_diff_focus (each plane's z relative to focus, um, as the Exif tag has it). Heights
are integer nanometres inside, so no pair is lost to rounding.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Literal, get_args

from openpyxl import Workbook, load_workbook

from firmware_host.errors import UsageError
from firmware_host.stack_folder import Split
from firmware_host.whole_file import write_whole
from training.stacks import Skipped, Stack, match_pairs

COLUMNS = ("xy_position", "z1_image", "z2_image", "z1_diff_focus", "z2_diff_focus")
Format = Literal["csv", "xlsx"]
FORMATS: tuple[Format, ...] = get_args(Format)


@dataclass(frozen=True)
class LabelRow:
    """One pair. Heights relative to focus in nm, negative = below; the move to make is -z2_nm."""

    position: str
    first: str
    second: str
    z1_nm: int
    z2_nm: int


def label_pairs(
    stacks: Iterable[Stack], delta_nm: int, tolerance_nm: int, limit_nm: tuple[int, int] | None
) -> list[LabelRow]:
    """All pairs `delta_nm` apart, those that straddle the focus too.

    :param limit_nm: (lowest, highest) height relative to focus; pairs with a plane outside are left out.
    """
    rows = []
    for stack in stacks:
        planes = stack.planes
        for first, second in match_pairs([plane.z_nm for plane in planes], delta_nm, tolerance_nm):
            low, high = planes[first], planes[second]
            if limit_nm is None or (limit_nm[0] <= low.z_nm and high.z_nm <= limit_nm[1]):
                rows.append(LabelRow(stack.name, low.path.name, high.path.name, low.z_nm, high.z_nm))
    return rows


def write_labels(path: Path, rows: Sequence[LabelRow]) -> None:
    """Write the table, whole; the suffix decides the format."""
    table = [(row.position, row.first, row.second, row.z1_nm / 1000, row.z2_nm / 1000) for row in rows]
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".csv":
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([COLUMNS, *table])
        content = text.getvalue().encode()
    else:
        book = Workbook(write_only=True)
        sheet = book.create_sheet("labels")
        for line in [COLUMNS, *table]:
            sheet.append(line)
        stream = io.BytesIO()
        book.save(stream)
        content = stream.getvalue()
    write_whole(path, content)


def read_labels(path: Path) -> tuple[list[LabelRow], list[Skipped]]:
    """Rows of a label file, whoever made it; columns in any order, more of them do no harm.

    :returns: the usable rows, and those that are not, with the reason.
    :raises UsageError: the file is missing or damaged, lacks a column, or has no usable row.
    """
    lines = _read_xlsx(path) if path.suffix == ".xlsx" else _read_csv(path)
    if not lines:
        raise UsageError(f"labels {path}: empty; expected the columns {', '.join(COLUMNS)}")
    header = [str(cell).strip() for cell in lines[0]]
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        raise UsageError(f"labels {path}: no column {missing[0]}; expected {', '.join(COLUMNS)}")
    at = [header.index(name) for name in COLUMNS]
    rows, skipped = [], []
    for number, line in enumerate(lines[1:], start=2):
        cells = [line[index] if index < len(line) else None for index in at]
        try:
            rows.append(_row(cells))
        except ValueError as error:
            skipped.append(Skipped(path, f"line {number}: {error}"))
    if not rows:
        first = f"; {skipped[0].reason}" if skipped else ""
        raise UsageError(f"labels {path}: no usable row{first}")
    return rows, skipped


def find_labels(root: Path, split: Split) -> Path:
    """The label file of a split.

    :raises UsageError: there is none, or one of each format.
    """
    paths = [root / "y" / f"{split}.{suffix}" for suffix in FORMATS]
    found = [path for path in paths if path.exists()]
    if len(found) != 1:
        raise UsageError(f"labels {paths[0]}: {'no such file, nor .xlsx' if not found else 'there is .xlsx too'}")
    return found[0]


def heights_from(rows: Iterable[LabelRow]) -> Callable[[Path], int]:
    """What tells the height of a plane, nm, by its position and name, as `training.stacks.read_stacks` asks it.

    It raises ValueError where the table has no height for a plane, or several.
    """
    heights: dict[tuple[str, str], set[int]] = {}
    for row in rows:
        heights.setdefault((row.position, row.first), set()).add(row.z1_nm)
        heights.setdefault((row.position, row.second), set()).add(row.z2_nm)

    def height_nm(plane: Path) -> int:
        told = sorted(heights.get((plane.parent.name, plane.name), ()))
        if len(told) != 1:
            several = ", ".join(f"{each / 1000:g}" for each in told)
            raise ValueError(f"the labels give it several heights: {several} um" if told else "not in the labels")
        return told[0]

    return height_nm


def _row(cells: Sequence[object]) -> LabelRow:
    position, first, second = (str(cell or "").strip() for cell in cells[:3])
    for name in (position, first, second):
        if not name or Path(name).name != name:
            raise ValueError(f"{name or 'nothing'} is not the plain name of a folder or file")
    heights = []
    for column, cell in zip(COLUMNS[3:], cells[3:], strict=True):
        try:
            height_nm = Decimal(str(cell)) * 1000
        except InvalidOperation as error:
            raise ValueError(f"{column} is {cell!r}, not a number of um") from error
        if not height_nm.is_finite() or abs(height_nm) > 10_000_000:
            raise ValueError(f"{column} is {cell!r}, not a height in um")
        heights.append(int(height_nm.to_integral_value()))
    if heights[1] <= heights[0]:
        raise ValueError(f"z2 ({heights[1]} nm) is not above z1 ({heights[0]} nm)")
    return LabelRow(position, first, second, heights[0], heights[1])


def _read_csv(path: Path) -> list[list[str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return [line for line in csv.reader(file) if line]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"labels {path}: cannot be read: {error}") from error


def _read_xlsx(path: Path) -> list[list[object]]:
    try:
        book = load_workbook(path, read_only=True, data_only=True)
        return [list(line) for line in book.worksheets[0].iter_rows(values_only=True) if any(line)]
    except Exception as error:  # openpyxl raises whatever zipfile and the XML parser raise
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise UsageError(f"labels {path}: cannot be read: {reason}") from error
