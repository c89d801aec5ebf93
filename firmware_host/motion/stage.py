"""The stage: three axes that move together, one way to stop.

A limit switch, a driver's fault and the emergency stop all end in `shutdown`: the pulses end, the drivers are disabled,
the counters stay exact. Their edges count, and their levels, one of them looked at before each step.

Pulses that stood still because the machine was busy are no fault: an axis that was too fast to stop so abruptly looks
for its zero again, the others go on from where they stand, and all go slower for a while.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from firmware_host.cancel import StopRequest
from firmware_host.clock import Clock
from firmware_host.errors import Cancelled, HardwareError, SafetyStop
from firmware_host.gpio.port import PULLED_NS, GpioPort
from firmware_host.gpio.safe import motors_off
from firmware_host.motion.axis import Axis
from firmware_host.motion.lateness import Lateness
from firmware_host.motion.pulse import PulseEngine, PulseTrain, Stall
from firmware_host.motion.safety import SafetyInputs
from firmware_host.profile import Profile
from firmware_host.profile_tables import AXES, AxisName

_HOMING_ORDER: tuple[AxisName, ...] = ("z", "x", "y")  # away from the objective first
_SLOW = 0.1  # share of the homing speed for the second touch of the switch
_TRAVEL = 1.3  # homing gives up when the switch has not closed after this share of the axis's range
_ATTEMPTS, _HOMINGS = 50, 4  # at a move whose pulses stood still; of them, after an axis was homed again
_LEAVE = 0.2  # nor opened after this one: the way off the switch is upwards, where the objective is


_INTERRUPTED = (
    "stage: the pulses stood still again and again in one move; stop what else runs on this machine, or give them a "
    "core of their own (docs/first-light.md, 'Real time')"
)


class Stage:
    """Moves in um; integer steps underneath. Drivers are off until `home`.

    :param tell: told what the user should know and nothing can be done about at once.
    """

    def __init__(
        self,
        profile: Profile,
        gpio: GpioPort,
        clock: Clock,
        cancel: StopRequest,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._gpio = gpio
        self._clock = clock
        self._cancel = cancel
        self._tell = tell
        self._engine = PulseEngine(gpio, clock)
        self._axes = {name: Axis(name, profile.axes.of(name)) for name in AXES}
        self._settled_ns = clock.now_ns()
        self.stalls = 0
        """How often pulses stood still in the middle of a move."""
        self._down = ""
        self._setup_outputs()
        self._safety = SafetyInputs(profile, gpio)
        self._pulled_ns = clock.now_ns() + PULLED_NS

    @property
    def lateness(self) -> Lateness:
        """Of all edges so far."""
        return self._engine.lateness

    @property
    def steps(self) -> int:
        """Steps made so far, in either direction, by all axes."""
        return self._engine.steps

    @property
    def homed(self) -> bool:
        """Whether all axes know where they are."""
        return all(axis.homed for axis in self._axes.values())

    @property
    def x_um(self) -> float:
        return self._axes["x"].position_um

    @property
    def y_um(self) -> float:
        return self._axes["y"].position_um

    @property
    def z_um(self) -> float:
        return self._axes["z"].position_um

    @property
    def settled_ns(self) -> int:
        """Clock time from which the image stands still after the last move."""
        return self._settled_ns

    def home(self) -> None:
        """Find the limit switches, z first, and set each axis's zero. Enables the drivers.

        :raises HardwareError: a switch never closes or never opens within the axis's travel; the stage is shut down.
        :raises SafetyStop, Cancelled: as `move_to`; axes that were not finished are not homed.
        """
        self._refuse_when_down()
        self._clock.wait_until(self._pulled_ns, "wait")
        self._stop_when_tripped(self._safety.look(limits=False))
        for name in AXES:
            self._gpio.write(self._axes[name].table.enable_pin, False)
        for name in _HOMING_ORDER:
            self._home(name)

    def move_to(self, *, x_um: float | None = None, y_um: float | None = None, z_um: float | None = None) -> int:
        """Bring the named axes to their targets at the same time, each from below; returns `settled_ns`.

        :raises UsageError: a target outside the soft limits; nothing has moved then.
        :raises SafetyStop: a limit switch, a driver's fault or the emergency stop; the stage is shut down.
        :raises Cancelled: stopped on request; the counters are exact and the stage may move again.
        """
        self._refuse_when_down()
        wanted = {"x": x_um, "y": y_um, "z": z_um}
        targets = {name: target for name in AXES if (target := wanted[name]) is not None}
        for name in targets:
            if not self._axes[name].homed:
                raise HardwareError(f"axis {name}: not homed; home the stage before moving it")
        self._stop_when_tripped(self._safety.look(limits=True))
        homings = 0
        for _ in range(_ATTEMPTS):
            plans = [(self._axes[name], self._axes[name].approach(target)) for name, target in targets.items()]
            if self._play([(axis, trains) for axis, trains in plans if trains], self._halted):
                for axis, _ in plans:
                    axis.quicken()
                return self._settled_ns
            homings += self._find_lost_zeros()
            if homings > _HOMINGS:
                break
        raise HardwareError(_INTERRUPTED)

    def nudge(self, axis: AxisName, steps: int) -> int:
        """Move one axis by signed motor steps from where it stands, without taking up its backlash; to measure that.

        :returns: `settled_ns`.
        :raises: as `move_to`, and HardwareError when pulses stood still so that the axis may have lost its place.
        """
        self._refuse_when_down()
        moved = self._axes[axis]
        if not moved.homed:
            raise HardwareError(f"axis {axis}: not homed; home the stage before moving it")
        self._stop_when_tripped(self._safety.look(limits=True))
        target = moved.steps + steps
        for _ in range(_ATTEMPTS):
            trains = moved.straight(target)
            if not trains or self._play([(moved, trains)], self._halted):
                return self._settled_ns
            if not moved.homed:
                break
        raise HardwareError(_INTERRUPTED)

    def check(self, *, x_um: float, y_um: float) -> None:
        """:raises UsageError: the place is outside the soft limits of x or y."""
        self._axes["x"].check(x_um)
        self._axes["y"].check(y_um)

    def z_allowed(self, z_um: float) -> bool:
        """Whether z lies within its soft limits."""
        return self._axes["z"].allows(z_um)

    def watch_at_rest(self) -> bool:
        """Look at the safety inputs while nothing moves, and shut down at once when one has tripped.

        :returns: whether the stage is shut down.
        """
        if self._clock.now_ns() < self._pulled_ns:
            return False
        if not self._down and self._safety.look(limits=self._above_switches):
            self.shutdown(self._safety.tripped)
        return bool(self._down)

    def shutdown(self, reason: str = "closed") -> None:
        """Disable all drivers. Safe to call at any time, more than once; the stage does not move afterwards.

        :param reason: what later calls answer with; the first one is kept.
        :raises HardwareError: a driver could not be disabled; all the others are.
        """
        self._down = self._down or reason
        for name in AXES:
            self._axes[name].homed = False  # motors without current may turn
        motors_off(self._gpio, [self._axes[name].table for name in AXES])

    def _setup_outputs(self) -> None:
        for name in AXES:
            table = self._axes[name].table
            self._gpio.setup_output(table.enable_pin, True)
            self._gpio.setup_output(table.step_pin, False)
            self._gpio.setup_output(table.dir_pin, False)

    def _halted(self) -> bool:
        return self._cancel.requested or self._safety.glance(limits=self._above_switches)

    @property
    def _above_switches(self) -> bool:
        return self._safety.sought is None and self.homed

    def _play(self, moves: Sequence[tuple[Axis, Sequence[PulseTrain]]], stop: Callable[[], bool]) -> bool:
        """Play the trains, book what was made, and raise for what stopped them; True when played to the end."""
        played = self._engine.play([trains for _, trains in moves], stop)
        for (axis, trains), steps, end_ns in zip(moves, played.steps, played.end_ns, strict=True):
            axis.made(steps, trains, played.whole)
            self._settled_ns = max(self._settled_ns, end_ns + round(axis.table.settle_ms * 1e6))
        self._stop_when_tripped(bool(self._safety.tripped))
        if self._cancel.requested:
            raise Cancelled(f"stopped: {self._cancel.reason}")
        if played.stall is not None:
            self._stood_still([axis for axis, _ in moves], played.stall)
        if played.whole:
            self._clock.wait_until(max(played.end_ns, default=0), "move")
        return played.whole

    def _stood_still(self, axes: Sequence[Axis], stall: Stall) -> None:
        """What pulses that stopped in the middle of a move mean for each axis; then let the motors come to rest."""
        lost = []
        for axis, speed_sps in zip(axes, stall.speeds_sps, strict=True):
            axis.slow_down(stall.late_ns)
            if speed_sps > axis.abrupt_sps:
                axis.homed = False
                lost.append(axis.name)
        self.stalls += 1
        if lost or self.stalls == 1:
            fate = f"axis {', '.join(lost)} may have lost its place and is homed again" if lost else "no step was lost"
            self._tell(
                f"pulses stood still for {stall.late_ns / 1e6:.1f} ms, as the machine was busy: {fate}; moves are "
                "slower for a while"
            )
        self._clock.wait_until(self._settled_ns, "settle")

    def _find_lost_zeros(self) -> bool:
        """Home the axes that may have lost their place; whether there were any."""
        lost = [name for name in _HOMING_ORDER if not self._axes[name].homed]
        for name in lost:
            self._home(name)
        return bool(lost)

    def _refuse_when_down(self) -> None:
        if self._down:
            raise HardwareError(f"stage: it was shut down ({self._down}); start the scanner again")
        self._cancel.check()

    def _stop_when_tripped(self, tripped: bool) -> None:
        if tripped:
            self.shutdown(self._safety.tripped)
            raise SafetyStop(f"motion stopped: {self._safety.tripped}; remove the cause, then start the scanner again")

    def _closed(self, axis: Axis) -> bool:
        return not self._gpio.read(axis.table.limit_pin)

    def _home(self, name: AxisName) -> None:
        self._safety.sought = name
        axis = self._axes[name]
        axis.homed = False
        try:
            for _ in range(_HOMINGS):
                self._home_axis(axis)
                if axis.homed:
                    return
        finally:
            self._safety.sought = None
        raise HardwareError(_INTERRUPTED)

    def _home_axis(self, axis: Axis) -> None:
        """Touch the switch fast, leave it, touch it slowly; the zero lies a fixed way above that place.

        The axis is not homed afterwards where pulses stood still on the way to its zero.
        """
        table = axis.table
        fast, slow = table.home_speed_um_s, table.home_speed_um_s * _SLOW
        clearance = round(axis.zero_above_switch_um * table.steps_per_um)
        range_steps = (table.soft_max_um - table.soft_min_um) * table.steps_per_um
        self._seek(axis, round(_LEAVE * range_steps) + 2 * clearance, fast, closed=False)
        self._seek(axis, -round(_TRAVEL * range_steps) - 2 * clearance, fast, closed=True)
        self._seek(axis, 2 * clearance, fast, closed=False)
        self._seek(axis, -3 * clearance, slow, closed=True)
        axis.steps = -clearance
        axis.homed = True
        while axis.homed and axis.steps < 0:
            self._play([(axis, [axis.train(-axis.steps)])], self._halted)

    def _seek(self, axis: Axis, steps: int, speed_um_s: float, closed: bool) -> None:
        """Move until the switch is closed (or open); nothing to do when it is already."""
        end = axis.steps + steps
        while self._closed(axis) != closed and axis.steps != end:
            self._play(
                [(axis, [axis.train(end - axis.steps, speed_um_s)])],
                lambda: self._halted() or self._closed(axis) == closed,
            )
            # The motor was stopped from full speed: let it come to rest before it turns.
            self._clock.wait_until(self._clock.now_ns() + round(axis.table.settle_ms * 1e6), "settle")
        if self._closed(axis) != closed:
            state = "close" if closed else "open"
            problem = (
                f"axis {axis.name}: its limit switch (pin {axis.table.limit_pin}) did not {state} within "
                f"{abs(steps) / axis.table.steps_per_um:.0f} um"
            )
            self.shutdown(problem)
            raise HardwareError(f"{problem}; check switch, wiring and motor")
