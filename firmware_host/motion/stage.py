"""The stage: three axes that move together, one way to stop.

A limit switch, a driver's fault, the emergency stop and Ctrl-C all end in `shutdown`: the pulses end, the drivers
are disabled, the counters stay exact.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from firmware_host.cancel import CancelToken
from firmware_host.clock import Clock
from firmware_host.errors import Cancelled, HardwareError, SafetyStop
from firmware_host.gpio.port import GpioPort
from firmware_host.motion.axis import Axis
from firmware_host.motion.pulse import PulseEngine, PulseTrain
from firmware_host.profile import AXES, AxisName, Profile

_HOMING_ORDER: tuple[AxisName, ...] = ("z", "x", "y")  # away from the objective first
_SLOW = 0.1  # share of the homing speed for the second touch of the switch
_TRAVEL_MARGIN = 1.3  # homing gives up after this share of the axis's range


class Stage:
    """Moves in um; integer steps underneath. Drivers are off until `home`."""

    def __init__(self, profile: Profile, gpio: GpioPort, clock: Clock, cancel: CancelToken) -> None:
        self._gpio = gpio
        self._clock = clock
        self._cancel = cancel
        self._engine = PulseEngine(gpio, clock)
        self._axes = {name: Axis(name, profile.axes.of(name)) for name in AXES}
        self._settled_ns = clock.now_ns()
        self._tripped = ""
        self._down = False
        self._homing: AxisName | None = None
        self._setup_pins(profile)

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

        :raises HardwareError: a switch never closes or never opens within the axis's travel.
        """
        self._refuse_when_down()
        for name in AXES:
            self._gpio.write(self._axes[name].table.enable_pin, False)
        for name in _HOMING_ORDER:
            self._homing = name
            self._home_axis(self._axes[name])
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

    def shutdown(self) -> None:
        """Disable all drivers. Safe to call at any time, more than once; the stage does not move afterwards."""
        self._down = True
        for name in AXES:
            table = self._axes[name].table
            self._gpio.write(table.step_pin, False)
            self._gpio.write(table.enable_pin, True)

    def _setup_pins(self, profile: Profile) -> None:
        for name in AXES:
            table = self._axes[name].table
            self._gpio.setup_output(table.enable_pin, True)
            self._gpio.setup_output(table.step_pin, False)
            self._gpio.setup_output(table.dir_pin, False)
            self._watch(table.limit_pin, f"limit switch of axis {name}", name)
            if table.fault_pin is not None:
                self._watch(table.fault_pin, f"fault of the driver of axis {name}", None)
        if profile.emergency_stop_pin is not None:
            self._watch(profile.emergency_stop_pin, "emergency stop", None)

    def _watch(self, pin: int, what: str, limit_of: AxisName | None) -> None:
        """All safety inputs are active low with a pull-up; a falling edge trips unless its axis is being homed."""
        self._gpio.setup_input(pin, "up")

        def trip(_: int) -> None:
            if not self._tripped and (limit_of is None or limit_of != self._homing):
                self._tripped = f"{what} (pin {pin})"

        self._gpio.watch(pin, "falling", trip)

    def _halted(self) -> bool:
        return self._cancel.requested or bool(self._tripped)

    def _play(self, moves: Sequence[tuple[Axis, Sequence[PulseTrain]]], stop: Callable[[], bool]) -> bool:
        """Play the trains, book what was made, and raise for what stopped them; True when played to the end."""
        played = self._engine.play([trains for _, trains in moves], stop)
        for (axis, trains), steps, end_ns in zip(moves, played.steps, played.end_ns, strict=True):
            axis.made(steps, upward=played.whole and trains[-1].way > 0)
            self._settled_ns = max(self._settled_ns, end_ns + round(axis.table.settle_ms * 1e6))
        if self._tripped:
            self.shutdown()
            raise SafetyStop(f"motion stopped: {self._tripped}; free the cause, then home again")
        if self._cancel.requested:
            raise Cancelled(f"stopped: {self._cancel.reason}")
        if played.whole:
            self._clock.wait_until(max(played.end_ns, default=0), "move")
        return played.whole

    def _refuse_when_down(self) -> None:
        if self._down:
            raise HardwareError("stage: it was shut down; start the scanner again")
        for name in AXES:
            fault = self._axes[name].table.fault_pin
            if fault is not None and not self._gpio.read(fault):
                raise HardwareError(f"axis {name}: its driver reports a fault (pin {fault}); check supply and cooling")
        self._cancel.check()

    def _closed(self, axis: Axis) -> bool:
        return not self._gpio.read(axis.table.limit_pin)

    def _home_axis(self, axis: Axis) -> None:
        """Touch the switch fast, leave it, touch it slowly; the zero lies a fixed way above that place."""
        table = axis.table
        fast, slow = table.home_speed_um_s, table.home_speed_um_s * _SLOW
        clearance = round(axis.zero_above_switch_um * table.steps_per_um)
        travel = round((table.soft_max_um - table.soft_min_um) * _TRAVEL_MARGIN * table.steps_per_um) + 2 * clearance
        axis.homed = False
        self._seek(axis, travel, fast, closed=False)
        self._seek(axis, -travel, fast, closed=True)
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
            raise HardwareError(
                f"axis {axis.name}: its limit switch (pin {axis.table.limit_pin}) did not {state} within "
                f"{abs(steps) / axis.table.steps_per_um:.0f} um; check switch, wiring and motor"
            )
