"""Where the stage's zero lies after it was homed again: found by looking at saved tiles once more.

A limit switch closes a little elsewhere each time, a slide may have been touched, the frame cools down. What a tile
shows tells by how much. A slide that does not look as before is refused: its tiles would not fit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from firmware_host.calibrate.shift import shift_between
from firmware_host.errors import HardwareError
from firmware_host.focus.contrast import luminance
from firmware_host.focus.eye import Eye
from firmware_host.focus.result import FocusMethod, FocusResult
from firmware_host.focus.sweep import WIDE_HALF_DOF, WIDE_STEP_DOF, search_wide
from firmware_host.hardware import Scanner
from firmware_host.profile_tables import CameraTable
from firmware_host.scan.light import FlatField
from firmware_host.slide.record import FieldRecord

_TRIES = 4
_REACH = 0.3  # of the shorter side of a view, by which the slide may have been shifted
_LIKE = 0.4  # correlation of two pictures of one place; those of different places have next to none
_SAME_PX = 2.0  # a shift that no stage can mend
_SAME_Z = 1.0  # depths of field: every field is focused anyway, from there on


@dataclass(frozen=True)
class Offset:
    """How far on a place must be commanded, um, to look as it did. All zero: nothing has moved."""

    x_um: float = 0.0
    y_um: float = 0.0
    z_um: float = 0.0

    def plus(self, other: Offset) -> Offset:
        return Offset(self.x_um + other.x_um, self.y_um + other.y_um, self.z_um + other.z_um)


class PositionCheck:
    """Looks at saved tiles again.

    :param folder: where tiles lie.
    """

    def __init__(self, scanner: Scanner, method: FocusMethod, eye: Eye, flat_field: FlatField, folder: Path) -> None:
        self._scanner = scanner
        self._method = method
        self._eye = eye
        self._flat_field = flat_field
        self._folder = folder

    def find(self, records: Sequence[FieldRecord], known: Offset, beat: Callable[[], None]) -> Offset | None:
        """What to add to `known`.

        :param records: of fields whose tiles are there; :param known: where they should be found.
        :param beat: called before each look.
        :returns: None where no tile has anything to tell it by.
        :raises HardwareError: tiles have, and the slide looks like none of them.
        """
        telling = most_telling(records, self._folder)
        for record in telling:
            beat()
            found = self._seen(record, known)
            if found is None:
                continue
            if found == Offset():
                return found
            beat()
            left = self._seen(record, known.plus(found))
            if left is not None and max(abs(left.x_um), abs(left.y_um)) <= self._same_um:
                return found
        if telling:
            raise HardwareError(
                f"position: the slide does not look as it did at {len(telling)} saved tiles; lay it back as it was and "
                "continue again, or scan it into another --out"
            )
        return None

    def is_elsewhere(self, records: Sequence[FieldRecord], known: Offset, beat: Callable[[], None]) -> bool:
        """Whether the stage is not where it was when these fields were taken. Parameters as of `find`."""
        telling = most_telling(records, self._folder)
        for record in telling:
            beat()
            if (found := self._seen(record, known)) is not None:
                return (found.x_um, found.y_um) != (0.0, 0.0)
        return bool(telling)

    @property
    def _same_um(self) -> float:
        """Shifts below a step or two of the motors, or a pixel or two, are none."""
        profile = self._scanner.profile
        step_um = max(1 / profile.axes.x.steps_per_um, 1 / profile.axes.y.steps_per_um)
        return _SAME_PX * max(profile.camera.pixel_um, step_um)

    def _seen(self, record: FieldRecord, known: Offset) -> Offset | None:
        """What the stage would have to move by, and has not; None where the place does not look like its tile."""
        profile = self._scanner.profile
        at_um = (record.x_um + known.x_um, record.y_um + known.y_um)
        result = self._focused(*at_um, record.z_um + known.z_um)
        if result.status not in ("focused", "swept"):
            return None
        before = luminance(_decoded(self._folder / record.tile))
        now = luminance(self._flat_field.apply(result.frame.image))
        try:
            shift = shift_between(before, now, (0.0, 0.0), _REACH * min(before.shape))
        except ValueError:
            return None
        if shift.likeness < _LIKE:
            return None
        x_um, y_um = stage_um(profile.camera, shift.right_px, shift.down_px)
        z_um = result.z_um - record.z_um - known.z_um
        same_z_um = _SAME_Z * profile.optics.depth_of_field_um
        return Offset(
            -x_um if abs(x_um) > self._same_um else 0.0,
            -y_um if abs(y_um) > self._same_um else 0.0,
            z_um if abs(z_um) > same_z_um else 0.0,
        )

    def _focused(self, x_um: float, y_um: float, z_um: float) -> FocusResult:
        """Around the height where it was; over a long way where nothing is sharp there."""
        result = self._method.focus(x_um, y_um, z_um)
        if result.status != "predicted":
            return result
        stage, dof_um = self._scanner.stage, self._scanner.profile.optics.depth_of_field_um
        rough_um = search_wide(stage, self._eye, z_um, WIDE_HALF_DOF * dof_um, WIDE_STEP_DOF * dof_um)
        return result if rough_um is None else self._method.focus(x_um, y_um, rough_um)


def most_telling(records: Sequence[FieldRecord], folder: Path) -> list[FieldRecord]:
    """Good fields in focus whose tiles hold the most detail: whose files are the largest. At most a few."""
    focused = [record for record in records if record.status in ("focused", "swept") and not record.flags]
    sizes = {record.tile: (folder / record.tile).stat().st_size for record in focused}
    return sorted(focused, key=lambda record: -sizes[record.tile])[:_TRIES]


def stage_um(camera: CameraTable, right_px: float, down_px: float) -> tuple[float, float]:
    """(x, y) by which the stage went when the view went so far over the picture; the inverse of `view_px`."""
    across, along = camera.view_px(1.0, 0.0), camera.view_px(0.0, 1.0)
    determinant = across[0] * along[1] - along[0] * across[1]
    return (
        (right_px * along[1] - down_px * along[0]) / determinant,
        (down_px * across[0] - right_px * across[1]) / determinant,
    )


def _decoded(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))
