"""Stage and camera as the measurements use them: moves in motor steps, pictures as luminance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from firmware_host.calibrate.shift import Light, Shift, shift_between
from firmware_host.errors import HardwareError
from firmware_host.focus.contrast import luminance
from firmware_host.focus.eye import Eye
from firmware_host.hardware import Scanner
from firmware_host.profile import Profile
from firmware_host.profile_tables import AxisName

Vector = NDArray[np.float64]
"""(2,): right and down, pixels."""

LEAST_LIKENESS = 0.5
_SURE_TAKEUPS = 3


class Probe:
    """One open scanner, homed and lit; and what has been found out so far that later measurements need.

    `period_px`: after how many pixels the slide repeats itself (a grid's pitch), None where it does not.
    `settle_ms`: how long axes really tremble; waited for where it is longer than the profile has it.
    """

    def __init__(self, scanner: Scanner, eye: Eye) -> None:
        self.profile: Profile = scanner.profile
        self.period_px: float | None = None
        self.settle_ms: dict[AxisName, float] = {}
        self._clock = scanner.clock
        self._stage = scanner.stage
        self._eye = eye
        self._least_side_px = min(scanner.camera.shape)

    @property
    def hop_px(self) -> float:
        """A move after which most of the view is still the same."""
        return self._least_side_px / 4

    @property
    def unmistaken_px(self) -> float:
        """How far from an expected shift the right one may be looked for, on a slide that repeats itself."""
        free = self._least_side_px / 4
        return free if self.period_px is None else min(free, 0.45 * self.period_px)

    def steps_per_um(self, axis: AxisName) -> float:
        """As the profile has it."""
        return self.profile.axes.of(axis).steps_per_um

    def sure_steps(self, axis: AxisName) -> int:
        """Steps that take up any backlash that `takeup_um` could be meant for."""
        table = self.profile.axes.of(axis)
        return max(1, round(_SURE_TAKEUPS * table.takeup_um * table.steps_per_um))

    def rise_to(self, axis: AxisName, um: float) -> int:
        """Reach a place from far below, with any backlash taken up; returns when it has settled, ns."""
        sure = self.sure_steps(axis)
        low_um = um - sure / self.steps_per_um(axis)
        match axis:
            case "x":
                self._stage.move_to(x_um=low_um)
            case "y":
                self._stage.move_to(y_um=low_um)
            case "z":
                self._stage.move_to(z_um=low_um)
        return self.nudge(axis, sure)

    def nudge(self, axis: AxisName, steps: int) -> int:
        """Steps from where the axis stands, the backlash not taken up; returns when it has settled, ns."""
        return self.step_out(axis, steps) + self._settle_ns(axis)

    def step_out(self, axis: AxisName, steps: int) -> int:
        """The same, but returns when the last step was over, ns."""
        return self._stage.nudge(axis, steps) - round(self.profile.axes.of(axis).settle_ms * 1e6)

    def _settle_ns(self, axis: AxisName) -> int:
        return round(max(self.profile.axes.of(axis).settle_ms, self.settle_ms.get(axis, 0.0)) * 1e6)

    def wait_until_settled(self) -> None:
        """By the profile."""
        self._clock.wait_until(self._stage.settled_ns, "settle")

    def look(self, not_before_ns: int) -> Light:
        """(H, W) luminance of the first frame whose exposure began at that time or later."""
        return luminance(self._eye.look(not_before_ns).image)

    def look_late(self, not_before_ns: int) -> tuple[Light, int]:
        """The same, and when the exposure began, ns."""
        frame = self._eye.look(not_before_ns)
        return luminance(frame.image), frame.exposure_start_ns

    def gone(self, first: Light, second: Light, expected: Vector, reach_px: float) -> Shift | None:
        """The view's shift, None where the two pictures do not show it."""
        shift = shift_between(first, second, (float(expected[0]), float(expected[1])), reach_px)
        return shift if shift.likeness >= LEAST_LIKENESS else None

    def no_texture(self, axis: AxisName) -> HardwareError:
        """What to raise where pictures cannot be laid on each other."""
        return HardwareError(
            f"axis {axis}: the pictures before and after a move cannot be laid on each other; choose a place full of "
            "detail (--x, --y), check the lamp, and that the slide is clamped"
        )

    def too_loose(self, axis: AxisName) -> HardwareError:
        """What to raise for a backlash that is not taken up where any should be."""
        takeup_um = self.profile.axes.of(axis).takeup_um
        return HardwareError(
            f"axis {axis}: it turns for more than {_SURE_TAKEUPS * takeup_um:g} um before it moves back; tighten nut "
            f"and coupling, or raise axes.{axis}.takeup_um (now {takeup_um:g}) and calibrate again"
        )
