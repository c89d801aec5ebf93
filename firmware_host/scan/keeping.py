"""What becomes of a frame beside the loop: corrected, judged, written, journaled. Of two takes the better one stays."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, astuple, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from firmware_host.errors import warn
from firmware_host.health.room import Room
from firmware_host.incidents import Incident
from firmware_host.profile import Profile
from firmware_host.quality.joining import beyond_limit
from firmware_host.quality.judge import QualityJudge, Shot
from firmware_host.quality.memory import ROWS, Direction
from firmware_host.quality.seams import Seam
from firmware_host.quality.verdict import BEYOND_MENDING, Quality
from firmware_host.scan.entries import Story, blame, found_late
from firmware_host.scan.folder import ScanFolder, tile_name
from firmware_host.scan.light import FlatField
from firmware_host.scan.light import Image as Pixels
from firmware_host.slide.record import FieldRecord

MISSED = "tissue out of focus"
"""Cause: a field that was taken for empty, and is not."""

Place = tuple[int, int]


@dataclass(frozen=True)
class Take:
    """A field as it was focused.

    :param record: what is known of it, its quality and tile excepted; :param others: frames of the same field.
    """

    record: FieldRecord
    image: Pixels
    others: Sequence[Shot]


class Keeper:
    """Keeps the tiles of one scan. Only one thread at a time may call it.

    :param judge: None where the camera is too coarse for a judgement.
    :param tissue_absorbance: from which on a view holds tissue.
    """

    def __init__(
        self,
        folder: ScanFolder,
        flat_field: FlatField,
        judge: QualityJudge | None,
        room: Room | None,
        jpeg_quality: int,
        tissue_absorbance: float,
    ) -> None:
        self._folder = folder
        self._flat_field = flat_field
        self._judge = judge
        self._room = room
        self._jpeg_quality = jpeg_quality
        self._tissue_absorbance = tissue_absorbance
        self._takes: dict[Place, int] = {}
        self.records: dict[Place, FieldRecord] = {}
        """The best take of each field."""
        self.found_late: set[Place] = set()
        """Fields that passed for good until the row below them was taken: they are mended with that row."""
        self.mending: dict[int, list[Place]] = {}
        """By row, what was chosen to be taken again with it."""

    def recall(self, story: Story) -> None:
        """What an earlier session kept, and how often it took each field."""
        self.records = {(record.row, record.col): record for record in story.records}
        self._takes = dict(story.takes)
        self.found_late = set(story.found_late)
        self.mending = {row: list(places) for row, places in story.mending.items()}

    def doubt(self, places: Sequence[Place]) -> None:
        """As if these fields had never been taken."""
        self._folder.log("doubted", fields=places)
        self.found_late.difference_update(places)
        for row, _ in places:
            self.mending.pop(row, None)
        for place in places:
            if (record := self.records.pop(place, None)) is not None:
                self._folder.drop_tile(record.tile)
        if self._judge is not None:
            self._judge.forget(places)

    def mend(self, row: int, places: Sequence[Place]) -> None:
        """What is to be taken again with a row; told once for each."""
        self._folder.log("mending", row=row, fields=places)
        self.mending[row] = list(places)

    def piece(self, take: Take) -> _Piece:
        """The work on one take, which may be tried again where the disk refuses it."""
        return _Piece(self, take)

    def judged(self, take: Take) -> tuple[FieldRecord, Pixels, Quality | None]:
        """The take's record with its quality, and its picture corrected."""
        corrected = self._flat_field.apply(take.image)
        record = take.record
        if self._judge is None:
            return record, corrected, None
        quality = self._judge.judge(record, corrected, Shot(record.z_um, take.image), take.others)
        flags = quality.causes
        if record.status == "blank" and self._flat_field.absorbance(corrected) > self._tissue_absorbance:
            flags = (*flags, MISSED)
        judged = replace(
            record,
            sharpness=quality.sharpness,
            defocus_dof=quality.defocus_dof,
            exposure=quality.exposure,
            seam_px=quality.seam_px,
            seam_sharpness=quality.seam_sharpness,
            steepness=quality.steepness,
            flags=flags,
        )
        return judged, corrected, quality

    def save(self, record: FieldRecord, corrected: Pixels, quality: Quality | None) -> None:
        """Tile, then journal, then record: what is in the later ones is in the earlier ones.

        :raises OSError: the disk does not take it; it may be tried again.
        """
        place = record.row, record.col
        before = self.records.get(place)
        number = self._takes.get(place, 0) + 1
        retakes = 0 if before is None else before.retakes + 1
        why = () if before is None else tuple(dict.fromkeys((*before.retaken_for, *before.flags)))
        lesson = _lesson(record, quality)
        if before is not None and _worse(record, before):
            kept = replace(before, retakes=retakes, retaken_for=why)
            self._folder.log("field", checksum=self._folder.checksums[before.tile], lesson=lesson, **asdict(kept))
        else:
            kept = replace(record, retakes=retakes, retaken_for=why, tile=tile_name(*place, number))
            size = self._folder.save_tile(kept.tile, corrected, self._jpeg_quality)
            saved = _decoded(self._folder.path / kept.tile)
            self._folder.log("field", checksum=self._folder.checksums[kept.tile], lesson=lesson, **asdict(kept))
            if self._room is not None:
                self._room.wrote(size)
            if before is not None:
                self._folder.drop_tile(before.tile)
            if self._judge is not None and quality is not None:
                self._judge.remember(record, saved, quality)
        self._takes[place] = number
        self.records[place] = kept
        self.found_late |= found_late(lesson["blurred"], record.row)  # before they are flagged, as the loop looks
        blame(self.records, lesson["blurred"])


def _lesson(record: FieldRecord, quality: Quality | None) -> dict[str, Any]:
    """What a take tells of all fields, whether it is kept or not; see `entries.Lesson`."""
    return {
        "found": (record.x_um, record.y_um, record.z_um) if record.status in ("focused", "swept") else None,
        "steepness": None if quality is None else quality.steepness,
        "seams": [] if quality is None else [(direction, *astuple(seam)) for direction, seam in quality.seams],
        "blurred": [] if quality is None else quality.blurred,
    }


def _decoded(tile: Path) -> Pixels:
    """As a later session will see it."""
    with Image.open(tile) as image:
        return np.asarray(image.convert("RGB"))


class _Piece:
    """Judged once, saved as often as it takes."""

    def __init__(self, keeper: Keeper, take: Take) -> None:
        self._keeper = keeper
        self._take = take
        self._judged: tuple[FieldRecord, Pixels, Quality | None] | None = None

    def __call__(self) -> None:
        if self._judged is None:
            self._judged = self._keeper.judged(self._take)
        self._keeper.save(*self._judged)


def judge_of(profile: Profile) -> QualityJudge | None:
    """None, with a warning, where the camera is too coarse for a judgement."""
    try:
        return QualityJudge(profile)
    except ValueError as error:
        warn(f"quality: tiles are not judged: {error}")
        return None


def recall_tiles(judge: QualityJudge, story: Story, folder: Path) -> None:
    """Show the judge the tiles of the last rows, which later ones touch, and tell it what all takes told it."""
    for lesson in story.lessons:
        seams: list[tuple[Direction, Seam]] = [
            (direction, Seam(right_px, down_px, likeness, brightness, sharpness))
            for direction, right_px, down_px, likeness, brightness, sharpness in lesson.seams
        ]
        judge.learn(lesson.steepness, seams)
    records = story.records
    last = max((record.row for record in records), default=0)
    for record in records:
        if record.row > last - ROWS:
            quality = Quality(
                record.sharpness,
                record.defocus_dof,
                record.exposure,
                record.seam_px,
                record.seam_sharpness,
                record.z_um,
            )
            reasons = tuple(Incident(cause, "before") for cause in record.flags if cause != MISSED)
            judge.remember(record, _decoded(folder / record.tile), replace(quality, reasons=reasons))


def wants_again(record: FieldRecord) -> bool:
    """Whether another take may be better."""
    return bool(set(record.flags) - BEYOND_MENDING) or record.status == "predicted"


def _worse(new: FieldRecord, old: FieldRecord) -> bool:
    """More is wrong with it; or the same, and it is less sharp, or farther from focus."""
    return _badness(new) > _badness(old)


def _badness(record: FieldRecord) -> tuple[int, float, float, float]:
    return (
        len(record.flags) + (record.status == "predicted"),
        beyond_limit(record.seam_sharpness),
        math.inf if record.defocus_dof is None else abs(record.defocus_dof),
        -math.inf if record.sharpness is None else -record.sharpness,
    )
