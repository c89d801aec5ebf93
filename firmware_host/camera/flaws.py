"""What betrays a frame that a cable, a driver or a buffer has spoilt. Pure functions of the pixels.

Whether a picture shows anything of use is not judged here: glass, dirt and blur are good frames. The bounds were set on
real microscopy and on the twin's; figures: docs/faults.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Cause = Literal["frame dropped", "frame stale", "frame half", "frame damaged", "frame black"]

_COLUMNS = 128  # of a frame, evenly spread, that most tests look at
_EVERY_ROW = 8  # where not all are looked at

# Levels and ratios between neighbouring rows.
_ABRUPT = 16.0  # levels from one row to the next, all across: no edge is so sharp
_FLOOR = 3.0  # levels by which rows differ whatever they show: rounding, compression
_JUMP = 2.0  # a row that differs from the next by so many times the rows on its quieter side do is no edge
_STEP, _CANDIDATES = 0.5, 4  # from here on a row is looked at closely, and so many of them
_ALIKE, _UNLIKE = 0.5, 0.45  # correlation of neighbouring rows in texture; what is missing of that where they are torn
_TEXTURE = 6.0  # levels of detail that it takes to say so
_SMOOTHED_PX = 33  # wider than any detail

_RUN_PX, _WILD = 32, 58.0  # a run of pixels whose tint jumps by so many levels from each to the next is no picture
_REPEATED_ROWS = 24  # of pixels that have noise, and yet are those of another frame: three blocks of a JPEG picture
_BANDS, _SAME = 8, 1.5  # in every band two takes of one thing differ by so many times what rows differ by, at most
_BRIGHTEST = 0.99  # share of pixels that are darker than what tells how much light there is


@dataclass(frozen=True)
class Flaw:
    """What is the matter with a frame.

    :param text: what was seen, for the user, or what the driver says.
    :param row: where the picture breaks; None where no slide could look like that.
    """

    cause: Cause
    text: str
    row: int | None = None


@dataclass(frozen=True)
class Sample:
    """A few columns of a frame, in green: (H, 128) uint8, and the same as (H, 16) words of eight pixels."""

    green: NDArray[np.uint8]

    @classmethod
    def of(cls, image: Image) -> Sample:
        """:param image: (H, W, 3) uint8, W >= 128."""
        step = image.shape[1] // _COLUMNS
        return cls(np.ascontiguousarray(image[:, : step * _COLUMNS : step, 1]))

    @property
    def words(self) -> NDArray[np.uint64]:
        return self.green.view(np.uint64)

    @property
    def mean(self) -> float:
        """Level, 0 to 255."""
        return float(self.green.mean())

    @property
    def brightest(self) -> float:
        """Level that one pixel in a hundred exceeds."""
        levels = self.green[::_EVERY_ROW].ravel()
        at = round(_BRIGHTEST * (len(levels) - 1))
        return float(np.partition(levels, at)[at])

    def agrees_with(self, other: Sample) -> bool:
        """Whether both show the same but for noise, all the way down."""
        now, before = self.green.astype(np.int16), other.green.astype(np.int16)
        usual = float(np.median(np.abs(np.diff(now, axis=0)).mean(axis=1)))
        bands = np.array_split(np.abs(now - before), _BANDS)
        return all(band.mean() <= _SAME * usual + _FLOOR for band in bands)


def find_flaw(image: Image, sample: Sample) -> Flaw | None:
    """What one frame alone tells: rows that hold nothing, blocks that are no picture, two pictures in one."""
    return _empty_rows(sample) or _garbage(image) or _seams(image, sample)


def repeated_share(sample: Sample, earlier: Sample) -> float:
    """How much of a frame is, bit by bit, that of an earlier one: 0 to 1.

    No two exposures have the same noise. Only areas with noise in every row count, which takes those out that are
    saturated, or smoothed by a camera's compression.
    """
    words = sample.words
    alive = words[1:] != words[:-1]
    same = (words[1:] == earlier.words[1:]) & alive
    bands = len(same) // _REPEATED_ROWS
    blocks = same[len(same) - bands * _REPEATED_ROWS :].reshape(bands, _REPEATED_ROWS, -1)
    return float(blocks.all(axis=1).mean())


def _empty_rows(sample: Sample) -> Flaw | None:
    """Rows of one and the same level, which noise forbids. All white or all black may be light, or none, but not where
    it begins from one row to the next and goes on to the end."""
    green = sample.green
    level = green[:, 0]
    one_level = (green == level[:, None]).all(axis=1)
    empty = one_level & (level > 0) & (level < 255)
    if not empty.any():
        ends = len(green) - int(np.argmin(one_level[::-1]))
        if ends == len(green) or abs(float(green[ends - 1].mean()) - float(level[ends])) < _ABRUPT:
            return None
        empty[ends:] = True
    return Flaw("frame half", f"{int(empty.sum())} rows of the frame hold nothing, from row {int(np.argmax(empty))} on")


def _seams(image: Image, sample: Sample) -> Flaw | None:
    """Between two rows the picture becomes another one: the rest of an older frame, or rows out of their place."""
    rows = list(_seam_rows(image, sample))
    if not rows:
        return None
    if len(rows) == 1:
        return Flaw("frame half", f"below row {rows[0]} the frame is another picture", rows[0])
    return Flaw("frame damaged", f"rows {rows[0]} to {rows[-1]} of the frame are out of their place", rows[0])


def _seam_rows(image: Image, sample: Sample) -> Iterator[int]:
    """Rows whose next one does not go with them, from the top."""
    steps = np.abs(np.diff(sample.green.astype(np.int16), axis=0)).mean(axis=1)
    above, below = np.maximum(steps[:-4], steps[1:-3]), np.maximum(steps[3:-1], steps[4:])
    jumps = steps[2:-2] / (np.minimum(above, below) + _FLOOR)
    for found in sorted(np.argsort(-jumps)[:_CANDIDATES].tolist()):
        row = found + 2
        if jumps[found] > _JUMP or (jumps[found] > _STEP and _is_torn(image, row)):
            yield row


def _is_torn(image: Image, row: int) -> bool:
    """Whether texture goes on from row to row above or below, but not from `row` to the next."""
    detail = [_detail(image[at, :, 1]) for at in range(row - 1, row + 3)]
    if min(float(each.std()) for each in detail) < _TEXTURE:
        return False
    above, across, below = (float(np.corrcoef(upper, lower)[0, 1]) for upper, lower in pairwise(detail))
    usual = max(above, below)
    return usual > _ALIKE and across < usual - _UNLIKE


def _detail(row: NDArray[np.uint8]) -> NDArray[np.float64]:
    """A row without what changes slowly along it."""
    level = np.cumsum(np.concatenate(([0.0], row)))
    mean = (level[_SMOOTHED_PX:] - level[:-_SMOOTHED_PX]) / _SMOOTHED_PX
    return np.asarray(row[_SMOOTHED_PX // 2 : _SMOOTHED_PX // 2 + len(mean)] - mean)


def _garbage(image: Image) -> Flaw | None:
    """A block whose pixels have nothing to do with each other: not even their colours go together."""
    rows = image[::_EVERY_ROW].astype(np.int16)
    apart = np.abs(np.diff(rows[..., 1] - rows[..., 0], axis=1))
    runs = apart.shape[1] // _RUN_PX
    wild = apart[:, : runs * _RUN_PX].reshape(len(rows), runs, _RUN_PX).mean(axis=2) > _WILD
    if not wild.any():
        return None
    row = int(np.argmax(wild.any(axis=1))) * _EVERY_ROW
    return Flaw("frame damaged", f"near row {row} the frame holds no picture", row)
