"""The judge of tiles: measures each after it was taken, and says whether it is good, to be taken again, or flagged.

It runs beside the loop, on pictures alone, and asks neither the network nor the twin. What counts as scanned is told by
`remember`, and after a power cut by `recall`. A field that is taken again is judged like any other, against neighbours
on all four sides.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from firmware_host.incidents import Incident
from firmware_host.profile import Profile
from firmware_host.quality import verdict
from firmware_host.quality.damage import damage, print_of
from firmware_host.quality.defocus import defocus_dof, is_dust, sharpness_of, steepness_in_focus
from firmware_host.quality.detail import DetailMeter, Light, light_of
from firmware_host.quality.light import too_bright, too_dark
from firmware_host.quality.memory import Direction, Memory, Place
from firmware_host.quality.seams import Borders, Seam, borders_of, seam_between
from firmware_host.quality.verdict import Quality

Image = NDArray[np.uint8]

_MOST_DEFOCUS_DOF, _MOST_DEFOCUS_AT_FIRST_DOF = 0.55, 0.4  # the second while a slide's steepness is unknown
_MOST_FALL = 0.8  # in ln of sharpness below the neighbours', where focus frames tell nothing better
_MOST_FALL_ALONE = 0.6
_LEAST_LIKENESS, _CERTAIN_LIKENESS = 0.35, 0.5
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
            return Quality(None, None, None, None, tuple(_named(place, reasons)))
        seams, learnt = self._seams(place, borders_of(light, self._overlap))
        exposure, seam_px, reasons = self._joined(seams)
        for cause, why in ((verdict.BRIGHT, too_bright(light, exposure)), (verdict.DARK, too_dark(light, exposure))):
            if why is not None:
                reasons.append((cause, why))
        focus = self._focus(place, raw, shot, others)
        blur = self._blur(focus)
        if any(cause == verdict.BLURRED for cause, _ in blur):  # a blurred overlap lies anywhere
            reasons = [(cause, why) for cause, why in reasons if cause != verdict.POSITION_OFF]
        reasons += blur
        return Quality(
            focus.sharpness,
            focus.defocus_dof,
            exposure,
            seam_px,
            tuple(_named(place, reasons)),
            focus.steepness,
            learnt,
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

    def _damage(self, place: Place, raw: Light, shot: Shot, others: Sequence[Shot]) -> list[tuple[str, str]]:
        again = [self._memory.repeats(print_of(each.image), place, each.z_um) for each in (*others, shot)]
        why = damage(raw)
        if why is not None:
            return [(verdict.DAMAGED, why)]
        return [(verdict.REPEATED, "the camera delivered this frame before, elsewhere")] if again[-1] else []

    def _seams(
        self, place: Place, borders: Borders
    ) -> tuple[list[tuple[Direction, Seam]], tuple[tuple[Direction, Seam], ...]]:
        """The seams with good neighbours, less what is usual in their direction; and those that tell what is usual."""
        found, learnt = [], []
        for direction, after, tile in self._memory.neighbours(place):
            x_um, y_um = place.x_um - tile.place.x_um, place.y_um - tile.place.y_um
            right, down = self._camera.view_px(x_um, y_um)
            if after:
                seam = seam_between(tile.borders, borders, right, down)
            else:
                seam = seam_between(borders, tile.borders, -right, -down)
            if seam is None:
                continue
            usual = self._memory.usual(direction)
            if tile.quality.is_good and (seam.likeness is None or seam.likeness >= _CERTAIN_LIKENESS):
                self._memory.add_seam(direction, seam)
                learnt.append((direction, seam))
            brightness = seam.brightness / usual.brightness
            # A neighbour in another light is told of by its own exposure: what follows it is in that light, too.
            against = 1.0 if tile.quality.is_good else tile.quality.exposure or 1.0
            found.append(
                (
                    direction,
                    Seam(
                        seam.right_px - usual.right_px,
                        seam.down_px - usual.down_px,
                        seam.likeness,
                        against * (brightness if after else 1 / brightness),
                    ),
                )
            )
        return found, tuple(learnt)

    def _joined(self, seams: list[tuple[Direction, Seam]]) -> tuple[float | None, float | None, list[tuple[str, str]]]:
        """(exposure, seam in px, what is wrong) of all seams together."""
        if not seams:
            return None, None, []
        exposure = statistics.median(seam.brightness for _, seam in seams)
        textured = [(direction, seam, seam.likeness) for direction, seam in seams if seam.likeness is not None]
        if not textured:
            return exposure, None, []
        certain = [
            (math.hypot(seam.right_px, seam.down_px), direction, seam)
            for direction, seam, likeness in textured
            if likeness >= _CERTAIN_LIKENESS
        ]
        if certain:
            off_px, direction, seam = max(certain, key=lambda each: each[0])
            if off_px <= self._most_seam_px:
                return exposure, off_px, []
            where = f"{seam.right_px:+.0f}, {seam.down_px:+.0f} px (right, down)"
            return exposure, off_px, [(verdict.POSITION_OFF, f"the seam {direction} is off by {where}")]
        best = max(likeness for *_, likeness in textured)
        if best < _LEAST_LIKENESS:
            return exposure, None, [(verdict.SEAM_OFF, f"its overlap does not look like its neighbours': {best:.2f}")]
        return exposure, None, []

    def _focus(self, place: Place, raw: Light, shot: Shot, others: Sequence[Shot]) -> _Focus:
        places = self._meter.places(raw)
        tile = self._meter.measure(raw, places)
        frames = [
            ((other.z_um - shot.z_um) / self._dof_um, self._meter.measure(light_of(other.image), places))
            for other in others
        ]
        if is_dust(tile, frames):
            return _Focus()
        sharpness, near = sharpness_of(tile), self._memory.sharpness_near(place)
        fallen = None if sharpness is None or near is None else sharpness - near
        usual, steepness = self._memory.steepness, steepness_in_focus(tile, frames)
        if steepness is not None:
            self._memory.add_steepness(steepness)
        defocus = defocus_dof(tile, frames, fallen, 1.0 if usual is None else usual)
        most_dof = _MOST_DEFOCUS_AT_FIRST_DOF if usual is None else _MOST_DEFOCUS_DOF
        return _Focus(sharpness, fallen, defocus, most_dof, steepness)

    @staticmethod
    def _blur(focus: _Focus) -> list[tuple[str, str]]:
        """What is wrong with a tile's focus; nothing is with one that shows nothing."""
        defocus, fallen = focus.defocus_dof, focus.fallen
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


def _named(place: Place, reasons: Sequence[tuple[str, str]]) -> list[Incident]:
    return [Incident(cause, f"row {place.row}, col {place.col}: {cause}: {why}") for cause, why in reasons]
