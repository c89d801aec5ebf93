"""Results as a file: a list of rows beside the environment they were measured in."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.measure import Row
from firmware_host.errors import UsageError
from firmware_host.whole_file import write_whole

SCHEMA = 1


@dataclass(frozen=True)
class Results:
    """A run, read back."""

    environment: dict[str, str | int | None]
    rows: list[Row]

    @property
    def where(self) -> str:
        """The board, or the processor where the board has no name of its own."""
        return str(self.environment.get("processor") or self.environment.get("machine"))


def write_results(path: Path, environment: dict[str, str | int | None], rows: Sequence[Row]) -> None:
    """Write a run whole."""
    content = {"schema": SCHEMA, "environment": environment, "results": [asdict(row) for row in rows]}
    write_whole(path, json.dumps(content, indent=1).encode())


def read_results(path: Path) -> Results:
    """:raises UsageError: not a file of results, or of another version; which file, and what to do."""
    try:
        content = json.loads(path.read_text())
        schema = content["schema"]
        if schema != SCHEMA:
            raise UsageError(f"results {path}: schema {schema}, this version reads {SCHEMA}; measure again")
        return Results(content["environment"], [Row(**row) for row in content["results"]])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"results {path}: not written by wsi-bench run --json: {error}") from error
