"""What is wrong, or wants attention, in how a profile uses its board's header. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from firmware_host.profile import Profile
from firmware_host.profile_tables import LampTable
from firmware_host.wiring.header import Header, Line, header_of
from firmware_host.wiring.signals import Signal, signals

_JETSON_IO = "sudo /opt/nvidia/jetson-io/jetson-io.py, or a device tree overlay (JetPack 6)"
_FUNCTIONS = {
    "ID EEPROM": "the board reads an add-on board's memory there while it boots",
    "I2C": "1.8 kΩ on the board pull it up, and dtparam=i2c_arm=on takes it",
    "SPI": "dtparam=spi=on takes it",
    "UART": "a serial console speaks there, unless raspi-config has it switched off",
}


def warnings(profile: Profile) -> list[str]:
    """One line each: the key and its number, what is the matter, and what to do."""
    header = header_of(profile.hardware)
    used = signals(profile)
    found = [text for signal in used for text in _of(signal, header)]
    found += _multiplexed(used, header)
    found += _unknown_at_boot(used, header)
    found += _pwm(profile.lamp, header)
    if profile.hardware.pulls == "board" and not header.has_pulls:
        found.append(
            f'hardware.pulls = "board": software does not switch the pull-ups of a {header.board}; fit one at each '
            'input, and set "external"'
        )
    if profile.emergency_stop_pin is None:
        free = _free(used, header)
        where = f", e.g. {free.number} (header pin {free.pin})" if free is not None else ""
        found.append(
            "emergency_stop_pin: the profile has none; join the stop's second contact to a free pin, and name that "
            f"one{where}"
        )
    return found


def _of(signal: Signal, header: Header) -> Iterator[str]:
    where = f"{signal.key} = {signal.number}"
    line = header.lines.get(signal.number)
    if line is None:
        yield f"{where}: not on the 40-pin header of a {header.board}{_mistaken(signal.number, header)}"
        return
    if header.has_pulls and line.function:
        yield f"{where}: also {line.function}: {_FUNCTIONS[line.function]}; better choose another pin"
    if line.at_boot == "down" and signal.key.endswith("enable_pin"):
        yield (
            f"{where}: pulled down while the board boots, so that its resistor alone keeps the driver off; better "
            f"choose {_pulled_up(header)}"
        )
    if line.at_boot == "up" and signal.key == "lamp.pin":
        yield f"{where}: pulled up while the board boots: the lamp would be on; choose from 9 to 27"


def _mistaken(number: int, header: Header) -> str:
    """A number that is none of the lines may be that of a header pin, or of another board's line."""
    pins = {line.pin: line.number for line in header.lines.values()}
    if number in header.fixed:
        return f"; its pin {number} is {header.fixed[number]}; profiles count by {header.numbers}, not by header pin"
    if number in pins:
        return f"; if its pin {number} is meant, that is {header.numbers} {pins[number]}"
    return '; on a Jetson set hardware.gpio_chip = "tegra234-gpio"' if header.has_pulls else ""


def _multiplexed(used: list[Signal], header: Header) -> Iterator[str]:
    """A Jetson's lines are GPIO only where its pin multiplexer says so, which the kernel does not check."""
    if header.has_pulls:
        return
    others = [
        f"{line.number} ({line.function})"
        for signal in used
        if (line := header.lines.get(signal.number)) is not None and line.function
    ]
    if others:
        yield f"lines {', '.join(others)} may be given to that function: give them to GPIO: {_JETSON_IO}"


def _unknown_at_boot(used: list[Signal], header: Header) -> Iterator[str]:
    lines = [header.lines.get(signal.number) for signal in used if signal.key.endswith("enable_pin")]
    enables = [str(line.number) for line in lines if line is not None and line.at_boot is None]
    if enables:
        yield (
            f"EN on {', '.join(enables)}: what these lines do while the board boots is not known, and drivers may be "
            "on: switch the motors' supply on only when it has booted"
        )


def _pwm(lamp: LampTable, header: Header) -> Iterator[str]:
    line = header.lines.get(lamp.pin)
    if lamp.pwm_chip is None or line is None:
        return
    reached = {each.number: each.pwm for each in header.lines.values() if each.pwm}
    chips = {chip for channels in reached.values() for chip in channels}
    if line.pwm is None:
        yield f"lamp.pin = {lamp.pin}: no PWM of the board comes out there; choose from {', '.join(map(str, reached))}"
    elif lamp.pwm_chip in chips and line.pwm.get(lamp.pwm_chip) != lamp.pwm_channel:
        right = " or ".join(f"{chip}, channel {channel}" for chip, channel in line.pwm.items())
        yield (
            f"lamp.pwm_chip = {lamp.pwm_chip}, channel {lamp.pwm_channel}: does not come out at {lamp.pin}, which has "
            f"{right}"
        )


def _free(used: list[Signal], header: Header) -> Line | None:
    """The first line in the order of the header that nothing uses, rather one that is for nothing else."""
    taken = {signal.number for signal in used}
    lines = [line for line in header.lines.values() if line.number not in taken]
    return min(lines, key=lambda line: (bool(line.function), line.pin), default=None)


def _pulled_up(header: Header) -> str:
    fit = [str(number) for number, line in sorted(header.lines.items()) if line.at_boot == "up" and not line.function]
    return f"{', '.join(fit[:-1])} or {fit[-1]}"
