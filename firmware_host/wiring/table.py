"""The wiring of a profile as a table: its cells, and those as Markdown. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from firmware_host.profile import Profile
from firmware_host.wiring.header import GROUND, Header, header_of
from firmware_host.wiring.signals import signals

_NOTHING = "–"


def title(profile: Profile) -> str:
    """Whose wiring, and on which board."""
    return f"{profile.name}, {header_of(profile.hardware).board}"


def columns(profile: Profile) -> tuple[str, ...]:
    numbers = header_of(profile.hardware).numbers
    return ("joins", numbers, "pin", "direction", "level", "resistor", "while the board boots", "needs")


def rows(profile: Profile) -> list[tuple[str, ...]]:
    """One a signal, as long as `columns`; then the logic supply and ground."""
    header = header_of(profile.hardware)
    found: list[tuple[str, ...]] = []
    for signal in signals(profile):
        line = header.lines.get(signal.number)
        pin, at_boot = ("not on the header", _NOTHING) if line is None else (str(line.pin), _at_boot(line.at_boot))
        found.append(
            (
                signal.joins,
                str(signal.number),
                pin,
                signal.direction,
                signal.level,
                signal.resistor,
                at_boot,
                signal.needs or _NOTHING,
            )
        )
    found.append(_supply(header, "3.3 V", "logic of drivers that ask for a supply, and pull-ups", _NOTHING))
    found.append(_supply(header, GROUND, "ground of drivers, switches and lamp", "all grounds joined"))
    return found


def markdown(profile: Profile) -> str:
    """The table as Markdown, without a line break at its end."""
    head = columns(profile)
    lines = [head, tuple("---" for _ in head), *rows(profile)]
    return "\n".join(_markdown_row(cells) for cells in lines)


def _markdown_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _supply(header: Header, name: str, joins: str, needs: str) -> tuple[str, ...]:
    pins = ", ".join(map(str, header.pins_of(name)))
    return (joins, _NOTHING, pins, name, _NOTHING, _NOTHING, _NOTHING, needs)


def _at_boot(pulled: str | None) -> str:
    return "as the pin multiplexer is set" if pulled is None else f"pulled {pulled}"
