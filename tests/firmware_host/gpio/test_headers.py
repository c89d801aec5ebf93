"""The headers that wires are told by, against Jetson.GPIO's own table."""

from __future__ import annotations

from test_rpi_libraries import orin_nano_header

from firmware_host.wiring.header import JETSON_ORIN, RASPBERRY_PI

# A Raspberry Pi's buses, of which Jetson.GPIO gives no lines.
BUSES = {2: 3, 3: 5, 14: 8, 15: 10, 0: 27, 1: 28}


def test_a_jetsons_lines_are_its_librarys() -> None:
    real = [(row[3], row[0], row[7], row[8]) for row in orin_nano_header()]
    ours = [
        (line.pin, line.number, *next(iter((line.pwm or {None: None}).items()))) for line in JETSON_ORIN.lines.values()
    ]
    assert ours == real


def test_a_jetsons_other_functions_are_named_as_its_library_names_them() -> None:
    names = {row[0]: str(row[5]) for row in orin_nano_header()}
    wanted = {number: "" if name.startswith("GPIO") else name for number, name in names.items()}
    assert {number: line.function for number, line in JETSON_ORIN.lines.items()} == wanted


def test_bcm_numbers_are_on_the_header_pins_that_every_library_has_them_on() -> None:
    real = {row[4]: row[3] for row in orin_nano_header()}
    assert {number: line.pin for number, line in RASPBERRY_PI.lines.items()} == real | BUSES
