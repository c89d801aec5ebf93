"""The lessons that a run has seen come back as they were, whole, and with their teachers."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from firmware_host.errors import ScannerError, UsageError
from training.rehearsal import Rehearsal, Seen, joined

CPU = torch.device("cpu")
PARTS = ("texture", "move_dof", "optics", "shown_dof", "teacher")


def seen(number: int) -> Seen:
    """Two places of three pairs, of which two are shown; the second place is taught by the first."""
    generator = torch.Generator().manual_seed(number)

    def values(*shape: int) -> torch.Tensor:
        return torch.rand(shape, generator=generator)

    return Seen(20 * values(6, 5) - 20, values(6), values(6), values(2, 2), values(2, 2), torch.tensor([-1, 0]))


def same(one: Seen, other: Seen) -> bool:
    """Spectra are kept in half precision."""
    return torch.allclose(one.spectra, other.spectra, atol=0.01) and all(
        torch.equal(getattr(one, part), getattr(other, part)) for part in PARTS
    )


def test_lessons_come_back_and_none_twice(tmp_path: Path) -> None:
    rehearsal = Rehearsal(tmp_path / "runs/c.seen0", CPU, 0)
    for number in range(7):
        rehearsal.add(number, seen(number))
    for below in range(8):
        drawn = rehearsal.draw(4, below, np.random.default_rng(below))
        met = [number for lesson in drawn for number in range(below) if same(lesson, seen(number))]
        assert len(met) == len(set(met)) == len(drawn) == min(4, below)


def test_the_same_numbers_draw_the_same_lessons(tmp_path: Path) -> None:
    rehearsal = Rehearsal(tmp_path / "c.seen0", CPU, 0)
    for number in range(9):
        rehearsal.add(number, seen(number))
    once, again = (rehearsal.draw(3, 9, np.random.default_rng(5)) for _ in range(2))
    assert all(same(*pair) for pair in zip(once, again, strict=True))


def test_a_run_that_goes_on_writes_again_what_it_had_not_saved(tmp_path: Path) -> None:
    path = tmp_path / "c.seen0"
    first = Rehearsal(path, CPU, 0)
    for number in range(5):
        first.add(number, seen(number))
    second = Rehearsal(path, CPU, 3)
    second.add(3, seen(3))
    assert path.stat().st_size % 5 == 0
    drawn = second.draw(9, 4, np.random.default_rng(0))
    assert all(any(same(lesson, seen(number)) for lesson in drawn) for number in range(4))


def test_a_new_run_forgets_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "c.seen0"
    path.write_bytes(b"of another run" * 100)
    Rehearsal(path, CPU, 0)
    assert path.stat().st_size == 0


def test_a_file_that_lost_its_end_is_told(tmp_path: Path) -> None:
    path = tmp_path / "c.seen0"
    rehearsal = Rehearsal(path, CPU, 0)
    for number in range(3):
        rehearsal.add(number, seen(number))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(UsageError, match=r"c\.seen0: lesson 2 is missing; remove the \.run file, start again"):
        rehearsal.draw(3, 3, np.random.default_rng(0))


def test_a_disk_that_fills_up_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rehearsal = Rehearsal(tmp_path / "c.seen0", CPU, 0)
    rehearsal.add(0, seen(0))
    write = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda file, content, at: write(file, content[:-1], at))
    with pytest.raises(ScannerError, match=r"c\.seen0: lesson 1 was written in part; make room on the disk, resume"):
        rehearsal.add(1, seen(1))


def test_joined_lessons_keep_their_teachers() -> None:
    one, other = seen(1), seen(2)
    both = joined([one, other])
    assert both.teacher.tolist() == [-1, 0, -1, 2]
    assert torch.equal(both.spectra, torch.cat([one.spectra, other.spectra]))
    assert torch.equal(both.shown_dof, torch.cat([one.shown_dof, other.shown_dof]))
