"""The watch: what is said, how long it pauses, and when it stops. On a virtual clock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import pytest

from firmware_host.cancel import CancelToken
from firmware_host.clock import VirtualClock
from firmware_host.errors import Cancelled, SafetyStop, UsageError
from firmware_host.health.judgement import Cause, State, judge
from firmware_host.health.memory import Memory
from firmware_host.health.power import Power
from firmware_host.health.sensors import Readings
from firmware_host.health.temperature import Temperature
from firmware_host.health.watch import Watch
from firmware_host.incidents import RESPONSES, Incident
from firmware_host.profile import Profile, parse_profile
from firmware_host.profile_tables import HealthTable

LIMITS = HealthTable()


def at(celsius: float, **power: Any) -> Readings:
    return Readings(Temperature(celsius, "cpu-thermal"), Power(**power))


def left(available_mb: float, limited: bool = False) -> Readings:
    return Readings(memory=Memory(available_mb, limited))


class Board:
    """Sensors that follow a function of the clock's seconds."""

    def __init__(self, clock: VirtualClock, readings: Callable[[float], Readings]) -> None:
        self.asked_s: list[float] = []
        self._clock, self._readings = clock, readings

    def read(self) -> Readings:
        self.asked_s.append(self._clock.now_ns() * 1e-9)
        return self._readings(self.asked_s[-1])


class Rig:
    """A watch, its clock, and what it said."""

    def __init__(self, readings: Callable[[float], Readings], limits: HealthTable = LIMITS) -> None:
        self.clock, self.cancel, self.said = VirtualClock(), CancelToken(), list[str]()
        self.noted: list[str] = []
        self.given_back_s: list[float] = []
        self.board = Board(self.clock, readings)
        self.watch = Watch(limits, self.board, self.clock, self.cancel, self._note, self._give_back)
        self.beats = 0

    def hold(self) -> None:
        self.watch.hold(self._beat)

    def pass_s(self, seconds: float) -> None:
        self.clock.wait_until(self.clock.now_ns() + round(seconds * 1e9), "move")

    def _beat(self) -> None:
        self.beats += 1

    def _note(self, incident: Incident) -> None:
        self.said.append(incident.text)
        self.noted.append(incident.cause)

    def _give_back(self) -> None:
        self.given_back_s.append(self.clock.now_ns() * 1e-9)


@pytest.mark.parametrize(
    ("readings", "state", "words"),
    [
        (Readings(), "calm", ""),
        (at(74.9), "calm", ""),
        (at(75), "warn", "processor at 75 C (cpu-thermal), limit 75 C"),
        (at(80), "slow", "limit 80 C"),
        (at(90), "stop", "limit 90 C"),
        (at(40, under_voltage=True), "slow", "voltage is too low"),
        (at(40, under_voltage=False, under_voltage_seen=True), "warn", "too low since the board was started"),
        (at(40, slowed=True), "warn", "held below its speed"),
        (at(40, slowed=False, slowed_seen=True), "calm", ""),
        (at(92, under_voltage=True), "stop", "limit 90 C"),
        (at(40, events={"under-voltage": 2, "average over-current": 9}), "warn", "noted under-voltage 1 times since"),
        (at(40, events={"under-voltage": 1, "average over-current": 9}), "calm", ""),
        (left(300), "calm", ""),
        (left(299), "warn", "299 MB of memory left, a scan pauses below 120 MB; end other programs"),
        (left(120), "warn", "120 MB of memory left"),
        (left(119), "slow", "only 119 MB of memory left, floor 120 MB"),
        (left(119, limited=True), "slow", "only 119 MB of the service's limit of memory left"),
    ],
)
def test_the_gravest_decides(readings: Readings, state: State, words: str) -> None:
    before = at(40, events={"under-voltage": 1, "average over-current": 9})
    verdict = judge(LIMITS, readings, before, "none")[0]
    assert verdict.state == state
    assert words in verdict.text
    assert "\n" not in verdict.text


@pytest.mark.parametrize("policy", ["warn", "slow", "stop"])
def test_the_profile_says_what_low_voltage_does(policy: Any) -> None:
    limits = HealthTable(under_voltage=policy)
    assert judge(limits, at(40, under_voltage=True), at(40), "none")[0].state == policy


def test_a_calm_board_costs_no_time_and_is_asked_every_five_seconds() -> None:
    rig = Rig(lambda _: at(50))
    for _ in range(100):
        rig.hold()
        rig.pass_s(0.3)
    assert rig.clock.booked_ns()["wait"] == 0
    assert len(rig.board.asked_s) == 6
    assert rig.said == []
    assert rig.watch.line() == "at most 50 C (cpu-thermal)"


def test_what_is_the_matter_is_said_once() -> None:
    rig = Rig(lambda s: at(76 if s % 20 < 10 else 60, under_voltage_seen=True))
    for _ in range(100):
        rig.hold()
        rig.pass_s(1)
    assert len(rig.said) == 2
    assert rig.said[0].startswith("processor at 76 C")
    assert "since the board was started" in rig.said[1]
    assert rig.watch.line().count(";") >= 2


def test_a_hot_board_gets_a_pause_until_it_is_well_below_the_limit() -> None:
    """One degree cooler every ten seconds: 81 C at first, below 80 - 5 C after 70 s."""
    rig = Rig(lambda s: at(81 - s / 10))
    rig.hold()
    waited_s = rig.clock.booked_ns()["wait"] * 1e-9
    assert 60 <= waited_s <= 66
    assert rig.beats == pytest.approx(waited_s / 5, abs=1)
    assert rig.said[0].startswith("the scan pauses: processor at 81 C")
    assert "paused 1 times, 65 s in all" in rig.watch.line()
    rig.hold()
    assert rig.clock.booked_ns()["wait"] * 1e-9 == waited_s


def test_a_pause_that_does_not_help_ends_the_scan() -> None:
    rig = Rig(lambda _: at(82), HealthTable(pause_s=60))
    with pytest.raises(SafetyStop, match="paused for 60 s in vain: processor at 82 C"):
        rig.hold()
    assert rig.clock.now_ns() == 60e9


def test_a_pause_in_which_it_gets_too_hot_stops_at_once() -> None:
    rig = Rig(lambda s: at(81 + s))
    with pytest.raises(SafetyStop, match="stopped: processor at 91 C"):
        rig.hold()
    assert rig.clock.now_ns() <= 15e9
    assert rig.said[-1].startswith("the scan stops: ")


def test_a_dip_of_the_supply_costs_a_moment_and_a_weak_supply_the_scan() -> None:
    dip = Rig(lambda s: at(40, under_voltage=s < 3, under_voltage_seen=True))
    dip.hold()
    assert dip.clock.now_ns() == 5e9
    weak = Rig(lambda _: at(40, under_voltage=True))
    with pytest.raises(SafetyStop, match="paused for 60 s in vain: the supply's voltage is too low"):
        weak.hold()


def test_a_request_to_stop_ends_a_pause_within_a_moment() -> None:
    rig = Rig(lambda _: at(85))
    wait_until = rig.clock.wait_until

    def ctrl_c(deadline_ns: int, phase: Any) -> None:
        wait_until(deadline_ns, phase)
        if rig.clock.now_ns() >= 7e9:
            rig.cancel.request("Ctrl-C")

    rig.clock.wait_until = ctrl_c  # type: ignore[method-assign]
    with pytest.raises(Cancelled, match="Ctrl-C"):
        rig.hold()
    assert rig.clock.now_ns() == pytest.approx(7e9, abs=0.11e9)


def test_limits_out_of_order_are_refused(emulated: Profile) -> None:
    data = emulated.model_dump() | {"health": {"warn_c": 70, "slow_c": 95}}
    with pytest.raises(UsageError, match="health: warn_c, slow_c and stop_c must be in this order"):
        parse_profile(data, "mine.toml")
    assert emulated.health == HealthTable()


def test_a_pause_for_want_of_memory_gives_back_what_lies_idle_and_ends_well_above_the_floor() -> None:
    rig = Rig(lambda s: left(100 + 4 * s))
    rig.hold()
    assert rig.clock.now_ns() == 15e9  # 160 MB: 150 are asked for once it pauses
    assert rig.given_back_s == [0, 5, 10]
    assert rig.noted == ["memory low", "memory low"]
    assert rig.said[0].startswith("the scan pauses: only 100 MB of memory left")
    assert rig.said[1].startswith("160 MB of memory left")
    assert "at least 100 MB of memory left; paused 1 times, 15 s in all" in rig.watch.line()


def test_memory_that_stays_scarce_stops_the_scan_before_the_kernel_does() -> None:
    rig = Rig(lambda _: left(50), HealthTable(pause_s=30))
    with pytest.raises(SafetyStop, match="paused for 30 s in vain: only 50 MB of memory left"):
        rig.hold()


def test_a_pause_is_seen_from_its_beginning() -> None:
    rig = Rig(lambda s: at(85 if s < 4 else 60))
    with pytest.raises(StopIteration):
        rig.watch.hold(lambda: next(iter(())))
    assert rig.clock.now_ns() == 0


def test_every_cause_is_described() -> None:
    assert set(get_args(Cause)) - {"none"} <= set(RESPONSES)


def test_memory_limits_out_of_order_are_refused(emulated: Profile) -> None:
    data = emulated.model_dump() | {"health": {"memory_warn_mb": 100, "memory_floor_mb": 200}}
    with pytest.raises(UsageError, match="health: memory_floor_mb must not exceed memory_warn_mb"):
        parse_profile(data, "mine.toml")
