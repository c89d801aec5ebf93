"""A script of faults: a TOML file with a table `[[fault]]` for each. Read once, checked here.

[[fault]]
kind = "frame-black"
at_s = 12.5
for_s = 0.4
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from firmware_host.errors import UsageError
from firmware_host.twin.faults.fault import Fault
from firmware_host.twin.faults.kinds import KINDS

_MOST = 10_000


def read_script(path: Path) -> tuple[Fault, ...]:
    """The faults of a file, in its order.

    :raises UsageError: it cannot be read, is no TOML, or an entry is not understood: which one, which key, and what is
        allowed.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"faults {path}: cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"faults {path}: not valid TOML: {error}") from error
    entries = data.pop("fault", None)
    if data:
        raise UsageError(f"faults {path}: {next(iter(data))!r} is not known; a script has tables [[fault]] alone")
    if not isinstance(entries, list) or not entries:
        raise UsageError(f"faults {path}: no table [[fault]]; see docs/faults.md")
    if len(entries) > _MOST:
        raise UsageError(f"faults {path}: {len(entries)} faults; {_MOST} at most")
    return tuple(_fault(entry, f"faults {path}: fault {number}") for number, entry in enumerate(entries, 1))


def script_text(faults: Iterable[Fault]) -> str:
    """A script that reads back as these faults."""
    return "\n".join(_table(fault) for fault in faults)


def _table(fault: Fault) -> str:
    values = {"kind": fault.kind} | fault.model_dump(exclude_none=True)
    lines = [f"{key} = {json.dumps(value)}" for key, value in values.items()]  # of numbers and words: TOML as well
    return "\n".join(["[[fault]]", *lines, ""])


def _fault(entry: Any, where: str) -> Fault:
    values = dict(entry) if isinstance(entry, dict) else {}
    kind = values.pop("kind", None)
    if not isinstance(kind, str) or kind not in KINDS:
        raise UsageError(f"{where}: kind = {kind!r} is not known; known are {', '.join(sorted(KINDS))}")
    try:
        return KINDS[kind].model_validate(values, strict=True)
    except ValidationError as error:
        raise UsageError(f"{where} ({kind}): {_problem(KINDS[kind], error)}") from error


def _problem(kind: type[Fault], error: ValidationError) -> str:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"][:1])
    match first["type"]:
        case "missing":
            return f"{key} is missing{_allowed(kind, key)}"
        case "extra_forbidden":
            return f"{key} is not a key of it; it has {', '.join(kind.model_fields) or 'none'}"
        case "value_error":
            return first["msg"].removeprefix("Value error, ")
    return f"{key} = {first['input']!r}: {first['msg'].lower()}{_allowed(kind, key)}"


def _allowed(kind: type[Fault], key: str) -> str:
    bounds = {
        name: getattr(rule, name)
        for rule in kind.model_fields[key].metadata
        for name in ("ge", "gt", "le")
        if getattr(rule, name, None) is not None
    }
    if "le" not in bounds:
        return ""
    low = f"above {bounds['gt']:g}" if "gt" in bounds else f"{bounds['ge']:g}"
    return f" (allowed: {low} to {bounds['le']:g})"
