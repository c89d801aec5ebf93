"""`wsi-host wiring`: every pin of a profile in the table and on the diagram, what does not fit is told, docs hold."""

from __future__ import annotations

import itertools
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from firmware_host.cli import app
from firmware_host.errors import UsageError
from firmware_host.profile import Profile, load_profile, shipped_profiles
from firmware_host.profile_tables import AXES
from firmware_host.wiring.diagram import WIDTH, diagram
from firmware_host.wiring.header import GROUND, JETSON_ORIN, RASPBERRY_PI, Header, header_of
from firmware_host.wiring.signals import signals
from firmware_host.wiring.table import columns, markdown, rows
from firmware_host.wiring.warnings import warnings

DOCS = Path(__file__).parents[2] / "docs"
PI, JETSON = "rpi5-imx477-20x", "jetson-orin-nano-20x"
SVG = "{http://www.w3.org/2000/svg}"


def changed(shipped: str, /, **values: Any) -> Profile:
    """A shipped profile with other values, by key with `__` for the dots; checked as one that was read."""
    data = load_profile(shipped).model_dump()
    for key, value in values.items():
        *tables, last = key.split("__")
        table = data
        for part in tables:
            table = table[part]
        table[last] = value
    return Profile.model_validate(data)


def wiring(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["wiring", *map(str, arguments)])


def cell(profile: Profile, joins: str, column: str) -> str:
    """What the table says of the row that begins so."""
    [row] = [row for row in rows(profile) if row[0].startswith(joins)]
    return row[columns(profile).index(column)]


def texts(profile: Profile) -> list[str]:
    """What the diagram says, one a label."""
    return ["".join(each.itertext()) for each in ET.fromstring(diagram(profile)).iter(f"{SVG}text")]


@pytest.mark.parametrize(
    ("gpio", "chip", "board"),
    [
        ("emulated", "auto", RASPBERRY_PI),
        ("rpi_gpio", "auto", RASPBERRY_PI),
        ("gpiod", "auto", RASPBERRY_PI),
        ("gpiod", "pinctrl-rp1", RASPBERRY_PI),
        ("gpiod", "tegra234-gpio", JETSON_ORIN),
    ],
)
def test_the_board_is_known_by_its_pins_driver_and_chip(gpio: str, chip: str, board: Header) -> None:
    camera = "emulated" if gpio == "emulated" else "picamera2"
    profile = changed("emulated", hardware__gpio=gpio, hardware__camera=camera, hardware__gpio_chip=chip)
    assert header_of(profile.hardware) is board


@pytest.mark.parametrize("header", [RASPBERRY_PI, JETSON_ORIN])
def test_each_of_the_40_pins_is_one_thing(header: Header) -> None:
    lines = [line.pin for line in header.lines.values()]
    assert sorted([*lines, *header.fixed]) == list(range(1, 41))
    assert all(number == line.number for number, line in header.lines.items())


def test_a_raspberry_pi_pulls_bcm_0_to_8_up_while_it_boots_and_a_jetsons_pulls_are_not_known() -> None:
    up = {number for number, line in RASPBERRY_PI.lines.items() if line.at_boot == "up"}
    down = {number for number, line in RASPBERRY_PI.lines.items() if line.at_boot == "down"}
    assert (up, down) == (set(range(9)), set(range(9, 28)))
    assert {line.at_boot for line in JETSON_ORIN.lines.values()} == {None}


@pytest.mark.parametrize("name", shipped_profiles())
def test_every_pin_of_a_profile_is_in_the_table_and_on_the_diagram(name: str) -> None:
    profile = load_profile(name)
    header = header_of(profile.hardware)
    keys = ("step_pin", "dir_pin", "enable_pin", "limit_pin", "fault_pin")
    wanted = {f"axes.{axis}.{key}": getattr(profile.axes.of(axis), key) for axis in AXES for key in keys}
    wanted["lamp.pin"] = profile.lamp.pin
    found = signals(profile)
    assert {signal.key: signal.number for signal in found} == wanted
    table = {(row[1], row[2]) for row in rows(profile)}
    drawn = texts(profile)
    for signal in found:
        assert (str(signal.number), str(header.lines[signal.number].pin)) in table
        label = f"{header.numbers} {signal.number}"
        [text] = [text for text in drawn if re.search(rf"{label}\b", text)]
        assert signal.short in text


def test_the_diagram_stands_in_two_columns_in_the_order_of_the_pins() -> None:
    root = ET.fromstring(diagram(load_profile(PI)))
    assert int(root.attrib["width"]) == WIDTH <= 760
    numbers = [each for each in root.iter(f"{SVG}text") if each.attrib.get("class") == "pin"]
    assert [each.text for each in numbers] == [str(pin) for pin in range(1, 41)]
    places = [(float(each.attrib["x"]), float(each.attrib["y"])) for each in numbers]
    assert len({x for x, _ in places}) == 2
    assert [y for _, y in places[::2]] == [y for _, y in places[1::2]] == sorted(y for _, y in places[::2])


def test_pins_have_the_colour_of_their_axis_and_the_legend_tells_it() -> None:
    profile = changed(PI, emergency_stop_pin=21)
    root = ET.fromstring(diagram(profile))
    fills: dict[str, str] = {}
    shapes = list(root)
    for shape, text in itertools.pairwise(shapes):
        if shape.tag == f"{SVG}rect" and text.tag == f"{SVG}text":
            fills[text.text or ""] = shape.attrib["fill"]
    for legend, pins in {
        "x axis": (7, 11, 13, 15, 22),
        "y axis": (16, 18, 29, 32, 33),
        "z axis": (31, 35, 36, 37, 38),
        "lamp": (12,),
        "stop": (40,),
        "supply": (1, 2, 4, 17),
        "ground": RASPBERRY_PI.pins_of(GROUND),
    }.items():
        assert {fills[str(pin)] for pin in pins} == {fills[legend]}, legend
    assert len(set(fills.values())) == 8  # those seven, and what is free


@pytest.mark.parametrize("label", ["x EN ← GPIO 4", "x limit → GPIO 22", "GPIO 18 → lamp", "GPIO 12 ← y limit"])
def test_arrows_point_from_who_drives_a_wire(label: str) -> None:
    assert label in texts(load_profile(PI))


def test_an_en_pin_that_axes_share_is_one_wire() -> None:
    profile = changed(PI, axes__y__enable_pin=4, axes__z__enable_pin=4)
    assert cell(profile, "EN of", "joins") == "EN of the x, y and z drivers"
    assert "x EN, and of y and z ← GPIO 4" in texts(profile)


@pytest.mark.parametrize(
    ("joins", "column", "pi", "jetson"),
    [
        ("STEP of the z", "level", "a step at each rise", "a step at each rise"),
        ("DIR of the x", "level", "high = x grows", "high = x grows"),
        ("DIR of the z", "level", "low = z grows", "low = z grows"),
        ("EN of the x", "level", "low = on", "low = on"),
        ("EN of the x", "resistor", "10 kΩ to 3.3 V, to fit", "10 kΩ to 3.3 V, to fit"),
        ("EN of the x", "while the board boots", "pulled up", "as the pin multiplexer is set"),
        ("STEP of the x", "while the board boots", "pulled down", "as the pin multiplexer is set"),
        ("limit switch of x", "direction", "input", "input"),
        ("limit switch of x", "resistor", "pull-up inside the board", "10 kΩ to 3.3 V, to fit"),
        ("FAULT of the y", "level", "low = fault", "low = fault"),
        ("gate of", "direction", "output", "output"),
    ],
)
def test_what_the_table_says_of_a_wire(joins: str, column: str, pi: str, jetson: str) -> None:
    assert (cell(load_profile(PI), joins, column), cell(load_profile(JETSON), joins, column)) == (pi, jetson)


def test_switches_have_a_capacitor_a_fault_output_has_none_and_a_jetson_has_buffers() -> None:
    pi, jetson = load_profile(PI), load_profile(JETSON)
    assert "100 nF" in cell(pi, "limit switch of x", "needs")
    assert "100 nF" in cell(changed(PI, emergency_stop_pin=21), "second contact", "needs")
    assert "100 nF" not in cell(pi, "FAULT of the x", "needs")
    assert not any("buffer" in row[-1] for row in rows(pi))
    assert all("buffer" in row[-1] for row in rows(jetson) if row[3] in ("input", "output"))


def test_how_the_lamp_is_dimmed() -> None:
    assert "channel 2 of the PWM 1f00098000.pwm" in cell(load_profile(PI), "gate of", "needs")
    assert "by the GPIO library" in cell(changed(PI, lamp__pwm_chip=None), "gate of", "needs")


NO_STOP = "emergency_stop_pin: the profile has none"


@pytest.mark.parametrize(
    ("name", "values", "told"),
    [
        (PI, {"axes__x__step_pin": 30}, "axes.x.step_pin = 30: not on the 40-pin header.*its pin 30 is ground"),
        (PI, {"axes__x__step_pin": 36}, "step_pin = 36: not on.*if its pin 36 is meant, that is GPIO 16"),
        (PI, {"axes__x__step_pin": 112}, r"step_pin = 112: not on.*gpio_chip = \"tegra234-gpio\""),
        (JETSON, {"axes__x__step_pin": 11}, "step_pin = 11: not on.*if its pin 11 is meant, that is line 112"),
        (JETSON, {"axes__x__step_pin": 2}, "step_pin = 2: not on.*its pin 2 is 5 V"),
        (PI, {"axes__x__step_pin": 0}, "axes.x.step_pin = 0: also ID EEPROM"),
        (PI, {"axes__x__step_pin": 3}, "axes.x.step_pin = 3: also I2C"),
        (PI, {"axes__x__step_pin": 10}, "axes.x.step_pin = 10: also SPI"),
        (PI, {"axes__x__step_pin": 14}, "axes.x.step_pin = 14: also UART"),
        (PI, {"axes__x__enable_pin": 21}, "axes.x.enable_pin = 21: pulled down while the board boots.*4, 5 or 6"),
        (PI, {"lamp__pin": 7}, "lamp.pin = 7: pulled up while the board boots"),
        (PI, {"lamp__pin": 21}, "lamp.pin = 21: no PWM of the board comes out there; choose from 12, 13, 18, 19"),
        (PI, {"lamp__pwm_channel": 0}, "channel 0: does not come out at 18, which has 1f00098000.pwm, channel 2"),
        (JETSON, {"lamp__pwm_chip": "3280000.pwm"}, "3280000.pwm, channel 0: does not come out at 41"),
        (JETSON, {"hardware__pulls": "board"}, "hardware.pulls = .*fit one at each input"),
        (JETSON, {}, r"lines 112 \(UART1_RTS\), .*give them to GPIO"),
        (JETSON, {}, "EN on 122, 123, 53: what these lines do while the board boots is not known"),
        (PI, {}, rf"{NO_STOP}.* e.g. 21 \(header pin 40\)"),
    ],
)
def test_what_does_not_fit_is_told(name: str, values: dict[str, Any], told: str) -> None:
    found = warnings(changed(name, **values))
    assert any(re.search(told, each) for each in found), found


@pytest.mark.parametrize(
    "values",
    [
        {"emergency_stop_pin": 21},
        {"emergency_stop_pin": 21, "lamp__pwm_chip": "fe20c000.pwm", "lamp__pwm_channel": 0},  # a Pi 4
        {"emergency_stop_pin": 21, "lamp__pwm_chip": "pwmchip0", "lamp__pwm_channel": 5},  # nobody can tell
        {"emergency_stop_pin": 21, "lamp__pwm_chip": None},
        {"emergency_stop_pin": 21, "hardware__pulls": "external"},
    ],
)
def test_a_profile_that_fits_has_no_warning(values: dict[str, Any]) -> None:
    assert warnings(changed(PI, **values)) == []


def test_a_pin_that_is_not_on_the_header_stays_in_the_table() -> None:
    assert cell(changed(PI, axes__x__step_pin=112), "STEP of the x", "pin") == "not on the header"


def test_the_command_prints_the_table_and_warns_beside_it() -> None:
    result = wiring("--profile", PI, "--markdown")
    assert result.exit_code == 0
    assert result.stdout == markdown(load_profile(PI)) + "\n"
    assert result.stderr.startswith(f"warning: {NO_STOP}")
    plain = wiring("--profile", PI)
    assert plain.exit_code == 0
    assert "Raspberry Pi" in plain.stdout
    assert "|" not in plain.stdout


def test_the_diagram_is_written_whole_and_never_over_a_file(tmp_path: Path) -> None:
    there = tmp_path / "mine.svg"
    assert wiring("--profile", PI, "--svg", there).exit_code == 0
    assert there.read_text() == diagram(load_profile(PI))
    assert [each.name for each in tmp_path.iterdir()] == ["mine.svg"]
    there.write_text("precious")
    result = wiring("--profile", PI, "--svg", there)
    assert isinstance(result.exception, UsageError)
    assert "is there already" in str(result.exception)
    assert there.read_text() == "precious"
    assert result.stdout == ""


@pytest.mark.parametrize(("name", "told"), [("mine.png", "ending .svg"), ("no/mine.svg", "there is no folder")])
def test_a_diagram_that_cannot_be_written_is_refused(tmp_path: Path, name: str, told: str) -> None:
    result = wiring("--profile", PI, "--svg", tmp_path / name)
    assert isinstance(result.exception, UsageError)
    assert told in str(result.exception)


def test_a_profiles_name_cannot_break_the_diagram() -> None:
    name = 'a<b & "c"'
    assert name in texts(changed(PI, name=name))


@pytest.mark.parametrize(("name", "svg"), [(PI, "wiring-raspberry-pi.svg"), (JETSON, "wiring-jetson.svg")])
def test_the_page_holds_what_the_command_says(name: str, svg: str) -> None:
    page = (DOCS / "wiring.md").read_text()
    begin, end = f"<!-- wsi-host wiring --profile {name} --markdown -->\n", "<!-- end of wiring -->"
    command = f"wsi-host wiring --profile {name} --markdown"
    assert page.partition(begin)[2].partition(end)[0] == wiring("--profile", name, "--markdown").stdout, command
    assert (DOCS / svg).read_text() == diagram(load_profile(name)), f"wsi-host wiring --profile {name} --svg docs/{svg}"
    assert f"({svg})" in page


def test_the_pages_numbers_are_the_profiles() -> None:
    page, profile = (DOCS / "wiring.md").read_text(), load_profile(PI)
    x, z = profile.axes.x, profile.axes.z
    for said in (
        f"{x.steps_per_um:g} steps/um, up to {x.max_speed_um_s:g} um/s",
        f"{x.soft_max_um / 1000:g} x {profile.axes.y.soft_max_um / 1000:g} mm",
        f"{z.steps_per_um:g} steps/um ({1 / z.steps_per_um:g} um a step), up to {z.max_speed_um_s:g} um/s",
        f"{x.steps_per_um * x.max_speed_um_s:,.0f} (x, y) and {z.steps_per_um * z.max_speed_um_s:,.0f} (z)",
        f"high for {x.pulse_us:g} us, DIR {x.dir_setup_us:g} us before it",
        f"`takeup_um` ({x.takeup_um:g} um)",
        f"{profile.lamp.frequency_hz / 1000:g} kHz, duty {profile.lamp.duty:g}",
        f"exposure of {profile.camera.exposure_ms:g} ms then holds "
        f"{profile.camera.exposure_ms * profile.lamp.frequency_hz / 1000:g} periods",
        f"{profile.optics.depth_of_field_um:.2f} um at NA {profile.objective.na:g}",
        f"({profile.camera.pixel_um:g} um: ",
    ):
        assert said in page
    assert warnings(changed(PI, emergency_stop_pin=21)) == []
    assert not any("emergency_stop" in each for each in warnings(changed(JETSON, emergency_stop_pin=135)))
