"""The journal: what is read back is what was written, whatever the disk and the power did to its end."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_host.disk import LocalDisk
from firmware_host.errors import UsageError
from firmware_host.scan.journal import SCHEMA, Journal, read_journal


def written(path: Path, count: int, past: int = 0) -> Journal:
    journal = Journal(path, LocalDisk(), read_journal(path) if path.exists() else None)
    for number in range(past, past + count):
        journal.append("field", row=number, where=f"tile {number}")
    return journal


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    written(tmp_path / "journal", 5)
    past = read_journal(tmp_path / "journal")
    assert [entry.number for entry in past.entries] == [0, 1, 2, 3, 4]
    assert [values["row"] for values in past.of("field")] == [0, 1, 2, 3, 4]
    assert past.entries[0].values["schema"] == SCHEMA
    assert past.of("other") == []


@settings(max_examples=100, deadline=None)
@given(cut=st.integers(0, 400), rest=st.binary(max_size=200))
def test_cut_anywhere_the_lines_before_are_kept_and_it_goes_on(
    tmp_path_factory: pytest.TempPathFactory, cut: int, rest: bytes
) -> None:
    """Whatever a power cut leaves after the last whole line: it does not count, and does not stay."""
    path = tmp_path_factory.mktemp("journals") / "journal"
    written(path, 5)
    content = path.read_bytes()
    kept = content[: min(cut, len(content))]
    path.write_bytes(kept + rest)
    whole = 0
    for line in content.splitlines(keepends=True):
        if not (kept + rest).startswith(b"".join(content.splitlines(keepends=True)[:whole]) + line):
            break
        whole += 1
    assert len(read_journal(path).entries) == whole
    written(path, 2, past=whole)
    assert [entry.values["row"] for entry in read_journal(path).entries] == list(range(whole + 2))
    assert path.read_bytes().startswith(content[: content.find(b"\n") + 1] if whole else b"")


class Faltering(LocalDisk):
    """Fails every other time, with part of it written."""

    def __init__(self) -> None:
        self.calls = 0

    def append(self, path: Path, content: bytes) -> None:
        self.calls += 1
        if self.calls % 2:
            with path.open("ab") as file:
                file.write(content[: len(content) // 2])
            raise OSError(errno.EIO, "Input/output error")
        super().append(path, content)


def test_what_a_failed_write_leaves_is_gone_when_it_is_tried_again(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal", Faltering())
    for number in range(6):
        with pytest.raises(OSError, match="Input/output"):
            journal.append("field", row=number)
        journal.append("field", row=number)
    past = read_journal(tmp_path / "journal")
    assert [values["row"] for values in past.of("field")] == list(range(6))
    assert past.whole_bytes == (tmp_path / "journal").stat().st_size


@pytest.mark.parametrize("line", range(4))
@pytest.mark.parametrize("damage", ["changed", "missing", "twice"])
def test_damage_before_the_last_line_is_refused(tmp_path: Path, line: int, damage: str) -> None:
    path = tmp_path / "journal"
    written(path, 5)
    lines = path.read_bytes().splitlines(keepends=True)
    if damage == "changed":
        lines[line] = lines[line].replace(b"tile", b"tale")
    elif damage == "missing":
        del lines[line]
    else:
        lines.insert(line, lines[line])
    path.write_bytes(b"".join(lines))
    with pytest.raises(UsageError, match="is damaged, and whole ones follow"):
        read_journal(path)


def test_numbers_that_are_no_numbers_are_not_written(tmp_path: Path) -> None:
    journal = written(tmp_path / "journal", 1)
    with pytest.raises(ValueError, match="Out of range float"):
        journal.append("field", z_um=float("nan"))
    journal.append("field", row=1)
    assert len(read_journal(tmp_path / "journal").entries) == 2


def test_a_journal_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: No such file or directory; is this the folder of a scan"):
        read_journal(tmp_path / "journal")
