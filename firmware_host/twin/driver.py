"""A STEP/DIR stepper driver such as the A4988 or the DRV8825: pins in, microsteps out, with the chip's own limits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from firmware_host.profile_tables import AxisTable
from firmware_host.twin.board import EmulatedBoard


@dataclass
class DriverCounts:
    """What the chip did not do as it was told.

    :param too_short: STEP pulses shorter than it can see; :param late_direction: steps so soon after a change of DIR
        that they went the old way; :param disabled: steps while ENABLE was high.
    """

    too_short: int = 0
    late_direction: int = 0
    disabled: int = 0


class StepDirDriver:
    """Listens on STEP, DIR and ENABLE (low = on); tells the motor each microstep when the pulse is complete.

    :param step: called with (time_ns of the rising edge, +1 or -1).
    """

    def __init__(
        self,
        board: EmulatedBoard,
        axis: AxisTable,
        pulse_ns: int,
        dir_setup_ns: int,
        step: Callable[[int, int], None],
    ) -> None:
        self.counts = DriverCounts()
        self._board = board
        self._axis = axis
        self._pulse_ns = pulse_ns
        self._dir_setup_ns = dir_setup_ns
        self._step = step
        self._rose_ns = 0
        self._direction, self._old_direction, self._turned_ns = 1, 1, -(1 << 62)
        board.connect(axis.step_pin, self._on_step)
        board.connect(axis.dir_pin, self._on_dir)
        self._on_dir(self._turned_ns, board.level(axis.dir_pin))
        self._old_direction = self._direction
        if axis.fault_pin is not None:
            board.drive(axis.fault_pin, True)

    def raise_fault(self) -> None:
        """Over-temperature or a short: the chip pulls its fault pin low."""
        if self._axis.fault_pin is not None:
            self._board.drive(self._axis.fault_pin, False)

    def clear_fault(self) -> None:
        """The chip lets its fault pin go."""
        if self._axis.fault_pin is not None:
            self._board.drive(self._axis.fault_pin, True)

    def _on_dir(self, time_ns: int, level: bool) -> None:
        self._old_direction, self._turned_ns = self._direction, time_ns
        self._direction = 1 if level == (self._axis.dir_positive == "high") else -1

    def _on_step(self, time_ns: int, level: bool) -> None:
        if level:
            self._rose_ns = time_ns
            return
        if time_ns - self._rose_ns < self._pulse_ns:
            self.counts.too_short += 1
        elif self._board.level(self._axis.enable_pin):
            self.counts.disabled += 1
        elif self._rose_ns - self._turned_ns < self._dir_setup_ns:
            self.counts.late_direction += 1
            self._step(self._rose_ns, self._old_direction)
        else:
            self._step(self._rose_ns, self._direction)
