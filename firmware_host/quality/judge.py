"""The judge of tiles: measures each after it was taken, and says whether it is good, to be taken again, or flagged.

It runs beside the loop, on pictures alone, and asks neither the network nor the twin. What counts as scanned is told by
`remember`, and after a power cut by `recall`. A tile that was kept as good may be found blurred by the next one, which
shows the same tissue at its seam more sharply. A field that is taken again is judged like any other, against neighbours
on all four sides.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from firmware_host.incidents import Incident
from firmware_host.profile import Profile
from firmware_host.quality import verdict
from firmware_host.quality.damage import damage, print_of
from firmware_host.quality.defocus import defocus_dof, is_dust, sharpness_of, steepness_in_focus
from firmware_host.quality.detail import Detail, DetailMeter, Light, light_of
from firmware_host.quality.evenness import Evenness, evenness
from firmware_host.quality.joining import Beside, duller_of, joined
from firmware_host.quality.light import too_bright, too_dark
from firmware_host.quality.memory import Direction, Memory, Place
from firmware_host.quality.seams import REDUCED, Borders, Seam, borders_of, seam_between
from firmware_host.quality.verdict import Quality

Image = NDArray[np.uint8]

_MOST_DEFOCUS_DOF, _MOST_DEFOCUS_AT_FIRST_DOF = 0.55, 0.4  # the second while a slide's steepness is unknown
_MOST_FALL = 0.8  # in ln of sharpness below the neighbours', where focus frames tell nothing better
_MOST_FALL_ALONE = 0.6
_MOST_STEP_DOF, _SAME_DOF = 1.5, 0.5  # of height against the neighbours, and between two takes
_FINE_UNITS = 0.68  # lambda/NA: seams are compared in detail as fine as this
_MOST_SEAM_UM, _MOST_SEAM_PX = 1.5, 3.0


@dataclass(frozen=True)
class Shot:
    """A frame as the camera gave it, and the stage's z it was taken at."""

    z_um: float
    image: Image


class QualityJudge:
    """Judges the tiles of one scan, in the order in which they are taken.

    :raises ValueError: the camera's pixels are too coarse for its objective to be judged.
    """

    def __init__(self, profile: Profile) -> None:
        self._camera = profile.camera
        self._overlap = profile.scan.overlap
        self._dof_um = profile.optics.depth_of_field_um
        self._meter = DetailMeter(profile.optics, profile.camera.pixel_um)
        self._memory = Memory()
        half_px_um = REDUCED * profile.camera.pixel_um
        self._fine_px = max(1.0, _FINE_UNITS * profile.optics.lateral_unit_um / half_px_um)
        self._most_seam_px = max(_MOST_SEAM_UM / profile.camera.pixel_um, _MOST_SEAM_PX)

    @property
    def nbytes(self) -> int:
        """What is kept of the tiles before."""
        return self._memory.nbytes

    def judge(self, place: Place, tile: Image, shot: Shot, others: Sequence[Shot]) -> Quality:
        """What there is to say of a tile.

        :param tile: (H, W, 3), corrected by the flat field; :param shot: the same as the camera gave it.
        :param others: further frames of this field, best two or three, one of them a depth of field or more away.
        """
        raw, light = light_of(shot.image), light_of(tile)
        reasons = self._damage(place, raw, shot, others)
        if reasons:
            return Quality(None, None, None, None, None, shot.z_um, tuple(_named(place, reasons)))
        beside = self._beside(place, borders_of(light, self._overlap))
        joins = joined(beside, self._most_seam_px)
        reasons = list(joins.position)
        for cause, why in (
            (verdict.BRIGHT, too_bright(light, joins.exposure)),
            (verdict.DARK, too_dark(light, joins.exposure)),
        ):
            if why is not None:
                reasons.append((cause, why))
        focus = self._focus(place, raw, shot, others)
        blur = self._blur(focus, joins.blur)
        if any(cause == verdict.BLURRED for cause, _ in blur):  # a blurred overlap lies anywhere
            reasons = [(cause, why) for cause, why in reasons if cause != verdict.POSITION_OFF]
        reasons += blur or self._height(place, shot.z_um)
        is_lit = {verdict.DARK, verdict.BRIGHT}.isdisjoint(cause for cause, _ in reasons)
        learnt = self._learnt(place, beside, is_lit)
        blurred = self._found_before(place)
        if not reasons:
            blurred |= {each.place: -(each.seam.sharpness or 0.0) for each in joins.duller}
        return Quality(
            focus.sharpness,
            focus.defocus_dof,
            joins.exposure,
            joins.seam_px,
            joins.seam_sharpness,
            shot.z_um,
            tuple(_named(place, reasons)),
            focus.steepness,
            learnt,
            self._blame(blurred),
        )

    def remember(self, place: Place, tile: Image, quality: Quality) -> None:
        """Later tiles are judged against this one, if it is good."""
        self._memory.keep(place, quality, borders_of(light_of(tile), self._overlap))

    def forget(self, places: Sequence[tuple[int, int]]) -> None:
        """Tiles, (row, col), that nothing is to be judged against any more."""
        self._memory.forget(places)

    def learn(self, steepness: float | None, seams: Sequence[tuple[Direction, Seam]]) -> None:
        """What an earlier session's judgement of one take told of all tiles; in the order of the takes."""
        for direction, seam in seams:
            self._memory.add_seam(direction, seam)
        if steepness is not None:
            self._memory.add_steepness(steepness)
        self._memory.settled()

    def _damage(self, place: Place, raw: Light, shot: Shot, others: Sequence[Shot]) -> list[tuple[str, str]]:
        again = [self._memory.repeats(print_of(each.image), place, each.z_um) for each in (*others, shot)]
        why = damage(raw)
        if why is not None:
            return [(verdict.DAMAGED, why)]
        return [(verdict.REPEATED, "the camera delivered this frame before, elsewhere")] if again[-1] else []

    def _seam(
        self, first: Place, first_borders: Borders | None, second: Place, second_borders: Borders | None
    ) -> Seam | None:
        if first_borders is None or second_borders is None:
            return None
        right_px, down_px = self._camera.view_px(second.x_um - first.x_um, second.y_um - first.y_um)
        return seam_between(first_borders, second_borders, right_px, down_px, self._fine_px)

    def _found_before(self, place: Place) -> dict[tuple[int, int], float]:
        """Once it is known how seams usually are: which tiles were taken for good before that, as `blurred`."""
        found: dict[tuple[int, int], float] = {}
        for direction in self._memory.settled():
            usual = self._memory.usual(direction)
            for first, second in self._memory.pairs(direction, place):
                seam = self._seam(first.place, first.borders, second.place, second.borders)
                if seam is not None and (duller := duller_of(first, second, seam.less(usual))) is not None:
                    found[duller[0].row, duller[0].col] = duller[1]
        return found

    def _blame(self, blurred: Mapping[tuple[int, int], float]) -> tuple[tuple[int, int, float], ...]:
        """These were kept as good, and are blurred: another tile, which is good, shows the same tissue more sharply."""
        for place in blurred:
            self._memory.blame(place, Incident(verdict.BLURRED, "shown by the tile beside it"))
        return tuple((*place, sharpness) for place, sharpness in blurred.items())

    def _beside(self, place: Place, borders: Borders) -> list[Beside]:
        """The neighbours whose place is known."""
        found = []
        for direction, after, tile in self._memory.neighbours(place):
            here, there = (place, borders), (tile.place, tile.borders)
            seam = self._seam(*there, *here) if after else self._seam(*here, *there)
            if seam is None:
                continue
            usual = self._memory.usual(direction)
            # A neighbour in another light is told of by its own exposure: what follows it is in that light, too.
            against = 1.0 if tile.quality.is_lit else tile.quality.exposure or 1.0
            own = seam.less(usual) if after else seam.less(usual).reversed
            own = replace(own, brightness=against * own.brightness)
            found.append(Beside(direction, tile, seam, own, usual.sharpness is not None))
        return found

    def _learnt(self, place: Place, beside: Sequence[Beside], is_lit: bool) -> tuple[tuple[Direction, Seam], ...]:
        """The seams that tell how seams usually are.

        A lamp that has changed shows in one seam of a row, and no more if that is told once. Down it shows in all.
        """
        is_first_take = self._memory.last(place) is None

        def tells(each: Beside) -> bool:
            neighbour = each.tile.quality
            if each.direction == "down":
                return is_lit and neighbour.is_good
            return (is_lit or is_first_take) and neighbour.is_good_but_for_light

        learnt = tuple((each.direction, each.measured) for each in beside if each.measured.is_certain and tells(each))
        for direction, seam in learnt:
            self._memory.add_seam(direction, seam)
        return learnt

    def _focus(self, place: Place, raw: Light, shot: Shot, others: Sequence[Shot]) -> _Focus:
        tile, frames = self._details(raw, shot, others, self._meter.places(raw))
        if is_dust(tile, frames):
            return _Focus()
        sharpness, near = sharpness_of(tile), self._memory.sharpness_near(place)
        fallen = None if sharpness is None or near is None else sharpness - near
        usual, steepness = self._memory.steepness, steepness_in_focus(tile, frames)
        steep = 1.0 if usual is None else usual
        even = self._evenness(raw, shot, others, steep)
        if even is not None and even.is_uneven:
            steepness = None
        if steepness is not None:
            self._memory.add_steepness(steepness)
        defocus = defocus_dof(tile, frames, fallen, steep)
        most_dof = _MOST_DEFOCUS_AT_FIRST_DOF if usual is None else _MOST_DEFOCUS_DOF
        return _Focus(sharpness, fallen, defocus, most_dof, steepness, even)

    def _evenness(self, raw: Light, shot: Shot, others: Sequence[Shot], steepness: float) -> Evenness | None:
        tile, frames = self._details(raw, shot, others, self._meter.places_all_over(raw))
        return evenness(tile, frames, steepness)

    def _details(
        self, raw: Light, shot: Shot, others: Sequence[Shot], places: NDArray[np.intp]
    ) -> tuple[Detail, list[tuple[float, Detail]]]:
        """Of the tile, and of the frames, each with its z minus the tile's, DoF."""
        frames = [
            ((other.z_um - shot.z_um) / self._dof_um, self._meter.measure(light_of(other.image), places))
            for other in others
        ]
        return self._meter.measure(raw, places), frames

    def _height(self, place: Place, z_um: float) -> list[tuple[str, str]]:
        """A height that no neighbour would expect is doubted once: what a second take finds there, too, is so."""
        expected_um, before = self._memory.height_near(place), self._memory.last(place)
        if expected_um is None or abs(z_um - expected_um) <= _MOST_STEP_DOF * self._dof_um:
            return []
        if before is not None and before.z_um is not None and abs(z_um - before.z_um) <= _SAME_DOF * self._dof_um:
            return []
        return [(verdict.HEIGHT_OFF, f"{z_um - expected_um:+.1f} um from where its neighbours lie")]

    @staticmethod
    def _blur(focus: _Focus, at_seams: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
        """What is wrong with a tile's focus; nothing is with one that shows nothing."""
        defocus, fallen, even = focus.defocus_dof, focus.fallen, focus.even
        if even is not None and even.is_uneven:
            return [(verdict.UNEVEN, f"{even.in_focus:.0%} of it is in focus, the rest lies higher or lower")]
        if at_seams:
            return list(at_seams)
        if defocus is not None and abs(defocus) > focus.most_dof:
            return [(verdict.BLURRED, f"{defocus:+.1f} DoF from focus by its own frames")]
        if fallen is not None and fallen < -(_MOST_FALL_ALONE if defocus is None else _MOST_FALL):
            return [(verdict.BLURRED, f"{math.exp(fallen):.0%} of its neighbours' sharpness")]
        if focus.sharpness is not None and defocus is None and fallen is None:
            return [(verdict.NOT_JUDGED, "no focus frames and no neighbours to judge its focus by")]
        return []


@dataclass(frozen=True)
class _Focus:
    """What a tile shows of its focus.

    :param fallen: sharpness less that of its neighbours; :param most_dof: defocus that passes for in focus.
    """

    sharpness: float | None = None
    fallen: float | None = None
    defocus_dof: float | None = None
    most_dof: float = _MOST_DEFOCUS_DOF
    steepness: float | None = None
    even: Evenness | None = None


def _named(place: Place, reasons: Sequence[tuple[str, str]]) -> list[Incident]:
    return [Incident(cause, f"row {place.row}, col {place.col}: {cause}: {why}") for cause, why in reasons]
