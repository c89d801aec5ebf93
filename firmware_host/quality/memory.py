"""What a judge keeps of the tiles before: borders, sharpness, and how seams usually are. Bounded on any slide."""

from __future__ import annotations

import statistics
from collections import Counter, OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from firmware_host.incidents import Incident
from firmware_host.quality.seams import Borders, Seam
from firmware_host.quality.verdict import Quality

Direction = Literal["across", "down"]

_USUAL_OF = 15
_LEAST_FOR_USUAL, _ENOUGH_FOR_USUAL = 3, 6  # from the second on, what was judged before is judged again
_STEEPNESS_OF, _LEAST_FOR_STEEPNESS = 25, 4
_NEAREST, _LEAST_NEAR = 8, 3
_NEAR_COLUMNS = 4
_PRINTS = 512
ROWS = 3
"""That are kept: while a row is mended the next one has begun, and of the one before it a tile may be taken again."""


class Place(Protocol):
    """Where a field lies: its place in the grid, and its middle in stage coordinates, um."""

    @property
    def row(self) -> int: ...

    @property
    def col(self) -> int: ...

    @property
    def x_um(self) -> float: ...

    @property
    def y_um(self) -> float: ...


@dataclass(frozen=True)
class Remembered:
    """A tile that was scanned before. :param borders: None once nothing will be laid beside it any more."""

    place: Place
    quality: Quality
    borders: Borders | None


class Memory:
    """The tiles of the last rows, and what many tiles have in common."""

    def __init__(self) -> None:
        self._tiles: dict[tuple[int, int], Remembered] = {}
        self._seams: dict[Direction, deque[Seam]] = {"across": deque(maxlen=_USUAL_OF), "down": deque(maxlen=_USUAL_OF)}
        self._unsettled: set[Direction] = {"across", "down"}
        self._steepness: deque[float] = deque(maxlen=_STEEPNESS_OF)
        self._prints: OrderedDict[int, tuple[int, int, float]] = OrderedDict()

    @property
    def nbytes(self) -> int:
        """Of the borders, which are nearly all of it."""
        return sum(tile.borders.nbytes for tile in self._tiles.values() if tile.borders is not None)

    def keep(self, place: Place, quality: Quality, borders: Borders) -> None:
        """Keep a tile in place of what was kept of that field; rows that nothing new touches are forgotten.

        After the first field of a row the one before it is mended, and with it the one before that, of which only
        figures are needed from then on.
        """
        self._tiles[place.row, place.col] = Remembered(place, quality, borders)
        begun = Counter(row for row, _ in self._tiles)
        newest = max(begun)
        unmended = sorted(begun)[-2 if begun[newest] > 1 else -3 :]
        self._tiles = {
            key: tile if key[0] in unmended else replace(tile, borders=None)
            for key, tile in self._tiles.items()
            if key[0] > newest - ROWS
        }

    def forget(self, places: Sequence[tuple[int, int]]) -> None:
        """Fields, (row, col), that are to be taken as if for the first time."""
        for place in places:
            self._tiles.pop(place, None)

    def blame(self, place: tuple[int, int], incident: Incident) -> None:
        """Something is wrong with a tile that was kept as good."""
        tile = self._tiles[place]
        self._tiles[place] = replace(tile, quality=replace(tile.quality, reasons=(*tile.quality.reasons, incident)))

    def neighbours(self, place: Place) -> list[tuple[Direction, bool, Remembered]]:
        """Tiles beside a field that show the light there: good ones, and those that are only too dark or blurred.

        In which direction, and whether the field comes after them in it.
        """
        found: list[tuple[Direction, bool, Remembered]] = []
        sides: tuple[tuple[Direction, int, int], ...] = (
            ("across", 0, -1),
            ("across", 0, 1),
            ("down", -1, 0),
            ("down", 1, 0),
        )
        for direction, rows, columns in sides:
            tile = self._tiles.get((place.row + rows, place.col + columns))
            if tile is not None and tile.borders is not None and tile.quality.shows_the_light:
                found.append((direction, rows + columns < 0, tile))
        return found

    def add_seam(self, direction: Direction, seam: Seam) -> None:
        self._seams[direction].append(seam)

    def usual(self, direction: Direction) -> Seam:
        """What seams in a direction have in common: pixel pitch or camera angle a little wrong, shading left over, one
        side of the picture sharper than the other."""
        right_px, down_px, brightness = 0.0, 0.0, 1.0
        seams = self._seams[direction]
        if len(seams) >= _LEAST_FOR_USUAL:
            brightness = statistics.median(seam.brightness for seam in seams)
        placed = [seam for seam in seams if seam.likeness is not None]
        if len(placed) >= _LEAST_FOR_USUAL:
            right_px = statistics.median(seam.right_px for seam in placed)
            down_px = statistics.median(seam.down_px for seam in placed)
        sharp = [seam.sharpness for seam in seams if seam.sharpness is not None]
        sharpness = statistics.median(sharp) if len(sharp) >= _LEAST_FOR_USUAL else None
        return Seam(right_px, down_px, None, brightness, sharpness)

    def settled(self) -> list[Direction]:
        """Directions in which it has become well known, since this was asked last, how sharp seams usually are."""
        known = [
            direction
            for direction in sorted(self._unsettled)
            if sum(seam.sharpness is not None for seam in self._seams[direction]) >= _ENOUGH_FOR_USUAL
        ]
        self._unsettled.difference_update(known)
        return known

    def pairs(self, direction: Direction, but: Place) -> list[tuple[Remembered, Remembered]]:
        """Good tiles that follow each other in a direction. :param but: a field whose tile is about to be replaced."""
        rows, columns = (0, 1) if direction == "across" else (1, 0)
        good = {key: tile for key, tile in self._tiles.items() if tile.quality.is_good and key != (but.row, but.col)}
        pairs = ((tile, good.get((row + rows, col + columns))) for (row, col), tile in good.items())
        return [(first, second) for first, second in pairs if second is not None]

    def sharpness_near(self, place: Place) -> float | None:
        """The median sharpness of the nearest good tiles; None where there are fewer than three."""
        known = [
            (abs(row - place.row) + abs(col - place.col), row, col, tile.quality.sharpness)
            for (row, col), tile in self._tiles.items()
            if tile.quality.is_good and tile.quality.sharpness is not None and (row, col) != (place.row, place.col)
        ]
        nearest = [sharpness for *_, sharpness in sorted(known)[:_NEAREST]]
        return statistics.median(nearest) if len(nearest) >= _LEAST_NEAR else None

    def height_near(self, place: Place) -> float | None:
        """z of a tile if the slide is flat there, um: that of the nearest good tile of its row, and the step between
        the same two columns in the row before. None where these are not known.
        """
        for away in range(1, _NEAR_COLUMNS + 1):
            for col in (place.col - away, place.col + away):
                known = [
                    self._height(*at) for at in ((place.row, col), (place.row - 1, place.col), (place.row - 1, col))
                ]
                beside, above, above_beside = known
                if beside is not None and above is not None and above_beside is not None:
                    return beside + above - above_beside
        return None

    def _height(self, row: int, col: int) -> float | None:
        tile = self._tiles.get((row, col))
        return tile.quality.z_um if tile is not None and tile.quality.is_good else None

    def last(self, place: Place) -> Quality | None:
        """What was said of the take of a field that was kept."""
        tile = self._tiles.get((place.row, place.col))
        return None if tile is None else tile.quality

    def add_steepness(self, told: float) -> None:
        """What one tile, in focus or not, tells of the slide."""
        self._steepness.append(told)

    @property
    def steepness(self) -> float | None:
        """How quickly detail fades on this slide, by most tiles. None: too few have been judged."""
        return statistics.median(self._steepness) if len(self._steepness) >= _LEAST_FOR_STEEPNESS else None

    def repeats(self, frame_print: int, place: Place, z_um: float) -> bool:
        """Note a frame; whether the same one, noise and all, was delivered of another field or height before."""
        here = place.row, place.col, z_um
        before = self._prints.setdefault(frame_print, here)
        if len(self._prints) > _PRINTS:
            self._prints.popitem(last=False)
        return before != here
