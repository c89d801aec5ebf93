"""What is said of a tile: figures, and what is wrong with it, by the names of `firmware_host.incidents`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from firmware_host.incidents import Incident
from firmware_host.quality.seams import Seam

Verdict = Literal["ok", "retake", "flag"]

BLURRED, DARK, BRIGHT = "tile blurred", "tile too dark", "tile too bright"
DAMAGED, REPEATED = "tile damaged", "tile repeated"
SEAM_OFF, POSITION_OFF, NOT_JUDGED = "seam off", "position off", "tile not judged"

_BEYOND_MENDING = {NOT_JUDGED}


@dataclass(frozen=True)
class Quality:
    """One tile. Figures are None where there is too little to measure them by.

    :param sharpness: ln of its middle over its coarse detail, see `defocus.sharpness_of`.
    :param defocus_dof: its z minus that of focus, as its own focus frames tell it, DoF.
    :param exposure: its brightness over that of its neighbours at the same places.
    :param seam_px: how far it lies from where its neighbours and the stage say, the worst of its seams, pixels.
    :param reasons: what is wrong, in words for the user; none for a good tile.
    :param steepness: how quickly detail fades on this slide, as this tile tells it (`defocus.steepness_in_focus`).
    :param seams: those by which it is told how seams usually are, with their directions.
    """

    sharpness: float | None
    defocus_dof: float | None
    exposure: float | None
    seam_px: float | None
    reasons: tuple[Incident, ...] = ()
    steepness: float | None = None
    seams: tuple[tuple[str, Seam], ...] = ()

    @property
    def causes(self) -> tuple[str, ...]:
        return tuple(reason.cause for reason in self.reasons)

    @property
    def is_good(self) -> bool:
        """Whether others may be judged by it: nothing is known to be wrong with it."""
        return _BEYOND_MENDING.issuperset(self.causes)

    @property
    def shows_what_is_there(self) -> bool:
        """Whether others may be laid beside it: it is good, or only too dark or too bright."""
        return (_BEYOND_MENDING | {DARK, BRIGHT}).issuperset(self.causes)

    @property
    def verdict(self) -> Verdict:
        """Whether taking it again may help; what has been taken often enough is flagged all the same."""
        if not self.reasons:
            return "ok"
        return "flag" if self.is_good else "retake"
