"""One axis: counts its steps, refuses what lies outside its limits, and plans moves that always end upward.

It plans only; the pulse engine plays, the stage decides when.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from firmware_host.errors import UsageError
from firmware_host.motion.pulse import PulseTrain
from firmware_host.motion.ramp import move_duration_s, step_times_ns
from firmware_host.profile_tables import AxisName, AxisTable

_BELOW = 0.95  # of a speed that must not be reached, as steps are rounded to nanoseconds
_QUICKEN = 1.05  # after each move that went well, until the axis goes at its full speed again


class Axis:
    """State of one axis. `steps` is 0 at the zero that homing sets.

    :raises UsageError: the profile's lower soft limit is so low that a take-up would run into the limit switch.
    """

    def __init__(self, name: AxisName, table: AxisTable) -> None:
        if table.soft_min_um < -table.takeup_um:
            raise UsageError(
                f"axes.{name}.soft_min_um = {table.soft_min_um:g}: the limit switch is too near; "
                f"make it {-table.takeup_um:g} or more (minus takeup_um)"
            )
        self.name = name
        self.table = table
        self.steps = 0
        self.homed = False
        self._pace = 1.0  # share of its speed that the axis goes at
        self._upward = False

    @property
    def position_um(self) -> float:
        """Where the axis stands by its step count, um."""
        return self.steps / self.table.steps_per_um

    @property
    def zero_above_switch_um(self) -> float:
        """How far the axis's zero lies above its limit switch: room for a take-up that starts below the soft limit."""
        return 2 * self.table.takeup_um + 10

    @property
    def abrupt_sps(self) -> float:
        """Speed from which the motor stops within a full step s when its pulses end at once, steps/s: v² = 2·a·s."""
        return math.sqrt(2 * self.table.max_accel_um_s2 * self.table.steps_per_um * self.table.microsteps)

    @property
    def _patience_steps(self) -> float:
        """The rotor keeps its field up to a full step on either side; half of it is left for the load."""
        return self.table.microsteps / 2

    def slow_down(self, late_ns: int) -> None:
        """So far that pulses which are as late again do no harm; no further than where none can."""
        full_sps = self.table.max_speed_um_s * self.table.steps_per_um
        harmless_sps = max(self._patience_steps / (late_ns * 1e-9), _BELOW * self.abrupt_sps)
        self._pace = min(self._pace, harmless_sps / full_sps)

    def quicken(self) -> None:
        """After a move that went well."""
        self._pace = min(self._pace * _QUICKEN, 1.0)

    def made(self, steps: int, trains: Sequence[PulseTrain], whole: bool) -> None:
        """Book the signed steps that were really played of planned trains, and whether they were played to the end."""
        self.steps += steps
        last = trains[-1]
        gone_on = self._upward and len(trains) == 1
        self._upward = whole and last.way > 0 and (gone_on or len(last.times_ns) >= self._takeup_steps)

    def allows(self, target_um: float) -> bool:
        """Whether the target lies within the soft limits."""
        return self.table.soft_min_um <= target_um <= self.table.soft_max_um

    def check(self, target_um: float) -> None:
        """:raises UsageError: the target lies outside the soft limits. Nothing is ever clamped."""
        table = self.table
        if not self.allows(target_um):
            raise UsageError(
                f"axis {self.name}: {target_um:.3f} um is outside its soft limits "
                f"{table.soft_min_um:g} to {table.soft_max_um:g} um; change the target, or the profile's limits"
            )

    def approach(self, target_um: float) -> list[PulseTrain]:
        """Trains that bring the axis to the target from below, with the backlash taken up.

        :raises UsageError: outside the soft limits.
        """
        self.check(target_um)
        target = round(target_um * self.table.steps_per_um)
        if self._upward and target >= self.steps:
            return [] if target == self.steps else [self.train(target - self.steps)]
        below = min(self.steps, target - self._takeup_steps)
        down = [self.train(below - self.steps)] if below < self.steps else []
        return [*down, self.train(target - below)] if target > below else down

    def straight(self, target: int) -> list[PulseTrain]:
        """Trains that bring the axis to a count of steps as it stands, the backlash not taken up.

        :raises UsageError: outside the soft limits.
        """
        self.check(target / self.table.steps_per_um)
        return [self.train(target - self.steps)] if target != self.steps else []

    @property
    def _takeup_steps(self) -> int:
        return round(self.table.takeup_um * self.table.steps_per_um)

    def train(self, steps: int, speed_um_s: float | None = None) -> PulseTrain:
        """A move by signed steps at the axis's own limits, or at a lower speed."""
        table = self.table
        speed_sps = (speed_um_s or table.max_speed_um_s) * table.steps_per_um * self._pace
        accel_sps2 = table.max_accel_um_s2 * table.steps_per_um
        way = 1 if steps >= 0 else -1
        return PulseTrain(
            step_pin=table.step_pin,
            dir_pin=table.dir_pin,
            dir_level=(way > 0) == (table.dir_positive == "high"),
            way=way,
            times_ns=step_times_ns(abs(steps), speed_sps, accel_sps2),
            duration_ns=round(move_duration_s(abs(steps), speed_sps, accel_sps2) * 1e9),
            pulse_ns=round(table.pulse_us * 1e3),
            dir_setup_ns=round(table.dir_setup_us * 1e3),
            patience_steps=self._patience_steps,
        )
