"""The wiring of a profile as a picture: the header's two columns of pins, with what goes to each. SVG text, pure."""

from __future__ import annotations

from html import escape

from firmware_host.profile import Profile
from firmware_host.wiring.header import GROUND, Header, header_of
from firmware_host.wiring.signals import Group, Signal, signals
from firmware_host.wiring.table import title

WIDTH = 760
_TOP, _PITCH, _PIN = 76, 30, 26
_LEFT_PIN, _RIGHT_PIN = WIDTH / 2 - 17, WIDTH / 2 + 17  # centres of the two columns
_LEGEND = _TOP + 20 * _PITCH + 24
_HEIGHT = _LEGEND + 36
_COLOURS: dict[Group, str] = {"x": "#2b6cb0", "y": "#2f855a", "z": "#6b46c1", "lamp": "#b7791f", "safety": "#c53030"}
_NAMES: dict[Group, str] = {"x": "x axis", "y": "y axis", "z": "z axis", "lamp": "lamp", "safety": "stop"}
_SUPPLY_COLOUR, _GROUND_COLOUR = "#d53f8c", "#4a5568"
_STYLE = (
    "svg{--faint:#8492a6;--ink:#1a202c;--paper:#fff;--body:#e2e8f0;font:14px sans-serif}"
    "@media(prefers-color-scheme:dark)"
    "{svg{--ink:#e2e8f0;--paper:#161b22;--body:#2d3748}}"
    "text{fill:var(--ink)}.faint,.board{fill:var(--faint)}.board{text-anchor:middle}.pin{fill:#fff;font-size:12px;text-anchor:middle}"
    ".title{font-size:16px;font-weight:bold;text-anchor:middle}.name{font-weight:bold}"
)


def diagram(profile: Profile) -> str:
    """A whole SVG file, `WIDTH` pixels wide."""
    header = header_of(profile.hardware)
    used = {line.pin: signal for signal in signals(profile) if (line := header.lines.get(signal.number)) is not None}
    parts = [
        f'<rect width="{WIDTH}" height="{_HEIGHT}" rx="8" fill="var(--paper)"/>',
        f'<text class="title" x="{WIDTH / 2:g}" y="32">{escape(profile.name)}</text>',
        f'<text class="board" x="{WIDTH / 2:g}" y="54">{header.board}, 40-pin header, seen from above</text>',
        f'<rect x="{_LEFT_PIN - 19:g}" y="{_TOP - 4}" width="{_RIGHT_PIN - _LEFT_PIN + 38:g}" '
        f'height="{20 * _PITCH + 4}" rx="5" fill="var(--body)"/>',
        *(_pin(pin, header, used.get(pin)) for pin in range(1, 41)),
        _legend([group for group in _COLOURS if any(signal.group == group for signal in used.values())]),
    ]
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {_HEIGHT}" width="{WIDTH}" '
        f'height="{_HEIGHT}" role="img" aria-label="Wiring of {escape(title(profile), quote=True)}">\n'
        f"<style>{_STYLE}</style>\n{body}\n</svg>\n"
    )


def _pin(pin: int, header: Header, signal: Signal | None) -> str:
    """One pin, its number, and its label to the outside."""
    is_left = pin % 2 == 1
    x, y = _LEFT_PIN if is_left else _RIGHT_PIN, _TOP + (pin - 1) // 2 * _PITCH + _PITCH / 2 - 2
    colour = _colour(pin, header, signal)
    corner = 2 if pin == 1 else _PIN / 2
    number_style = "" if colour else ' style="fill:var(--faint)"'
    side = -1 if is_left else 1
    wire, reach = "", 26
    if signal is not None:
        wire, reach = f'<path d="M{x + side * 20:g} {y:g}h{side * 26}" stroke="{colour}" stroke-width="3"/>', 52
    return (
        f'<rect x="{x - _PIN / 2:g}" y="{y - _PIN / 2:g}" width="{_PIN}" height="{_PIN}" rx="{corner:g}" '
        f'fill="{colour or "var(--paper)"}"/>'
        f'<text class="pin" x="{x:g}" y="{y + 4:g}"{number_style}>{pin}</text>{wire}'
        f'<text x="{x + side * reach:g}" y="{y + 5:g}" '
        f'text-anchor="{"end" if is_left else "start"}">{_label(pin, header, signal, is_left)}</text>'
    )


def _colour(pin: int, header: Header, signal: Signal | None) -> str:
    """Empty where nothing goes."""
    if signal is not None:
        return _COLOURS[signal.group]
    if header.fixed.get(pin) == GROUND:
        return _GROUND_COLOUR
    return _SUPPLY_COLOUR if header.fixed.get(pin, "").endswith(" V") else ""


def _label(pin: int, header: Header, signal: Signal | None, is_left: bool) -> str:
    if pin in header.fixed:
        return header.fixed[pin] if _colour(pin, header, None) else f'<tspan class="faint">{header.fixed[pin]}</tspan>'
    line = next(line for line in header.lines.values() if line.pin == pin)
    if signal is None:
        other = f", {line.function}" if line.function else ""
        return f'<tspan class="faint">{header.numbers} {line.number}{other}</tspan>'
    number = f'<tspan class="faint">{header.numbers} {line.number}</tspan>'
    arrow = "←" if (signal.direction == "output") == is_left else "→"
    name = f'<tspan class="name">{escape(signal.short)}</tspan>'
    parts = [name, arrow, number]
    return " ".join(parts if is_left else parts[::-1])


def _legend(groups: list[Group]) -> str:
    entries = [(_NAMES[group], _COLOURS[group]) for group in groups]
    entries += [("supply", _SUPPLY_COLOUR), ("ground", _GROUND_COLOUR), ("free, or a bus", "var(--paper)")]
    width = (WIDTH - 40) / len(entries)
    return "".join(
        f'<rect x="{24 + index * width:g}" y="{_LEGEND}" width="14" height="14" rx="3" fill="{colour}" '
        f'stroke="{"var(--faint)" if colour.startswith("var") else colour}"/>'
        f'<text x="{43 + index * width:g}" y="{_LEGEND + 12}" style="font-size:12px">{escape(name)}</text>'
        for index, (name, colour) in enumerate(entries)
    )
