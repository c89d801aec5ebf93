"""The table of what can happen: the docs print it, and the code says nothing else."""

from __future__ import annotations

import ast
import functools
from pathlib import Path

import pytest

from firmware_host import incidents
from firmware_host.incidents import RESPONSES, Incident
from firmware_host.twin.faults import catalogue
from firmware_host.twin.faults.draw import RANGES
from firmware_host.twin.faults.kinds import KINDS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "faults.md").read_text()


def test_the_page_has_the_table_of_responses() -> None:
    assert incidents.table() in PAGE, "put the output of firmware_host.incidents.table() there"


def test_the_page_has_the_table_of_the_twin_s_faults() -> None:
    assert catalogue.table() in PAGE, "put the output of firmware_host.twin.faults.catalogue.table() there"


def test_every_kind_of_fault_can_be_drawn() -> None:
    assert set(RANGES) == set(KINDS)


@functools.cache
def words_in_code() -> set[str]:
    """All string constants of the host, the table's own excepted."""
    found = set()
    for path in (ROOT / "firmware_host").rglob("*.py"):
        if path.name == "incidents.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
    return found


@pytest.mark.parametrize("cause", RESPONSES)
def test_each_cause_is_named_somewhere_in_the_code(cause: str) -> None:
    assert cause in words_in_code()


def test_what_is_not_in_the_table_cannot_be_said() -> None:
    with pytest.raises(KeyError):
        Incident("gremlins", "seen on the stage")


def test_cells_do_not_break_the_table() -> None:
    for cause, response in RESPONSES.items():
        for cell in (cause, response.noticed, response.done, response.seen):
            assert cell.strip() == cell
            assert cell
            assert "|" not in cell
            assert "\n" not in cell
