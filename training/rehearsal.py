"""What a run has seen so far, kept in a file so that it can be judged again.

Most of a lesson's time goes into drawing its frames and taking their spectra, while the part that judges spectra wants
to be asked far more often than lessons can be drawn. No weight changes the spectra of a pair, so those of every lesson
are kept, and each step asks about some earlier lessons again. Record k is lesson k's, a function of the seed: a run
that was stopped goes on with its file, and writes again what it had written after its last save.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from firmware_host.errors import ScannerError, UsageError


@dataclass(frozen=True)
class Seen:
    """Lessons as the network sees them: N pairs, place by place, equally many of each.

    :param spectra: (N, features), as `RadialSpectra` gives them; :param texture: (N,); :param move_dof: (N,) answers.
    :param optics, shown_dof, teacher: of each place, see `training.lessons.Lesson`.
    """

    spectra: Tensor
    texture: Tensor
    move_dof: Tensor
    optics: Tensor
    shown_dof: Tensor
    teacher: Tensor


def joined(lessons: Sequence[Seen]) -> Seen:
    """Several lessons as one; the teachers are numbered on."""
    parts = {each.name: torch.cat([getattr(lesson, each.name) for lesson in lessons]) for each in fields(Seen)}
    starts = np.cumsum([0, *(len(lesson.teacher) for lesson in lessons[:-1])]).tolist()
    numbered = [
        torch.where(lesson.teacher >= 0, lesson.teacher + start, lesson.teacher)
        for lesson, start in zip(lessons, starts, strict=True)
    ]
    return Seen(**{**parts, "teacher": torch.cat(numbered)})


class Rehearsal:
    """The lessons of one process's run, on disk: spectra in half precision, some 60 kB a lesson of 240 pairs.

    :param path: the file; :param device: where lessons are wanted.
    :param done: lessons that a run which goes on has learnt from; 0 starts a new file.
    :raises UsageError: a run goes on, and its file is missing or too short.
    """

    def __init__(self, path: Path, device: torch.device, done: int) -> None:
        self._path = path
        self._device = device
        self._record: np.dtype[np.void] | None = None
        if done == 0:
            path.parent.mkdir(parents=True, exist_ok=True)
        elif not path.exists():
            raise UsageError(f"run {path}: the lessons that it has seen are missing; remove the .run file, start again")
        self._file = path.open("r+b" if done else "w+b", buffering=0)

    def add(self, number: int, seen: Seen) -> None:
        """Keep lesson `number`.

        :raises ScannerError: the disk is full.
        """
        arrays = {each.name: getattr(seen, each.name).cpu().numpy() for each in fields(Seen)}
        arrays["spectra"] = arrays["spectra"].astype(np.float16)
        if self._record is None:
            self._record = np.dtype([(name, array.dtype, array.shape) for name, array in arrays.items()])
        record = np.zeros((), self._record)
        for name, array in arrays.items():
            record[name] = array
        if os.pwrite(self._file.fileno(), record.tobytes(), number * record.nbytes) < record.nbytes:
            raise ScannerError(f"run {self._path}: lesson {number} was written in part; make room on the disk, resume")

    def draw(self, count: int, below: int, rng: np.random.Generator) -> list[Seen]:
        """`count` different ones of the lessons below that number, or all of them when they are fewer.

        :raises UsageError: the file does not hold one of them.
        """
        assert self._record is not None
        chosen = rng.choice(below, min(count, below), replace=False).tolist() if below else []
        return [self._read(number, self._record) for number in chosen]

    def keep(self) -> None:
        """Put what was written on the disk."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()

    def _read(self, number: int, record: np.dtype[np.void]) -> Seen:
        size = record.itemsize
        content = os.pread(self._file.fileno(), size, number * size)
        if len(content) < size:
            raise UsageError(f"run {self._path}: lesson {number} is missing; remove the .run file, start again")
        lesson = np.frombuffer(content, record)[0]
        arrays = {each.name: torch.from_numpy(np.array(lesson[each.name])).to(self._device) for each in fields(Seen)}
        return Seen(**{**arrays, "spectra": arrays["spectra"].float()})
