"""What doctor says of pins and switches, on the emulated board with faults in its wires."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from firmware_host.cancel import CancelToken
from firmware_host.clock import VirtualClock
from firmware_host.doctor.finding import Finding
from firmware_host.doctor.pins import inputs_of, outputs_of, pins
from firmware_host.doctor.switches import PRESS_S, Asker, no_stop, not_pressed, switches
from firmware_host.errors import Cancelled, HardwareError
from firmware_host.gpio.rpi_gpio import RpiGpio
from firmware_host.profile import Profile
from firmware_host.profile_tables import AXES
from firmware_host.twin.board import EmulatedBoard

STOP_PIN = 9


class Bench:
    """A board whose inputs hang on wires: nothing is driven but what a test drives."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile.model_copy(update={"emergency_stop_pin": STOP_PIN})
        self.clock = VirtualClock()
        self.board = EmulatedBoard(self.clock)
        self.gpio = RpiGpio(self.board)
        self.inputs = inputs_of(self.profile)
        self.said: list[str] = []

    def pins(self) -> dict[str, Finding]:
        return {finding.check: finding for finding in pins(self.gpio, self.clock, self.profile)}

    def press(self, hand: Callable[[int], None] | None) -> dict[str, Finding]:
        for each in self.inputs:
            self.gpio.setup_input(each.pin, "up")
        found = switches(self.gpio, self.clock, CancelToken(), self.inputs, Asker(self.said.append, hand))
        return {finding.check: finding for finding in found}

    def tap(self, pin: int) -> None:
        self.board.drive(pin, False)
        self.board.drive(pin, None)


@pytest.fixture
def bench(emulated: Profile) -> Bench:
    return Bench(emulated)


def test_every_pin_of_the_profile_is_looked_at_once(bench: Bench) -> None:
    numbers = sorted(int(check.split(",")[0].removeprefix("pin ")) for check in bench.pins())
    assert numbers == sorted(pin for _, pin in bench.profile._pins())


def test_drivers_are_off_before_any_other_pin_is_touched(bench: Bench) -> None:
    order: list[int] = []
    for pin, _, _ in outputs_of(bench.profile):
        bench.board.connect(pin, lambda *_, pin=pin: order.append(pin))
    bench.pins()
    enables = {bench.profile.axes.of(name).enable_pin for name in AXES}
    assert set(order) == enables, "another output changed its level"
    assert all(bench.board.level(pin) for pin in enables)
    assert [pin for pin, _, _ in outputs_of(bench.profile)][:3] == [22, 25, 21]


def test_an_enable_pin_that_axes_share_comes_once(emulated: Profile) -> None:
    axes = emulated.axes
    shared = axes.model_copy(update={"y": axes.y.model_copy(update={"enable_pin": axes.x.enable_pin})})
    found = outputs_of(emulated.model_copy(update={"axes": shared}))
    assert [pin for pin, _, _ in found].count(axes.x.enable_pin) == 1
    assert [key for _, key, _ in found][:2] == ["axes.x.enable_pin", "axes.z.enable_pin"]


def test_the_pin_of_a_lamp_on_the_boards_own_pwm_is_left_alone(emulated: Profile) -> None:
    lamp = emulated.lamp.model_copy(update={"pwm_chip": "1f00098000.pwm"})
    found = outputs_of(emulated.model_copy(update={"lamp": lamp}))
    assert "lamp.pin" not in [key for _, key, _ in found]


def test_a_wire_that_nothing_drives_is_told_from_one_that_is(bench: Bench) -> None:
    bench.board.drive(12, True)
    found = bench.pins()
    assert (
        found["pin 5, axes.x.limit_pin"].detail == "high: the switch is open, or not wired: only the pull-up holds it"
    )
    assert found["pin 12, axes.y.limit_pin"].detail == "high: the switch is open"
    assert {finding.state for finding in found.values()} == {"green"}
    assert bench.board.level(5), "the pull-up is back"


@pytest.mark.parametrize(
    ("pin", "state", "words"),
    [
        (5, "yellow", "low: the switch is closed"),
        (6, "red", "low: the driver reports a fault"),
        (STOP_PIN, "red", "low: the emergency stop is pressed"),
    ],
)
def test_an_input_that_speaks_is_told(bench: Bench, pin: int, state: str, words: str) -> None:
    bench.board.drive(pin, False)
    spoke = [finding for finding in bench.pins().values() if finding.state != "green"]
    assert [(finding.state, finding.detail) for finding in spoke] == [(state, words)]


def test_an_input_that_flickers_is_red(bench: Bench) -> None:
    """Hum of the mains: 50 Hz on a wire without a pull-up."""
    wait_until = bench.clock.wait_until

    def humming(deadline_ns: int, phase: Any) -> None:
        wait_until(deadline_ns, phase)
        bench.board.drive(19, bench.clock.now_ns() // 10_000_000 % 2 == 0)

    bench.clock.wait_until = humming  # type: ignore[method-assign]
    assert bench.pins()["pin 19, axes.z.limit_pin"].detail == "flickers between high and low"


def test_a_pin_that_is_taken_does_not_hide_the_others(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    setup = bench.gpio.setup_output

    def busy(pin: int, initial: bool) -> None:
        if pin == 17:
            raise HardwareError("GPIO pin 17: in use by 'other'; stop it, or choose another pin")
        setup(pin, initial)

    monkeypatch.setattr(bench.gpio, "setup_output", busy)
    found = bench.pins()
    taken = found["pin 17, axes.x.step_pin"]
    assert (taken.state, taken.remedy) == ("red", "stop it, or choose another pin")
    assert sum(finding.state == "green" for finding in found.values()) == len(found) - 1


def test_pulls_that_are_fitted_outside_are_not_fought(bench: Bench) -> None:
    table = bench.profile.hardware.model_copy(update={"pulls": "external"})
    bench.profile = bench.profile.model_copy(update={"hardware": table})
    for each in bench.inputs:
        bench.board.drive(each.pin, True)
    assert bench.pins()["pin 5, axes.x.limit_pin"].detail == "high: the switch is open, or not wired"


def test_each_switch_is_pressed_in_turn(bench: Bench) -> None:
    order: list[int] = []

    def hand(pin: int) -> None:
        order.append(pin)
        bench.tap(pin)

    found = bench.press(hand)
    assert order == [5, 12, 19, STOP_PIN]
    assert [finding.state for finding in found.values()] == ["green"] * 4
    assert bench.said == []


def test_a_person_is_asked_and_a_press_that_does_not_come_is_red(bench: Bench) -> None:
    found = bench.press(None)
    assert bench.said[0] == "press the limit switch of axis x now and let it go (pin 5, 30 s)"
    assert len(bench.said) == 4
    assert [finding.state for finding in found.values()] == ["red"] * 4
    assert found["emergency stop"].detail == f"nothing seen on pin {STOP_PIN} within 30 s"
    assert bench.clock.now_ns() == pytest.approx(4 * PRESS_S * 1e9, rel=0.01)


def test_wires_that_are_exchanged_are_named(bench: Bench) -> None:
    exchanged = {5: 12, 12: 5}
    found = bench.press(lambda pin: bench.board.drive(exchanged.get(pin, pin), False))
    assert found["limit switch of axis x"].detail == "pin 12 (axes.y.limit_pin) went low instead of pin 5"
    assert found["limit switch of axis x"].remedy == (
        "exchange the wires, or the pins of axes.x.limit_pin and axes.y.limit_pin in the profile"
    )


def test_a_level_without_an_edge_is_red(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """RPi.GPIO on a kernel from 6.6 on: levels are read, edges never come, and no switch would stop a move."""
    monkeypatch.setattr(bench.gpio, "watch", lambda *_: None)
    found = bench.press(lambda pin: bench.board.drive(pin, False))
    assert found["limit switch of axis x"].state == "red"
    assert "no edge was reported: it would not stop a move" in found["limit switch of axis x"].detail


def test_a_switch_that_stays_closed_is_red(bench: Bench) -> None:
    found = bench.press(lambda pin: bench.board.drive(pin, False))
    assert found["limit switch of axis z"].detail == "pin 19 closed and stays low"


def test_a_switch_that_is_closed_before_is_red(bench: Bench) -> None:
    bench.board.drive(5, False)
    assert bench.press(bench.tap)["limit switch of axis x"].detail == "closed already (pin 5)"


def test_a_pin_that_cannot_be_read_does_not_spoil_the_others(bench: Bench) -> None:
    found = switches(bench.gpio, bench.clock, CancelToken(), bench.inputs, Asker(bench.said.append, bench.tap))
    assert [finding.state for finding in found] == ["green"] * 4, "no pin but the pressed one had been set up"


def test_a_request_to_stop_ends_the_waiting(bench: Bench) -> None:
    cancel = CancelToken()
    cancel.request("Ctrl-C")
    with pytest.raises(Cancelled):
        switches(bench.gpio, bench.clock, cancel, bench.inputs, Asker(bench.said.append, None))
    assert bench.clock.now_ns() < 1e9


def test_what_nobody_pressed_is_not_called_good(bench: Bench) -> None:
    assert [finding.state for finding in not_pressed(bench.inputs)] == ["yellow"] * 4


def test_a_real_scanner_without_an_emergency_stop_is_told(emulated: Profile, bench: Bench) -> None:
    table = emulated.hardware.model_copy(update={"gpio": "gpiod"})
    assert [finding.state for finding in no_stop(emulated.model_copy(update={"hardware": table}))] == ["yellow"]
    assert no_stop(emulated) == no_stop(bench.profile) == []
