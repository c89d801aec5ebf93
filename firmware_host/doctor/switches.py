"""Limit switches and emergency stop, pressed one after the other: does the edge come, and on the right pin."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from firmware_host.cancel import CancelToken
from firmware_host.clock import Clock
from firmware_host.doctor.finding import Finding, green, looked, red, yellow
from firmware_host.doctor.pins import Input
from firmware_host.doctor.rig import Hand
from firmware_host.errors import HardwareError
from firmware_host.gpio.port import GpioPort
from firmware_host.profile import Profile

PRESS_S = 30.0
"""How long a press is waited for."""
_RELEASE_S = 10.0
_POLL_NS = 5_000_000
_EDGE_LATE_NS = 500_000_000  # the level has changed: an edge that is not reported by then does not come


@dataclass(frozen=True)
class Asker:
    """Who presses.

    :param say: tells a person what to press; :param hand: on the twin it presses itself.
    """

    say: Callable[[str], None]
    hand: Hand | None


def switches(gpio: GpioPort, clock: Clock, cancel: CancelToken, inputs: Sequence[Input], asker: Asker) -> list[Finding]:
    """Ask for each switch in turn. :raises Cancelled: asked to stop."""
    pressed = [each for each in inputs if each.kind != "fault"]
    return [looked(each.what, partial(press, gpio, clock, cancel, each, inputs, asker)) for each in pressed]


def not_pressed(inputs: Sequence[Input]) -> list[Finding]:
    """Nobody is there to press."""
    remedy = "run it in a terminal, or with --press, at the scanner, before the first move"
    return [yellow(each.what, "not tried", remedy) for each in inputs if each.kind != "fault"]


def no_stop(profile: Profile) -> list[Finding]:
    """A real scanner should have an emergency stop."""
    if profile.emergency_stop_pin is not None or profile.hardware.is_emulated:
        return []
    remedy = "wire a switch from a free pin to ground, and name the pin as emergency_stop_pin"
    return [yellow("emergency stop", "the profile has none", remedy)]


def press(
    gpio: GpioPort, clock: Clock, cancel: CancelToken, which: Input, inputs: Sequence[Input], asker: Asker
) -> Finding:
    """One switch: the edge that stops a move must come, and the level go back."""
    gpio.setup_input(which.pin, "up")
    if not gpio.read(which.pin):
        return red(which.what, f"closed already (pin {which.pin})", "open it by hand, then run this again")
    others = [each for each in inputs if each is not which and _is_high(gpio, each.pin)]
    edges: list[int] = []
    gpio.watch(which.pin, "falling", edges.append)
    if asker.hand is None:
        asker.say(f"press the {which.what} now and let it go (pin {which.pin}, {PRESS_S:g} s)")
    else:
        asker.hand(which.pin)
    low_since_ns: int | None = None
    until_ns = clock.now_ns() + round(PRESS_S * 1e9)
    while not edges:
        now_ns = clock.now_ns()
        wrong = next((each for each in others if not gpio.read(each.pin)), None)
        if wrong is not None:
            return red(
                which.what,
                f"pin {wrong.pin} ({wrong.key}) went low instead of pin {which.pin}",
                f"exchange the wires, or the pins of {which.key} and {wrong.key} in the profile",
            )
        if not gpio.read(which.pin):
            low_since_ns = low_since_ns or now_ns
            if now_ns - low_since_ns > _EDGE_LATE_NS:
                return red(
                    which.what,
                    f"pin {which.pin} went low, but no edge was reported: it would not stop a move",
                    "use another GPIO library: rpi-lgpio or gpiod on a new kernel",
                )
        if now_ns >= until_ns:
            return red(
                which.what,
                f"nothing seen on pin {which.pin} within {PRESS_S:g} s",
                f"check the switch and its wires to pin {which.pin} and ground; it must close when pressed",
            )
        _wait(clock, cancel)
    if not _opens(gpio, clock, cancel, which):
        return red(which.what, f"pin {which.pin} closed and stays low", "check that the switch opens when it is let go")
    return green(which.what, f"closes and opens, and the edge is seen (pin {which.pin})")


def _is_high(gpio: GpioPort, pin: int) -> bool:
    """False also where the pin cannot be read: then its own check has said so."""
    try:
        return gpio.read(pin)
    except HardwareError:
        return False


def _opens(gpio: GpioPort, clock: Clock, cancel: CancelToken, which: Input) -> bool:
    until_ns = clock.now_ns() + round(_RELEASE_S * 1e9)
    while not gpio.read(which.pin):
        if clock.now_ns() >= until_ns:
            return False
        _wait(clock, cancel)
    return True


def _wait(clock: Clock, cancel: CancelToken) -> None:
    cancel.check()
    clock.wait_until(clock.now_ns() + _POLL_NS, "wait")
