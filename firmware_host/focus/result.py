"""What the ways of focusing share: the result of one field, and what they need of the stage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from firmware_host.camera.port import Frame

Status = Literal["focused", "swept", "predicted", "blank"]


class FocusStage(Protocol):
    """The calls that focusing makes on the stage."""

    @property
    def z_um(self) -> float: ...

    def move_to(self, *, x_um: float | None = None, y_um: float | None = None, z_um: float | None = None) -> int: ...

    def z_allowed(self, z_um: float) -> bool: ...


def start_of_search(stage: FocusStage, pivot_um: float) -> float:
    """The pivot; where the stage stands, which is the last field's z, when the pivot lies outside the soft limits.

    A surface that is continued too far must not end a scan, and nothing is sent beyond a limit.
    """
    return pivot_um if stage.z_allowed(pivot_um) else stage.z_um


@dataclass(frozen=True)
class FocusResult:
    """One field, focused as well as could be.

    :param frame: the tile; :param z_um: stage z it was taken at.
    :param predicted_um: the last predicted move, 0 for a sweep; :param spread_um: disagreement of the patches.
    :param captures: frames that were taken; :param patches: how many voted last.
    :param status: focused; swept (by contrast); predicted (nothing helped, z from the neighbours: flagged); blank.
    :param first_move_um: first predicted move, made from `first_z_um`; None when nothing was predicted.
    :param others: a few more frames of the field, each with the stage z it was taken at: the tile is judged by them.
    """

    frame: Frame
    z_um: float
    predicted_um: float
    spread_um: float
    patches: int
    captures: int
    status: Status
    first_move_um: float | None
    first_z_um: float
    others: Sequence[tuple[float, Frame]] = ()


class FocusMethod(Protocol):
    """A way to focus a field."""

    def focus(self, x_um: float, y_um: float, pivot_um: float) -> FocusResult:
        """Move to (x, y), focus near `pivot_um`, and return the tile. A failed focus is a status, never an error.

        :raises HardwareError: the stage or the camera failed. :raises Cancelled: stopped on request.
        """
