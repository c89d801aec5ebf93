"""The stage: three axes that move together, one way to stop.

A limit switch, a driver's fault, the emergency stop and Ctrl-C all end in `shutdown`: the pulses end, the drivers
are disabled, the counters stay exact.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from firmware_host.cancel import CancelToken
from firmware_host.clock import Clock
from firmware_host.errors import Cancelled, HardwareError, SafetyStop
from firmware_host.gpio.port import GpioPort
from firmware_host.motion.axis import Axis
from firmware_host.motion.pulse import PulseEngine, PulseTrain
from firmware_host.profile import Profile
from firmware_host.profile_tables import AXES, AxisName

_HOMING_ORDER: tuple[AxisName, ...] = ("z", "x", "y")  # away from the objective first
_SLOW = 0.1  # share of the homing speed for the second touch of the switch
_TRAVEL = 1.3  # homing gives up when the switch has not closed after this share of the axis's range
_LEAVE = 0.2  # nor opened after this one: the way off the switch is upwards, where the objective is


@dataclass(frozen=True)
class _SafetyInput:
    """An input that stops all motion: active low with a pull-up.

    :param limit_of: the axis whose limit switch it is.
    """

    pin: int
    what: str
    limit_of: AxisName | None = None

    @property
    def name(self) -> str:
        return f"{self.what} (pin {self.pin})"


class Stage:
    """Moves in um; integer steps underneath. Drivers are off until `home`."""

    def __init__(self, profile: Profile, gpio: GpioPort, clock: Clock, cancel: CancelToken) -> None:
        self._gpio = gpio
        self._clock = clock
        self._cancel = cancel
        self._engine = PulseEngine(gpio, clock)
        self._axes = {name: Axis(name, profile.axes.of(name)) for name in AXES}
        self._settled_ns = clock.now_ns()
        self._safety: list[_SafetyInput] = []
        self._tripped = ""
        self._down = ""
        self._homing: AxisName | None = None
        self._setup_pins(profile)

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
        self._refuse_when_tripped(limits=False)
        for name in AXES:
            self._gpio.write(self._axes[name].table.enable_pin, False)
        for name in _HOMING_ORDER:
            self._homing = name
            try:
                self._home_axis(self._axes[name])
            finally:
                self._homing = None

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
        self._refuse_when_tripped(limits=True)
        plans = [(self._axes[name], self._axes[name].approach(target)) for name, target in targets.items()]
        self._play([(axis, trains) for axis, trains in plans if trains], self._halted)
        return self._settled_ns

    def check(self, *, x_um: float, y_um: float) -> None:
        """:raises UsageError: the place is outside the soft limits of x or y."""
        self._axes["x"].check(x_um)
        self._axes["y"].check(y_um)

    def z_allowed(self, z_um: float) -> bool:
        """Whether z lies within its soft limits."""
        table = self._axes["z"].table
        return table.soft_min_um <= z_um <= table.soft_max_um

    def shutdown(self, reason: str = "closed") -> None:
        """Disable all drivers. Safe to call at any time, more than once; the stage does not move afterwards.

        :param reason: what later calls answer with; the first one is kept.
        """
        self._down = self._down or reason
        for name in AXES:
            self._axes[name].homed = False  # motors without current may turn
            table = self._axes[name].table
            self._gpio.write(table.step_pin, False)
            self._gpio.write(table.enable_pin, True)

    def _setup_pins(self, profile: Profile) -> None:
        for name in AXES:
            table = self._axes[name].table
            self._gpio.setup_output(table.enable_pin, True)
            self._gpio.setup_output(table.step_pin, False)
            self._gpio.setup_output(table.dir_pin, False)
            self._watch(_SafetyInput(table.limit_pin, f"limit switch of axis {name}", name))
            if table.fault_pin is not None:
                self._watch(_SafetyInput(table.fault_pin, f"fault of the driver of axis {name}"))
        if profile.emergency_stop_pin is not None:
            self._watch(_SafetyInput(profile.emergency_stop_pin, "emergency stop"))

    def _watch(self, safety: _SafetyInput) -> None:
        """A falling edge trips, except that of the switch which homing looks for."""
        self._gpio.setup_input(safety.pin, "up")
        self._safety.append(safety)

        def trip(_: int) -> None:
            if safety.limit_of is None or safety.limit_of != self._homing:
                self._tripped = self._tripped or safety.name

        self._gpio.watch(safety.pin, "falling", trip)

    def _halted(self) -> bool:
        return self._cancel.requested or bool(self._tripped)

    def _play(self, moves: Sequence[tuple[Axis, Sequence[PulseTrain]]], stop: Callable[[], bool]) -> bool:
        """Play the trains, book what was made, and raise for what stopped them; True when played to the end."""
        played = self._engine.play([trains for _, trains in moves], stop)
        for (axis, trains), steps, end_ns in zip(moves, played.steps, played.end_ns, strict=True):
            axis.made(steps, trains, played.whole)
            self._settled_ns = max(self._settled_ns, end_ns + round(axis.table.settle_ms * 1e6))
        self._stop_when_tripped()
        if self._cancel.requested:
            raise Cancelled(f"stopped: {self._cancel.reason}")
        if played.whole:
            self._clock.wait_until(max(played.end_ns, default=0), "move")
        return played.whole

    def _refuse_when_down(self) -> None:
        if self._down:
            raise HardwareError(f"stage: it was shut down ({self._down}); start the scanner again")
        self._cancel.check()

    def _refuse_when_tripped(self, limits: bool) -> None:
        """A safety input that is low before a move counts as tripped; a limit switch only when the axes are homed."""
        for safety in self._safety:
            if (limits or safety.limit_of is None) and not self._gpio.read(safety.pin):
                self._tripped = self._tripped or safety.name
        self._stop_when_tripped()

    def _stop_when_tripped(self) -> None:
        if self._tripped:
            self.shutdown(self._tripped)
            raise SafetyStop(f"motion stopped: {self._tripped}; remove the cause, then start the scanner again")

    def _closed(self, axis: Axis) -> bool:
        return not self._gpio.read(axis.table.limit_pin)

    def _home_axis(self, axis: Axis) -> None:
        """Touch the switch fast, leave it, touch it slowly; the zero lies a fixed way above that place."""
        table = axis.table
        fast, slow = table.home_speed_um_s, table.home_speed_um_s * _SLOW
        clearance = round(axis.zero_above_switch_um * table.steps_per_um)
        range_steps = (table.soft_max_um - table.soft_min_um) * table.steps_per_um
        axis.homed = False
        self._seek(axis, round(_LEAVE * range_steps) + 2 * clearance, fast, closed=False)
        self._seek(axis, -round(_TRAVEL * range_steps) - 2 * clearance, fast, closed=True)
        self._seek(axis, 2 * clearance, fast, closed=False)
        self._seek(axis, -3 * clearance, slow, closed=True)
        axis.steps = -clearance
        axis.homed = True
        self._play([(axis, [axis.train(clearance)])], self._halted)

    def _seek(self, axis: Axis, steps: int, speed_um_s: float, closed: bool) -> None:
        """Move until the switch is closed (or open); nothing to do when it is already."""
        if self._closed(axis) == closed:
            return
        self._play(
            [(axis, [axis.train(steps, speed_um_s)])],
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
