"""Motors, screws, switches and the frame: where the stage truly is, and how it still trembles."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_right
from collections.abc import Callable

from firmware_host.profile import Profile
from firmware_host.profile_tables import AXES, AxisName, AxisTable, TwinAxisTable, TwinTable
from firmware_host.twin.board import EmulatedBoard
from firmware_host.twin.driver import StepDirDriver

_TRACE_STEPS = 60_000  # steps of the past that can be asked for, at least
_RING_STEPS = 20  # a hop of fewer steps shakes the frame in proportion
_QUIET = 8  # decay times after which the ringing is over
_TICK_NS = 2  # two edges of an integer clock
_REPEATABLE_UM = 0.005  # what is left of the ringing when a stage counts as settled


class MotorAxis:
    """One axis from rotor to carriage: each step is followed or lost, the screw has play, the ends are hard.

    A step is lost when it comes sooner after the one before than the motor's top speed allows, or when the rotor
    would have to speed up harder than its acceleration `a` allows. With v the mean speed of an interval between two
    steps, T its length and s one step:

    - running: v - v_before <= a·(T + T_before)/2, exact for constant acceleration, because a mean speed over an
      interval is the speed at its middle;
    - from rest: v² <= 2·a·s, what s of constant acceleration gives. The first step itself is always followed, as the
      field moves by one microstep only. The ideal ramp (p = a·t²/2, step k at p = k - 1/2) asks for 1.87·a·s here.

    Both get the tick of an integer clock as tolerance. The rotor stands after a lost step, and when the last interval
    was twice as long as the shortest from rest. Braking is never too hard.

    :param still_um: ringing by less than this is none.
    """

    def __init__(self, board: EmulatedBoard, axis: AxisTable, twin: TwinAxisTable, still_um: float = 0.0) -> None:
        self.lost_steps = 0
        self.jams: list[Callable[[int], bool]] = []
        """Asked at each step, with its time in ns, whether something keeps the rotor from following it."""
        self._stuck: bool | None = None
        self._slipped_um = 0.0
        self._board, self._axis, self._twin = board, axis, twin
        self._step_um = 1 / (twin.steps_per_um or axis.steps_per_um)
        self._accel_um_s_ns = twin.motor_accel_um_s2 * 1e-9
        self._start_um_s = math.sqrt(2 * twin.motor_accel_um_s2 * self._step_um)
        self._rest_ns = 1e9 * 2 * self._step_um / self._start_um_s
        self._last_ns, self._interval_ns, self._speed_um_s, self._last_way = -(1 << 62), 0, 0.0, 0
        self._half_gap_um = twin.backlash_um / 2
        self._still_um = still_um
        self._ring_per_um = twin.ring_um / (_RING_STEPS * self._step_um)
        self._rotor_steps = 0
        self._carriage_um = twin.start_um
        self._run_um = 0.0
        # The trace: from `times[i]` on the carriage stood at `places[i]`, ringing with `shakes[i]`.
        self._times = array("q", [-(1 << 62)])
        self._places = array("d", [twin.start_um])
        self._shakes = array("d", [0.0])
        self._switch()

    @property
    def carriage_um(self) -> float:
        """Where the carriage is now, without ringing."""
        return self._carriage_um

    def step(self, time_ns: int, way: int) -> None:
        """One microstep from the driver, `way` +1 or -1."""
        if not self._follows(time_ns, way):
            self.lost_steps += 1
            return
        if sum(jam(time_ns) for jam in self.jams):  # each is asked: it may count
            self.lost_steps += 1
            return
        twin = self._twin
        rotor_um = twin.start_um + (self._rotor_steps + way) * self._step_um - self._slipped_um
        # A screw with play pushes the carriage only where its flank touches the nut.
        before_um = carriage_um = self._carriage_um
        if carriage_um < rotor_um - self._half_gap_um:
            carriage_um = rotor_um - self._half_gap_um
        elif carriage_um > rotor_um + self._half_gap_um:
            carriage_um = rotor_um + self._half_gap_um
        if not twin.travel_min_um <= carriage_um <= twin.travel_max_um:
            self.lost_steps += 1
            self._speed_um_s = 0.0
            return
        self._rotor_steps += way
        self._run_um += abs(carriage_um - before_um)
        self._arrive(time_ns, carriage_um, way * min(twin.ring_um, self._run_um * self._ring_per_um))

    def slip(self, time_ns: int, down_um: float) -> None:
        """The carriage sinks by so much, or to its lower stop, and the rotor does not turn."""
        down_um = min(down_um, self._carriage_um - self._twin.travel_min_um)
        self._slipped_um += down_um
        self._arrive(time_ns, self._carriage_um - down_um, 0.0)

    def stick_switch(self, closed: bool | None) -> None:
        """The limit switch reads closed or open wherever the carriage stands; None: it is free again."""
        self._stuck = closed
        self._switch()

    def position_um(self, time_ns: int) -> float:
        """Where the carriage was at a time of the recent past, or is, ringing included.

        After the last step: A·exp(-t/decay)·cos(2·pi·f·t). A falls in proportion when the carriage went less than
        20 steps since a pause of a decay time.
        """
        at = bisect_right(self._times, time_ns) - 1
        if at < 0:
            return self._places[0]
        since_ms = (time_ns - self._times[at]) * 1e-6
        twin = self._twin
        if since_ms > _QUIET * twin.ring_decay_ms:
            return self._places[at]
        decay = math.exp(-since_ms / twin.ring_decay_ms)
        if abs(self._shakes[at] * decay) < self._still_um:
            return self._places[at]
        swing = decay * math.cos(2e-3 * math.pi * twin.ring_hz * since_ms)
        return self._places[at] + self._shakes[at] * swing

    def _follows(self, time_ns: int, way: int) -> bool:
        interval_ns = max(time_ns - self._last_ns, 1)
        before_ns = self._interval_ns
        before_um_s = self._speed_um_s if way == self._last_way else -self._speed_um_s
        self._last_ns, self._interval_ns, self._last_way, self._speed_um_s = time_ns, interval_ns, way, 0.0
        if interval_ns > self._rest_ns:
            if interval_ns > self._twin.ring_decay_ms * 1e6:
                self._run_um = 0.0
            return True
        speed_um_s = 1e9 * self._step_um / interval_ns
        reach_um_s = self._start_um_s
        if before_um_s:
            reach_um_s = before_um_s + self._accel_um_s_ns * (interval_ns + before_ns) / 2
        if speed_um_s > min(reach_um_s, self._twin.motor_speed_um_s) + _TICK_NS * speed_um_s / interval_ns:
            return False
        self._speed_um_s = speed_um_s
        return True

    def _arrive(self, time_ns: int, carriage_um: float, shake_um: float) -> None:
        self._times.append(time_ns)
        self._places.append(carriage_um)
        self._shakes.append(shake_um)
        if len(self._times) > 2 * _TRACE_STEPS:
            for column in (self._times, self._places, self._shakes):
                del column[:_TRACE_STEPS]
        before_um, self._carriage_um = self._carriage_um, carriage_um
        if (carriage_um <= self._twin.limit_at_um) is not (before_um <= self._twin.limit_at_um):
            self._switch()

    def _switch(self) -> None:
        closed = self._carriage_um <= self._twin.limit_at_um if self._stuck is None else self._stuck
        self._board.drive(self._axis.limit_pin, not closed)


class Machine:
    """Three axes behind the pins, and the frame that warms up under them."""

    def __init__(self, board: EmulatedBoard, profile: Profile, twin: TwinTable) -> None:
        self.pushes: list[Callable[[int], tuple[float, float, float]]] = []
        """What moves the frame from outside: by (x, y, z) um at a time on the clock."""
        tables: dict[AxisName, TwinAxisTable] = {"x": twin.x, "y": twin.y, "z": twin.z}
        still_um = _REPEATABLE_UM if twin.repeatable else 0.0
        self.axes = {name: MotorAxis(board, profile.axes.of(name), tables[name], still_um) for name in AXES}
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
        self._lean = math.tan(math.radians(twin.skew_deg))
        self._drift_um = 0.0 if twin.repeatable else twin.drift_um
        self._drift_ns = twin.drift_minutes * 60e9

    def position_um(self, time_ns: int) -> tuple[float, float, float]:
        """True (x, y, z) of the stage at a time, um, y as it leans; z includes the drift of the warming frame."""
        x, y, z = (self.axes[name].position_um(time_ns) for name in AXES)
        x, z = x - y * self._lean, z + self.drift_um(time_ns)
        for push in self.pushes:
            dx, dy, dz = push(time_ns)
            x, y, z = x + dx, y + dy, z + dz
        return x, y, z

    def drift_um(self, time_ns: int) -> float:
        """How far the frame has grown since the start, um."""
        return self._drift_um * (1 - math.exp(-max(time_ns, 0) / self._drift_ns))

    @property
    def lost_steps(self) -> int:
        """Steps that were asked for and not made, over all axes."""
        return sum(axis.lost_steps for axis in self.axes.values())
