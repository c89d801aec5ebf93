"""What is said of a tile: figures, and what is wrong with it, by the names of `firmware_host.incidents`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from firmware_host.incidents import Incident
from firmware_host.quality.seams import Seam

Verdict = Literal["ok", "retake", "flag"]

BLURRED, UNEVEN, DARK, BRIGHT = "tile blurred", "tile uneven", "tile too dark", "tile too bright"
DAMAGED, REPEATED = "tile damaged", "tile repeated"
SEAM_OFF, POSITION_OFF, HEIGHT_OFF, NOT_JUDGED = "seam off", "position off", "height off", "tile not judged"

BEYOND_MENDING = {NOT_JUDGED, UNEVEN}
"""What another take cannot help."""

_SHOWS_WHAT_IS_THERE = {NOT_JUDGED, UNEVEN, HEIGHT_OFF, DARK, BRIGHT}
_SHOWS_THE_LIGHT = {*_SHOWS_WHAT_IS_THERE, BLURRED}


@dataclass(frozen=True)
class Quality:
    """One tile. Figures are None where there is too little to measure them by.

    :param sharpness: ln of its middle over its coarse detail, see `defocus.sharpness_of`.
    :param defocus_dof: its z minus that of focus, as its own focus frames tell it, DoF.
    :param exposure: its brightness over that of its neighbours at the same places.
    :param seam_px: how far it lies from where its neighbours and the stage say, the worst of its seams, pixels.
    :param seam_sharpness: ln of its fine detail over that of good neighbours in what both show, the worst of its seams.
    :param z_um: that the tile was taken at, stage coordinates.
    :param reasons: what is wrong, in words for the user; none for a good tile.
    :param steepness: how quickly detail fades on this slide, as this tile tells it (`defocus.steepness_in_focus`).
    :param seams: those by which it is told how seams usually are, with their directions.
    :param blurred: fields beside it that were kept as good, and that it shows to be blurred: row, column, and their
        sharpness at the seam.
    """

    sharpness: float | None
    defocus_dof: float | None
    exposure: float | None
    seam_px: float | None
    seam_sharpness: float | None
    z_um: float | None = None
    reasons: tuple[Incident, ...] = ()
    steepness: float | None = None
    seams: tuple[tuple[str, Seam], ...] = ()
    blurred: tuple[tuple[int, int, float], ...] = ()

    @property
    def causes(self) -> tuple[str, ...]:
        return tuple(reason.cause for reason in self.reasons)

    @property
    def is_good(self) -> bool:
        """Whether others may be judged by it: nothing is known to be wrong with it."""
        return {NOT_JUDGED}.issuperset(self.causes)

    @property
    def is_lit(self) -> bool:
        """Whether it is as bright as it should be."""
        return {DARK, BRIGHT}.isdisjoint(self.causes)

    @property
    def is_good_but_for_light(self) -> bool:
        """Whether nothing but the light may be wrong with it."""
        return {NOT_JUDGED, DARK, BRIGHT}.issuperset(self.causes)

    @property
    def shows_what_is_there(self) -> bool:
        """Whether others may be laid beside it: it is good, or in another light, or its focus is not as expected."""
        return _SHOWS_WHAT_IS_THERE.issuperset(self.causes)

    @property
    def shows_the_light(self) -> bool:
        """Whether it lies where it should and is as bright as what is there, sharp or not."""
        return _SHOWS_THE_LIGHT.issuperset(self.causes)

    @property
    def verdict(self) -> Verdict:
        """Whether taking it again may help; what has been taken often enough is flagged all the same."""
        if not self.reasons:
            return "ok"
        return "flag" if BEYOND_MENDING.issuperset(self.causes) else "retake"
