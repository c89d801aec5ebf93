"""Tiles of one scan laid on those of another of the same slide: which of them do not show what is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from firmware_host.calibrate.shift import shift_between
from firmware_host.profile_tables import CameraTable
from firmware_host.slide.record import FieldRecord

Light = NDArray[np.float32]
Px = tuple[float, float]

_ALIKE, _AWAY_PX = 0.5, 12.0  # a tile that shows what it should; one that lies farther from where it should
_BRIGHTER = 1.2  # than it should be, or darker by the same
_LEAST_SHARE = 0.3  # of a tile that the other scan must have seen to tell anything of it
_REACH = 0.45  # of the shorter side: how far from its place a tile is looked for


class Seen:
    """What a scan has seen of a slide, as one picture.

    :param records: of its fields; :param folder: where their tiles are.
    """

    def __init__(self, records: Sequence[FieldRecord], folder: Path, camera: CameraTable) -> None:
        self._camera = camera
        tiles = [(camera.view_px(each.x_um, each.y_um), _light(folder / each.tile)) for each in records]
        self._corner = np.floor(np.min([place for place, _ in tiles], axis=0)).astype(int)
        ends = [np.array(self._on_canvas(place)) + tile.shape[::-1] for place, tile in tiles]
        width, height = np.max(ends, axis=0)
        self._canvas = np.full((height, width), np.nan, np.float32)
        for place, tile in tiles:
            right, down = self._on_canvas(place)
            self._canvas[down : down + tile.shape[0], right : right + tile.shape[1]] = tile

    def wrong(
        self, records: Sequence[FieldRecord], folder: Path, aside_um: Sequence[tuple[float, float]] = ()
    ) -> list[tuple[FieldRecord, str]]:
        """Tiles of another scan that do not show what is there, or lie elsewhere, or in another light; and how.

        Where all of that scan lies is not asked: by how much most tiles are shifted is where the stage's zero was.

        :param aside_um: by how much (x, y) all of it may lie aside, besides a little.
        """
        tiles = [_light(folder / record.tile) for record in records]
        found: list[list[_Likeness | None]] = []
        for x_um, y_um in ((0.0, 0.0), *aside_um):
            places = [self._camera.view_px(each.x_um + x_um, each.y_um + y_um) for each in records]
            found.append([self._likeness(tile, place) for tile, place in zip(tiles, places, strict=True)])
        likenesses = max(found, key=lambda each: sum(one is not None and one.shift_px is not None for one in each))
        shifts = [each.shift_px for each in likenesses if each is not None and each.shift_px is not None]
        common_px = np.median(shifts, axis=0) if shifts else np.zeros(2)
        told = [
            (record, "" if each is None else each.wrong(common_px))
            for record, each in zip(records, likenesses, strict=True)
        ]
        return [(record, why) for record, why in told if why]

    def _likeness(self, tile: Light, place: Px) -> _Likeness | None:
        """None where the scan has not seen enough."""
        right, down = self._on_canvas(place)
        height, width = self._canvas.shape
        top, left = max(down, 0), max(right, 0)
        bottom, end = min(down + tile.shape[0], height), min(right + tile.shape[1], width)
        here = self._canvas[top:bottom, left:end] if top < bottom and left < end else np.zeros((0, 0), np.float32)
        is_seen = np.isfinite(here)
        if is_seen.sum() < _LEAST_SHARE * tile.size:
            return None
        same = tile[top - down : bottom - down, left - right : end - right]
        return _Likeness.of(*(np.where(is_seen, each, each[is_seen].mean()) for each in (same, here)))

    def _on_canvas(self, place: Px) -> tuple[int, int]:
        return round(place[0]) - int(self._corner[0]), round(place[1]) - int(self._corner[1])


@dataclass(frozen=True)
class _Likeness:
    """A tile against what is there.

    :param brightness: over what it should be; :param alike: correlation, 1 where there is nothing to tell it by.
    :param shift_px: (right, down); None where they are not alike.
    """

    brightness: float
    alike: float
    shift_px: NDArray[np.float64] | None

    @classmethod
    def of(cls, tile: Light, same: Light) -> _Likeness:
        brightness = float(tile.mean() / same.mean())
        try:
            shift = shift_between(same, tile, (0.0, 0.0), _REACH * min(tile.shape))
        except ValueError:
            return cls(brightness, 1.0, None)
        is_alike = shift.likeness >= _ALIKE
        return cls(brightness, shift.likeness, np.array([shift.right_px, shift.down_px]) if is_alike else None)

    def wrong(self, common_px: NDArray[np.float64]) -> str:
        """In what it differs; empty where it does not."""
        if not 1 / _BRIGHTER <= self.brightness <= _BRIGHTER:
            return f"{self.brightness:.2f} times as bright as it should be"
        if self.alike < _ALIKE:
            return f"does not show what is there: {self.alike:.2f} alike"
        if self.shift_px is None:
            return ""
        right_px, down_px = self.shift_px - common_px
        if max(abs(right_px), abs(down_px)) > _AWAY_PX:
            return f"lies {right_px:+.0f}, {down_px:+.0f} px from where it should"
        return ""


def _light(path: Path) -> Light:
    with Image.open(path) as image:
        return np.asarray(image.convert("L"), np.float32)
