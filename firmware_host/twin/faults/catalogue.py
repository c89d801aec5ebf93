"""All kinds of faults as a table, for docs/faults.md."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

from pydantic.fields import FieldInfo

from firmware_host.twin.faults.fault import Counted, Fault, Lasting, Timed
from firmware_host.twin.faults.kinds import KINDS, SlideFault


def catalogue() -> Iterator[tuple[str, str, str, str]]:
    """(kind, what happens in the machine, when and for how long, its other keys with ranges and defaults) of each."""
    for kind, made in KINDS.items():
        shared = next((base for base in (Counted, Lasting, Timed) if issubclass(made, base)), Fault).model_fields
        keys = [_key(name, field) for name, field in made.model_fields.items() if name not in shared]
        yield kind, (made.__doc__ or "").strip(), _when(made), "; ".join(keys)


def table() -> str:
    """All kinds as Markdown."""
    rows = [("kind", "what happens", "when", "its other keys"), ("---",) * 4, *catalogue()]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _when(made: type[Fault]) -> str:
    if issubclass(made, Counted):
        span = f"`for_s` or `times`, else {'for ever' if made.lasts else 'once'}"
        return f"`at_s`, or `at_count` ({made.counts}s); {span}"
    if issubclass(made, Lasting):
        return "`at_s`; `for_s`, else for ever"
    if issubclass(made, SlideFault):
        return "from the beginning"
    return "`at_s`"


def _key(name: str, field: FieldInfo) -> str:
    told = f"`{name}`{_range(field)}"
    if field.default is not None and not field.is_required():
        told += f" = {field.default if isinstance(field.default, str) else format(field.default, 'g')}"
    return told + (f": {field.description}" if field.description else "")


def _range(field: FieldInfo) -> str:
    words = [each for each in get_args(field.annotation) if isinstance(each, str)]
    if words:
        return f" ({', '.join(words)})"
    bounds: dict[str, Any] = {
        name: getattr(rule, name) for rule in field.metadata for name in ("ge", "gt", "le") if hasattr(rule, name)
    }
    return f" ({bounds.get('ge', bounds.get('gt')):g} to {bounds['le']:g})"
