"""Faults of the slide, laid on the twin's stage when it is opened: changes of the tissue, and planes above it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial

from firmware_host.motion.axis import Axis
from firmware_host.profile import Profile
from firmware_host.twin.emulation import Emulation, twin_of
from firmware_host.twin.faults.fault import Chronicle, Fault
from firmware_host.twin.faults.kinds import BlankSlide, Bubble, CoverslipDirt, Fold, PenMark, PlacedFault
from firmware_host.twin.faults.overlays import Dirt, Rim, Stroke
from firmware_host.twin.faults.tissue import Airy, Bare, Folded


def strike(emulation: Emulation, profile: Profile, faults: Sequence[Fault], chronicle: Chronicle) -> None:
    """A fault is booked when it is first looked at."""
    twin = twin_of(profile)
    pixel_um = twin.pixel_um or profile.camera.pixel_um
    column = emulation.column
    for fault in faults:
        seen = _once(fault, chronicle)
        if isinstance(fault, BlankSlide):
            column.cover(partial(Bare, pixel_um=pixel_um, seen=seen))
        if not isinstance(fault, PlacedFault):
            continue
        middle_um = place_on_slide(emulation, profile, fault.x_um, fault.y_um)
        match fault:
            case Bubble():
                radius_um = fault.radius_um
                column.cover(partial(Airy, pixel_um=pixel_um, seen=seen, middle_um=middle_um, radius_um=radius_um))
                column.lay(Rim(middle_um, radius_um, fault.height_um, seen))
            case Fold():
                column.cover(
                    partial(
                        Folded,
                        pixel_um=pixel_um,
                        seen=seen,
                        middle_um=middle_um,
                        angle=math.radians(fault.angle_deg),
                        width_um=fault.width_um,
                        up_um=fault.up_um,
                    )
                )
            case PenMark():
                angle = math.radians(fault.angle_deg)
                ink = (fault.length_um, fault.width_um, fault.height_um, fault.colour)
                column.lay(Stroke(middle_um, angle, *ink, chronicle.seed, seen))
            case CoverslipDirt():
                dirt = (fault.radius_um, fault.height_um, fault.specks_per_mm2)
                column.lay(Dirt(middle_um, *dirt, chronicle.seed, seen))


def place_on_slide(emulation: Emulation, profile: Profile, x_um: float, y_um: float) -> tuple[float, float]:
    """The place on the slide that is seen with the stage, homed, at (x, y)."""
    twin = twin_of(profile)
    truths = ((profile.axes.x, twin.x), (profile.axes.y, twin.y))
    true_x_um, true_y_um = (
        um * axis.steps_per_um / (truth.steps_per_um or axis.steps_per_um)
        + truth.limit_at_um
        - truth.backlash_um  # the zero is found downwards, places are approached upwards
        + Axis("x", axis).zero_above_switch_um
        for um, (axis, truth) in zip((x_um, y_um), truths, strict=True)
    )
    return emulation.on_slide(true_x_um - true_y_um * math.tan(math.radians(twin.skew_deg)), true_y_um)


def _once(fault: Fault, chronicle: Chronicle) -> Callable[[], None]:
    noted = False

    def seen() -> None:
        nonlocal noted
        if not noted:
            noted = True
            chronicle.note(fault)

    return seen
