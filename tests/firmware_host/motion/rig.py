"""A stage with its whole emulated machine, on a virtual clock that can do something at a given instant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from firmware_host.cancel import CancelToken
from firmware_host.clock import VirtualClock
from firmware_host.gpio.rpi_gpio import RpiGpio
from firmware_host.motion.stage import Stage
from firmware_host.profile import Profile, load_profile
from firmware_host.profile_tables import AXES, AxisName
from firmware_host.twin.board import EmulatedBoard
from firmware_host.twin.driver import DriverCounts
from firmware_host.twin.mechanics import Machine

SHIPPED = load_profile("emulated")
Changes = dict[AxisName, dict[str, Any]]


@dataclass
class Rig:
    """Everything between the stage's calls and the carriages.

    :param before: what happens to the machine before the host opens the stage.
    """

    profile: Profile
    before: Callable[[Rig], None] = lambda _: None
    clock: VirtualClock = field(default_factory=VirtualClock)
    cancel: CancelToken = field(default_factory=CancelToken)

    def __post_init__(self) -> None:
        assert self.profile.twin is not None
        self.board = EmulatedBoard(self.clock)
        self.machine = Machine(self.board, self.profile, self.profile.twin)
        self.before(self)
        self.stage = Stage(self.profile, RpiGpio(self.board), self.clock, self.cancel)

    def at(self, time_ns: int, action: Callable[[], None]) -> None:
        self.clock.at(time_ns, action)

    def host_um(self) -> dict[AxisName, float]:
        return {"x": self.stage.x_um, "y": self.stage.y_um, "z": self.stage.z_um}

    def true_um(self) -> dict[AxisName, float]:
        """Where the carriages really are, without ringing and drift."""
        return {name: self.machine.axes[name].carriage_um for name in AXES}

    def pulses(self, name: AxisName) -> int:
        """Rising edges of STEP so far."""
        return sum(level for _, level in self.board.history(self.profile.axes.of(name).step_pin))

    def enabled(self, name: AxisName) -> bool:
        return not self.board.level(self.profile.axes.of(name).enable_pin)

    def assert_flawless(self) -> None:
        """No motor lost a step and no driver missed or misread one."""
        assert self.machine.lost_steps == 0
        assert {name: driver.counts for name, driver in self.machine.drivers.items()} == dict.fromkeys(
            AXES, DriverCounts()
        )


def changed(profile: Profile, axes: Changes, twin: Changes) -> Profile:
    """A profile with some keys of some axes changed, on the host's side and on the machine's."""
    assert profile.twin is not None
    tables = {name: profile.axes.of(name).model_copy(update=axes.get(name, {})) for name in AXES}
    truths = {name: getattr(profile.twin, name).model_copy(update=twin.get(name, {})) for name in AXES}
    return profile.model_copy(
        update={
            "axes": profile.axes.model_copy(update=tables),
            "twin": profile.twin.model_copy(update=truths),
        }
    )


def near_rig(
    axes: Changes | None = None,
    twin: Changes | None = None,
    stop_pin: int | None = None,
    before: Callable[[Rig], None] = lambda _: None,
) -> Rig:
    """A rig, not homed, that starts close to its switches, so that homing is quick."""
    starts: Changes = {"x": {"start_um": -190}, "y": {"start_um": -185}, "z": {"start_um": -35}}
    truths = {name: starts[name] | (twin or {}).get(name, {}) for name in AXES}
    profile = changed(SHIPPED, axes or {}, truths)
    return Rig(profile.model_copy(update={"emergency_stop_pin": stop_pin}), before)


def homed_rig(axes: Changes | None = None, twin: Changes | None = None, stop_pin: int | None = None) -> Rig:
    rig = near_rig(axes, twin, stop_pin)
    rig.stage.home()
    return rig
