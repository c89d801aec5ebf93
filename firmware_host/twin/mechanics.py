"""Motors, screws, switches and the frame: where the stage truly is, and how it still trembles."""

from __future__ import annotations

import math
from bisect import bisect_right

from firmware_host.profile import AXES, AxisName, AxisTable, Profile, TwinAxisTable, TwinTable
from firmware_host.twin.board import EmulatedBoard
from firmware_host.twin.driver import StepDirDriver

_TRACE_STEPS = 60_000  # steps of the past that can be asked for
_QUIET = 8  # decay times after which the ringing is over


class MotorAxis:
    """One axis from rotor to carriage.

    A step is lost when it comes sooner after the one before than the motor's top speed allows, or when the speed
    between steps grows faster than its acceleration allows. From rest the first step is free, as a rotor within one
    step of its field always follows; the speed that the second asks for is what counts.
    """

    def __init__(self, board: EmulatedBoard, axis: AxisTable, twin: TwinAxisTable) -> None:
        self.lost_steps = 0
        self._board, self._axis, self._twin = board, axis, twin
        self._step_um = 1 / axis.steps_per_um
        self._min_interval_ns = 1e9 * self._step_um / twin.motor_speed_um_s
        self._accel_per_ns = twin.motor_accel_um_s2 * 1e-9
        # Whatever the pace, a rotor falls back to rest within this time without a step.
        self._rest_ns = 1e9 * math.sqrt(2 * self._step_um / twin.motor_accel_um_s2) * 8
        self._rotor_steps = 0
        self._zero_um = twin.start_um
        self._carriage_um = twin.start_um
        self._last_ns, self._speed_um_s, self._last_way = -(1 << 62), 0.0, 0
        self._run_steps = 0
        self._times: list[int] = []
        self._places: list[float] = []
        self._switch()

    @property
    def carriage_um(self) -> float:
        """Where the carriage is now, without ringing."""
        return self._carriage_um

    def step(self, time_ns: int, way: int) -> None:
        """One microstep from the driver."""
        if not self._follows(time_ns, way):
            self.lost_steps += 1
            return
        rotor_um = self._zero_um + (self._rotor_steps + way) * self._step_um
        half_gap_um = self._twin.backlash_um / 2
        # A screw with play pushes the carriage only where its flank touches the nut.
        carriage_um = min(max(self._carriage_um, rotor_um - half_gap_um), rotor_um + half_gap_um)
        if not self._twin.travel_min_um <= carriage_um <= self._twin.travel_max_um:
            self.lost_steps += 1
            return
        self._rotor_steps += way
        self._times.append(time_ns)
        self._places.append(carriage_um)
        if len(self._times) > 2 * _TRACE_STEPS:
            del self._times[:_TRACE_STEPS], self._places[:_TRACE_STEPS]
        was_closed = self._carriage_um <= self._twin.limit_at_um
        self._carriage_um = carriage_um
        if (carriage_um <= self._twin.limit_at_um) is not was_closed:
            self._switch()

    def position_um(self, time_ns: int) -> float:
        """Where the carriage was at a time of the recent past, or is, ringing included."""
        at = bisect_right(self._times, time_ns)
        if at == 0:
            return self._places[0] if self._times else self._carriage_um
        since_ms = (time_ns - self._times[at - 1]) * 1e-6
        return self._places[at - 1] + self._ringing_um(at - 1, since_ms)

    def _ringing_um(self, last: int, since_ms: float) -> float:
        twin = self._twin
        if since_ms > _QUIET * twin.ring_decay_ms:
            return 0.0
        # A short hop shakes the frame less than a long move: the amplitude grows over the last 20 steps.
        travel_um = abs(self._places[last] - self._places[max(0, last - 20)])
        amplitude_um = twin.ring_um * min(1.0, travel_um / (20 * self._step_um))
        return (
            amplitude_um * math.exp(-since_ms / twin.ring_decay_ms) * math.cos(2e-3 * math.pi * twin.ring_hz * since_ms)
        )

    def _follows(self, time_ns: int, way: int) -> bool:
        interval_ns = time_ns - self._last_ns
        self._last_ns = time_ns
        if interval_ns > self._rest_ns:
            self._speed_um_s, self._last_way = 0.0, way
            return True
        speed_um_s = 1e9 * self._step_um / interval_ns
        gained_um_s = speed_um_s - (self._speed_um_s if way == self._last_way else -self._speed_um_s)
        # Speeds are means over an interval: two means lie one interval apart, plus the tick of an integer clock.
        allowed_um_s = self._accel_per_ns * interval_ns + 1e-6 * speed_um_s
        follows = interval_ns >= self._min_interval_ns and gained_um_s <= allowed_um_s
        if follows:
            self._speed_um_s, self._last_way = speed_um_s, way
        else:
            self._speed_um_s = 0.0
        return follows

    def _switch(self) -> None:
        self._board.drive(self._axis.limit_pin, not self._carriage_um <= self._twin.limit_at_um)


class Machine:
    """Three axes behind the pins, and the frame that warms up under them."""

    def __init__(self, board: EmulatedBoard, profile: Profile, twin: TwinTable) -> None:
        tables: dict[AxisName, TwinAxisTable] = {"x": twin.x, "y": twin.y, "z": twin.z}
        self.axes = {name: MotorAxis(board, profile.axes.of(name), tables[name]) for name in AXES}
        self.drivers = {
            name: StepDirDriver(
                board,
                profile.axes.of(name),
                round(twin.driver_pulse_us * 1e3),
                round(twin.driver_dir_setup_us * 1e3),
                self.axes[name].step,
            )
            for name in AXES
        }
        self._drift_um = twin.drift_um
        self._drift_ns = twin.drift_minutes * 60e9

    def position_um(self, time_ns: int) -> tuple[float, float, float]:
        """True (x, y, z) of the stage at a time, um; z includes the drift of the warming frame."""
        x, y, z = (self.axes[name].position_um(time_ns) for name in AXES)
        return x, y, z + self.drift_um(time_ns)

    def drift_um(self, time_ns: int) -> float:
        """How far the frame has grown since the start, um."""
        return self._drift_um * (1 - math.exp(-max(time_ns, 0) / self._drift_ns))

    @property
    def lost_steps(self) -> int:
        """Steps that were asked for and not made, over all axes."""
        return sum(axis.lost_steps for axis in self.axes.values())
