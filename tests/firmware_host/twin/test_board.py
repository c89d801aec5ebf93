"""The emulated board: what RPi.GPIO promises and refuses, and the wires on the other side."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from firmware_host.clock import Phase, VirtualClock
from firmware_host.twin.board import EmulatedBoard

STEP, SWITCH, UNUSED = 17, 5, 4


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def board(clock: VirtualClock) -> EmulatedBoard:
    """A board in BCM mode with one output and one pulled-up input."""
    board = EmulatedBoard(clock)
    board.setmode(board.BCM)
    board.setup(STEP, board.OUT, initial=board.LOW)
    board.setup(SWITCH, board.IN, pull_up_down=board.PUD_UP)
    return board


Refusal = tuple[str, Callable[[EmulatedBoard], Any], type[Exception], str]

REFUSALS: list[Refusal] = [
    ("another mode", lambda b: b.setmode(b.BOARD), ValueError, "A different mode has already been set!"),
    ("no such mode", lambda b: b.setmode(7), ValueError, r"An invalid mode was passed to setmode\(\)"),
    ("channel 28", lambda b: b.setup(28, b.OUT), ValueError, "The channel sent is invalid on a Raspberry Pi"),
    ("channel -1", lambda b: b.input(-1), ValueError, "The channel sent is invalid on a Raspberry Pi"),
    (
        "channel name",
        lambda b: b.setup("17", b.OUT),
        ValueError,
        "Channel must be an integer or list/tuple of integers",
    ),
    ("direction", lambda b: b.setup(UNUSED, 9), ValueError, r"An invalid direction was passed to setup\(\)"),
    (
        "pull on an output",
        lambda b: b.setup(UNUSED, b.OUT, pull_up_down=b.PUD_UP),
        ValueError,
        "pull_up_down parameter is not valid for outputs",
    ),
    (
        "initial on an input",
        lambda b: b.setup(UNUSED, b.IN, initial=b.HIGH),
        ValueError,
        "initial parameter is not valid for inputs",
    ),
    ("pull value", lambda b: b.setup(UNUSED, b.IN, pull_up_down=3), ValueError, "Invalid value for pull_up_down"),
    (
        "output on an input",
        lambda b: b.output(SWITCH, 1),
        RuntimeError,
        "The GPIO channel has not been set up as an OUTPUT",
    ),
    ("output before setup", lambda b: b.output(UNUSED, 1), RuntimeError, "has not been set up as an OUTPUT"),
    ("counts differ", lambda b: b.output([STEP], [1, 0]), RuntimeError, "Number of channels != number of values"),
    ("level name", lambda b: b.output([STEP], None), ValueError, "Value must be an integer/boolean or a list/tuple"),
    ("input before setup", lambda b: b.input(UNUSED), RuntimeError, r"You must setup\(\) the GPIO channel first"),
    (
        "edges of an output",
        lambda b: b.add_event_detect(STEP, b.RISING),
        RuntimeError,
        r"You must setup\(\) the GPIO channel as an input first",
    ),
    ("edge value", lambda b: b.add_event_detect(SWITCH, 0), ValueError, "The edge must be set to RISING, FALLING or"),
    (
        "bounce time",
        lambda b: b.add_event_detect(SWITCH, b.RISING, bouncetime=0),
        ValueError,
        "Bouncetime must be greater than 0",
    ),
    ("callback", lambda b: b.add_event_detect(SWITCH, b.RISING, 3), TypeError, "Parameter must be callable"),
    (
        "edge detection twice",
        lambda b: [b.add_event_detect(SWITCH, b.RISING) for _ in range(2)],
        RuntimeError,
        "Conflicting edge detection already enabled for this GPIO channel",
    ),
    (
        "callback without detection",
        lambda b: b.add_event_callback(SWITCH, print),
        RuntimeError,
        "Add event detection using add_event_detect first before adding a callback",
    ),
    ("waiting on an output", lambda b: b.wait_for_edge(STEP, b.RISING), RuntimeError, "as an input first"),
    (
        "waiting 0 ms",
        lambda b: b.wait_for_edge(SWITCH, b.RISING, timeout=0),
        ValueError,
        "Timeout must be greater than 0",
    ),
    (
        "waiting beside detection",
        lambda b: [b.add_event_detect(SWITCH, b.RISING), b.wait_for_edge(SWITCH, b.RISING, timeout=1)],
        RuntimeError,
        "Conflicting edge detection events already exist for this GPIO channel",
    ),
    ("PWM on an input", lambda b: b.PWM(SWITCH, 100), RuntimeError, "the GPIO channel as an output first"),
    (
        "PWM twice",
        lambda b: [b.PWM(STEP, 100) for _ in range(2)],
        RuntimeError,
        "A PWM object already exists for this GPIO channel",
    ),
    ("PWM frequency", lambda b: b.PWM(STEP, 0), ValueError, "frequency must be greater than 0.0"),
    ("PWM duty", lambda b: b.PWM(STEP, 100).start(101), ValueError, "dutycycle must have a value from 0.0 to 100.0"),
]


@pytest.mark.parametrize(("call", "error", "message"), [each[1:] for each in REFUSALS], ids=[r[0] for r in REFUSALS])
def test_refuses_what_the_library_refuses(
    board: EmulatedBoard, call: Callable[[EmulatedBoard], Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call(board)


@pytest.mark.parametrize(
    "call",
    [lambda b: b.setup(STEP, b.OUT), lambda b: b.output(STEP, 1), lambda b: b.input(STEP), lambda b: b.PWM(1, 1)],
)
def test_pins_have_no_numbers_before_setmode(clock: VirtualClock, call: Callable[[EmulatedBoard], Any]) -> None:
    with pytest.raises(RuntimeError, match=r"Please set pin numbering mode using GPIO.setmode\(GPIO.BOARD\)"):
        call(EmulatedBoard(clock))


@pytest.mark.parametrize(("physical", "bcm"), [(3, 2), (11, 17), (12, 18), (27, 0), (32, 12), (40, 21)])
def test_board_numbers_are_places_on_the_header(clock: VirtualClock, physical: int, bcm: int) -> None:
    board = EmulatedBoard(clock)
    board.setmode(board.BOARD)
    board.setup(physical, board.OUT)
    board.output(physical, board.HIGH)
    assert board.level(bcm)


@pytest.mark.parametrize("place", [1, 2, 4, 6, 9, 14, 17, 20, 25, 30, 34, 39, 41])
def test_supply_and_ground_of_the_header_are_no_channels(clock: VirtualClock, place: int) -> None:
    board = EmulatedBoard(clock)
    board.setmode(board.BOARD)
    with pytest.raises(ValueError, match="The channel sent is invalid"):
        board.setup(place, board.OUT)


def test_history_has_each_edge_at_its_exact_time_and_no_repeats(board: EmulatedBoard, clock: VirtualClock) -> None:
    for time_ns, level in [(100, 1), (150, 1), (4100, 0), (4100, 1), (10**15 + 1, 0)]:
        clock.wait_until(time_ns, "wait")
        board.output(STEP, level)
    assert board.history(STEP) == [(100, True), (4100, False), (4100, True), (10**15 + 1, False)]
    assert board.history(UNUSED) == []


@pytest.mark.parametrize("edges", [1, 9, 10, 11, 20, 57])
def test_a_bounded_history_keeps_at_least_the_last_edges(clock: VirtualClock, edges: int) -> None:
    board = EmulatedBoard(clock, keep_edges=10)
    board.setmode(board.BCM)
    board.setup(STEP, board.OUT)
    for time_ns in range(1, edges + 1):
        clock.wait_until(time_ns, "wait")
        board.output(STEP, time_ns % 2)
    kept = board.history(STEP)
    every = [(time_ns, time_ns % 2 == 1) for time_ns in range(1, edges + 1)]
    assert kept == every[-len(kept) :]
    assert min(edges, 10) <= len(kept) <= 20


def test_a_connected_circuit_sees_each_edge(board: EmulatedBoard, clock: VirtualClock) -> None:
    seen: list[tuple[int, bool]] = []
    board.connect(STEP, lambda time_ns, level: seen.append((time_ns, level)))
    clock.wait_until(7, "wait")
    board.output([STEP], [board.HIGH])
    board.output((STEP,), board.LOW)
    assert seen == [(7, True), (7, False)]


@pytest.mark.parametrize(("pull", "undriven"), [("PUD_UP", 1), ("PUD_DOWN", 0), ("PUD_OFF", 0)])
def test_a_pull_resistor_decides_when_nothing_drives(board: EmulatedBoard, pull: str, undriven: int) -> None:
    board.setup(UNUSED, board.IN, pull_up_down=getattr(board, pull))
    assert board.input(UNUSED) == undriven
    for driven in (True, False):
        board.drive(UNUSED, driven)
        assert board.input(UNUSED) == driven
    board.drive(UNUSED, None)
    assert board.input(UNUSED) == undriven


def test_a_pin_driven_before_its_setup_shows_the_driven_level(board: EmulatedBoard) -> None:
    board.drive(UNUSED, False)
    board.setup(UNUSED, board.IN, pull_up_down=board.PUD_UP)
    assert board.input(UNUSED) == board.LOW


def test_an_outside_circuit_cannot_move_an_output(board: EmulatedBoard) -> None:
    board.output(STEP, 1)
    board.drive(STEP, False)
    assert board.level(STEP)


@pytest.mark.parametrize(("edge", "times"), [("RISING", 1), ("FALLING", 2), ("BOTH", 3)])
def test_edge_detection_calls_back_for_its_edges_only(board: EmulatedBoard, edge: str, times: int) -> None:
    calls: list[int] = []
    board.add_event_detect(SWITCH, getattr(board, edge), callback=calls.append)
    for level in (False, False, True, False):
        board.drive(SWITCH, level)
    assert calls == [SWITCH] * times
    assert board.event_detected(SWITCH)
    assert not board.event_detected(SWITCH), "reading it clears it"


def test_detection_can_be_taken_off_and_set_again(board: EmulatedBoard) -> None:
    calls: list[str] = []
    board.add_event_detect(SWITCH, board.FALLING, callback=lambda _: calls.append("old"))
    board.remove_event_detect(SWITCH)
    board.drive(SWITCH, False)
    assert calls == []
    board.drive(SWITCH, True)
    board.add_event_detect(SWITCH, board.FALLING)
    board.add_event_callback(SWITCH, lambda _: calls.append("new"))
    board.drive(SWITCH, False)
    assert calls == ["new"]


class _Press(VirtualClock):
    """A finger on the switch: presses it when the time has come."""

    def __init__(self, at_ns: int, press: Callable[[], None]) -> None:
        super().__init__()
        self._at_ns, self._press = at_ns, press

    def wait_until(self, deadline_ns: int, phase: Phase) -> None:
        super().wait_until(deadline_ns, phase)
        if deadline_ns >= self._at_ns:
            self._press()


@pytest.mark.parametrize(("pressed_ms", "answer"), [(3, SWITCH), (100, None)])
def test_wait_for_edge_ends_with_the_edge_or_with_its_timeout(pressed_ms: int, answer: int | None) -> None:
    clock = _Press(pressed_ms * 1_000_000, lambda: board.drive(SWITCH, False))
    board = EmulatedBoard(clock)
    board.setmode(board.BCM)
    board.setup(SWITCH, board.IN, pull_up_down=board.PUD_UP)
    assert board.wait_for_edge(SWITCH, board.FALLING, timeout=20) == answer
    assert clock.now_ns() == min(pressed_ms, 20) * 1_000_000
    board.add_event_detect(SWITCH, board.FALLING)  # the wait left no detection behind


def test_pwm_shows_its_duty_until_it_is_stopped(board: EmulatedBoard) -> None:
    lamp = board.PWM(STEP, 20_000)
    lamp.start(60)
    assert board.duty(STEP) == pytest.approx(0.6)
    lamp.ChangeDutyCycle(25)
    assert board.duty(STEP) == pytest.approx(0.25)
    lamp.stop()
    assert board.duty(STEP) == 0.0
    board.PWM(STEP, 100)  # free again


def test_cleanup_gives_pins_and_numbering_back(board: EmulatedBoard) -> None:
    board.output(STEP, 1)
    assert board.gpio_function(STEP) == board.OUT
    board.cleanup(STEP)
    assert board.gpio_function(STEP) == board.IN
    assert not board.level(STEP)
    assert board.getmode() == board.BCM
    board.cleanup()
    assert board.getmode() is None
    board.setmode(board.BOARD)
