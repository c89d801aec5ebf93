"""Every kind of fault: what truly happens in the machine, and its parameters with units and ranges.

A kind's name is its class's, in dashes. How each is done to the twin is in the module of its area.
"""

from __future__ import annotations

import re
from typing import ClassVar, Literal

from pydantic import Field

from firmware_host.profile_tables import AxisName
from firmware_host.twin.faults.fault import Area, Counted, Fault, Lasting, Timed


class CameraFault(Counted):
    area: ClassVar[Area] = "camera"
    in_real_time: ClassVar[bool] = True
    counts: ClassVar[str] = "exposure"


class FrameDropped(CameraFault):
    """No frame comes for a request: it is lost on the way, and the request times out."""


class FrameStale(CameraFault):
    """The frame that is delivered is an older one, from a queue that was not emptied."""

    age: int = Field(1, ge=1, le=8, description="how many frames it is behind")
    stamp: Literal["old", "fresh"] = Field("old", description="its own time stamp, or the one that was expected")


class FrameCorrupt(CameraFault):
    """A bad cable: blocks of garbage, or rows that are shifted as bytes were lost."""

    how: Literal["blocks", "rows"] = "blocks"
    share: float = Field(0.2, ge=0.01, le=1, description="of the picture")


class FrameHalf(CameraFault):
    """The lower rows of a frame did not arrive: they are black, or those of the frame before."""

    share: float = Field(0.5, ge=0.05, le=0.95, description="of the rows that are missing")
    rest: Literal["black", "before"] = "black"


class FrameBlack(CameraFault):
    """All of a frame's pixels are 0, its time stamp is right."""


class CameraBlocks(CameraFault):
    """A call into the camera's library does not return; until it does every other one is refused."""

    lasts: ClassVar[bool] = True


class CameraLost(CameraFault):
    """The camera is gone, as with a loose cable: no call gives a frame until it is back."""

    lasts: ClassVar[bool] = True


class MotionFault(Fault):
    area: ClassVar[Area] = "motion"
    axis: AxisName


class LostSteps(MotionFault):
    """A jam: some steps of an axis are not made, and nothing tells."""

    at_s: float = Field(0.0, ge=0, le=1e6, description="from the first step at or after this time, s")
    at_count: int = Field(1, ge=1, le=10**9, description="from the n-th of these steps on")
    steps: int = Field(40, ge=1, le=1_000_000, description="microsteps that are not made")


class StuckLimitSwitch(Lasting, MotionFault):
    """A limit switch reads open, or closed, wherever the axis stands."""

    reads: Literal["open", "closed"]


class LimitHit(Timed, MotionFault):
    """A limit switch closes during the first move from that time on: something is in the way of its lever."""

    into_ms: float = Field(20.0, ge=0, le=10_000, description="how long after that move began")
    for_s: float = Field(0.5, gt=0, le=1e6, description="how long it stays closed, s")


class DriverOverTemperature(Lasting, MotionFault):
    """A motor's driver is too hot: it pulls its fault pin and makes no step."""


class ZSlips(Timed):
    """The carriage of z sinks by its weight, as a coupling slips; the motor does not turn."""

    area: ClassVar[Area] = "motion"
    um: float = Field(5.0, ge=0.1, le=500, description="how far")


class Drift(Lasting):
    """The frame bends steadily along z, faster than by its warm-up; where it has come to, it stays."""

    area: ClassVar[Area] = "motion"
    um_per_min: float = Field(ge=-1000, le=1000, description="positive = up")


class Vibration(Lasting, MotionFault):
    """Somebody's centrifuge on the bench: the stage swings along an axis."""

    um: float = Field(ge=0.01, le=50, description="amplitude")
    hz: float = Field(ge=0.1, le=500)


class LightFault(Lasting):
    area: ClassVar[Area] = "light"


class LampFails(LightFault):
    """The lamp is dark, whatever its pin says."""


class LampFlickers(LightFault):
    """Frames differ in brightness at random, as with a loose contact."""

    share: float = Field(0.3, ge=0.01, le=1, description="of the brightness that may be missing, evenly drawn")


class LampDims(LightFault):
    """The lamp gives a part of its light only."""

    share: float = Field(0.5, ge=0.01, le=0.99, description="of its light that is left")


class SlideFault(Fault):
    """It lies on the slide from the beginning."""

    area: ClassVar[Area] = "slide"


class BlankSlide(SlideFault):
    """There is no tissue: the glass is empty."""


class PlacedFault(SlideFault):
    """Somewhere on the slide; places are the stage's, as `--region` takes them."""

    x_um: float = Field(ge=-1e6, le=1e6)
    y_um: float = Field(ge=-1e6, le=1e6)


class Bubble(PlacedFault):
    """Air under the cover glass: no tissue is seen in it, and its dark rim is sharp above the tissue."""

    radius_um: float = Field(200.0, ge=10, le=5000)
    height_um: float = Field(8.0, ge=0, le=50, description="of the rim above the tissue")


class Fold(PlacedFault):
    """A band across the slide where the tissue lies double: darker, and higher."""

    angle_deg: float = Field(30.0, ge=-180, le=180, description="of the band, from x towards y")
    width_um: float = Field(60.0, ge=5, le=1000)
    up_um: float = Field(4.0, ge=0, le=8, description="how much higher the tissue lies there")


class PenMark(PlacedFault):
    """A stroke of ink on the cover glass, far out of focus: dark and saturated."""

    angle_deg: float = Field(45.0, ge=-180, le=180, description="of the stroke, from x towards y")
    length_um: float = Field(2000.0, ge=50, le=50_000)
    width_um: float = Field(600.0, ge=20, le=5000)
    height_um: float = Field(115.0, ge=20, le=1500, description="above the tissue, as the stage travels")
    colour: Literal["black", "blue", "green", "red"] = "blue"


class CoverslipDirt(PlacedFault):
    """Dust and fibres at another height than the tissue: something sharp to focus on that is not the slide."""

    radius_um: float = Field(500.0, ge=20, le=20_000, description="of the round area where they lie")
    height_um: float = Field(115.0, ge=1, le=300, description="above the tissue, as the stage travels")
    specks_per_mm2: float = Field(600.0, ge=1, le=20_000)


class DiskFault(Counted):
    area: ClassVar[Area] = "disk"
    in_real_time: ClassVar[bool] = True
    counts: ClassVar[str] = "write"


class DiskFull(DiskFault):
    """No room: writes fail with ENOSPC, and nothing is free."""

    lasts: ClassVar[bool] = True


class DiskReadOnly(DiskFault):
    """The kernel has mounted the disk read-only after an error: writes fail with EROFS."""

    lasts: ClassVar[bool] = True


class DiskError(DiskFault):
    """A write fails with EIO, as of a bad sector or a card that is pulled out; half of what is appended stays."""


class DiskSlow(Lasting):
    """A worn card: every write takes longer."""

    area: ClassVar[Area] = "disk"
    by_s: float = Field(1.0, ge=0.001, le=600, description="longer, s of the scanner's clock")


class ClockJump(Timed):
    """The whole machine was suspended: the clock leaps in the middle of a wait, and nothing ran meanwhile."""

    area: ClassVar[Area] = "machine"
    by_s: float = Field(30.0, ge=0.001, le=1e5, description="how far, s")


class MemoryLow(Lasting):
    """Something else on the machine takes the memory."""

    area: ClassVar[Area] = "machine"
    in_real_time: ClassVar[bool] = True
    available_mb: float = Field(60.0, ge=0, le=100_000, description="what the kernel still says to be available, MB")


class InferenceFault(Counted):
    area: ClassVar[Area] = "machine"
    in_real_time: ClassVar[bool] = True
    counts: ClassVar[str] = "inference"


class InferenceError(InferenceFault):
    """The backend fails: a driver's error, no memory on the GPU."""


class InferenceNan(InferenceFault):
    """The network's answer is not finite, which backends refuse; or finite and nonsense, which none can."""

    answer: Literal["refused", "nonsense"] = "refused"


class InferenceStall(InferenceFault):
    """An answer takes long, as when the processor is held down or the GPU is taken."""

    by_s: float = Field(5.0, ge=0.001, le=3600, description="longer, s of the scanner's clock")


def _named(*classes: type[Fault]) -> dict[str, type[Fault]]:
    for each in classes:
        each.kind = re.sub(r"(?<!^)(?=[A-Z])", "-", each.__name__).lower()
    return {each.kind: each for each in classes}


KINDS: dict[str, type[Fault]] = _named(
    FrameDropped, FrameStale, FrameCorrupt, FrameHalf, FrameBlack, CameraBlocks, CameraLost,
    LostSteps, StuckLimitSwitch, LimitHit, DriverOverTemperature, ZSlips, Drift, Vibration,
    LampFails, LampFlickers, LampDims,
    BlankSlide, Bubble, Fold, PenMark, CoverslipDirt,
    DiskFull, DiskReadOnly, DiskError, DiskSlow,
    ClockJump, MemoryLow, InferenceError, InferenceNan, InferenceStall,
)  # fmt: skip
"""By name. What a kind is, in a line: its docstring."""
