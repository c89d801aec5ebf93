"""One axis: counts its steps, refuses what lies outside its limits, and plans moves that always end upward.

It plans only; the pulse engine plays, the stage decides when.
"""

from __future__ import annotations

from collections.abc import Sequence

from firmware_host.errors import UsageError
from firmware_host.motion.pulse import PulseTrain
from firmware_host.motion.ramp import move_duration_s, step_times_ns
from firmware_host.profile_tables import AxisName, AxisTable


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
        self._upward = False

    @property
    def position_um(self) -> float:
        """Where the axis stands by its step count, um."""
        return self.steps / self.table.steps_per_um

    @property
    def zero_above_switch_um(self) -> float:
        """How far the axis's zero lies above its limit switch: room for a take-up that starts below the soft limit."""
        return 2 * self.table.takeup_um + 10

    def made(self, steps: int, trains: Sequence[PulseTrain], whole: bool) -> None:
        """Book the signed steps that were really played of planned trains, and whether they were played to the end."""
        self.steps += steps
        self._upward = whole and trains[-1].way > 0

    def check(self, target_um: float) -> None:
        """:raises UsageError: the target lies outside the soft limits. Nothing is ever clamped."""
        table = self.table
        if not table.soft_min_um <= target_um <= table.soft_max_um:
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
        below = min(self.steps, target - round(self.table.takeup_um * self.table.steps_per_um))
        down = [self.train(below - self.steps)] if below < self.steps else []
        return [*down, self.train(target - below)] if target > below else down

    def train(self, steps: int, speed_um_s: float | None = None) -> PulseTrain:
        """A move by signed steps at the axis's own limits, or at a lower speed."""
        table = self.table
        speed_sps = (speed_um_s or table.max_speed_um_s) * table.steps_per_um
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
        )
