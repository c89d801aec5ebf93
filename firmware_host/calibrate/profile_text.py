"""Changing values in the text of a profile so that its comments and layout stay. Pure functions of text."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import Any

from firmware_host.errors import UsageError

Value = float | int | bool

_HEADER = re.compile(r"^\s*\[\s*([^\[\]#]+?)\s*\]\s*(#.*)?$")


def with_values(text: str, values: Mapping[str, Value], where: str) -> str:
    """The text with some values changed; keys that are not there yet follow the last one of their table.

    :param values: by dotted key, such as `axes.x.steps_per_um`; :param where: names the profile in errors.
    :raises UsageError: a value stands where it cannot be changed alone (an inline table, a dotted key).
    """
    lines = text.splitlines(keepends=True)
    for key, value in values.items():
        table, _, name = key.rpartition(".")
        first, end = _body(lines, table, where)
        at = next((index for index in range(first, end) if _names(lines[index], name)), None)
        if at is not None:
            lines[at] = _with_value(lines[at], _written(value))
            continue
        last = max((index for index in range(first, end) if _is_entry(lines[index])), default=first - 1)
        newline = "\r\n" if lines[last].endswith("\r\n") else "\n"
        if not lines[last].endswith("\n"):
            lines[last] += newline
        lines.insert(last + 1, f"{name} = {_written(value)}{newline}")
    changed = "".join(lines)
    _check(text, changed, values, where)
    return changed


def _body(lines: list[str], table: str, where: str) -> tuple[int, int]:
    """First line after a table's header, and the line after its last."""
    headers = [(index, found.group(1)) for index, line in enumerate(lines) if (found := _HEADER.match(line))]
    starts = [index for index, name in headers if re.sub(r"\s", "", name) == table]
    if len(starts) != 1:
        raise UsageError(f"profile {where}: it has no table [{table}] of its own; write its keys below such a line")
    ends = [index for index, line in enumerate(lines) if index > starts[0] and line.lstrip().startswith("[")]
    return starts[0] + 1, ends[0] if ends else len(lines)


def _names(line: str, name: str) -> bool:
    return re.match(rf"^\s*{re.escape(name)}\s*=", line) is not None


def _is_entry(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _with_value(line: str, value: str) -> str:
    """The line with another value; a comment behind it stays in its column where there is room."""
    found = re.match(r"^(\s*[\w-]+\s*=\s*)([^#\r\n]*?)(\s*)(#[^\r\n]*)?(\r?\n?)$", line)
    if found is None:
        return line
    begin, old, space, comment, newline = found.groups()
    if comment is None:
        return f"{begin}{value}{space}{newline}"
    room = len(old) + len(space) - len(value)
    return f"{begin}{value}{' ' * max(room, 1)}{comment}{newline}"


def _written(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value)


def _check(before: str, after: str, values: Mapping[str, Value], where: str) -> None:
    """Read back, the text holds the new values and nothing else has changed."""
    wanted = tomllib.loads(before)
    for key, value in values.items():
        *path, name = key.split(".")
        table: Any = wanted
        for part in path:
            table = table.setdefault(part, {})
        table[name] = value
    try:
        done = tomllib.loads(after)
    except tomllib.TOMLDecodeError:
        done = None
    if done != wanted:
        raise UsageError(
            f"profile {where}: its values cannot be changed in place; write each on a line of its own below its "
            "table's line, as in the shipped profiles"
        )
