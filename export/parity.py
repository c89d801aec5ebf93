"""How far apart two runtimes of one network are, in micrometres: the votes of the same fields, compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from firmware_host.errors import ScannerError
from training.evaluate import Judged


@dataclass(frozen=True)
class Parity:
    """A runtime against the reference, over fields that both answered.

    :param error_um: mean absolute error against the truth; :param growth_um: that, less the reference's.
    :param mean_um, p99_um, max_um: of the absolute differences between the two answers.
    """

    fields: int
    error_um: float
    growth_um: float
    mean_um: float
    p99_um: float
    max_um: float


def parity(reference: Sequence[Judged], other: Sequence[Judged]) -> Parity:
    """:raises ScannerError: one of the two holds a field blank that the other answers, or all fields are blank."""
    answers = []
    for known, new in zip(reference, other, strict=True):
        if (known.error_um is None) != (new.error_um is None):
            raise ScannerError(f"verify: a field of {known.field.stack} is blank for one of the runtimes alone")
        if known.error_um is not None:
            answers.append((known.error_um, new.error_um))
    if not answers:
        raise ScannerError("verify: all fields are blank; use stacks with something to see")
    errors = np.array(answers, np.float64)
    difference = np.abs(errors[:, 1] - errors[:, 0])
    error_um, known_um = (float(np.abs(errors[:, at]).mean()) for at in (1, 0))
    return Parity(
        fields=len(errors),
        error_um=error_um,
        growth_um=error_um - known_um,
        mean_um=float(difference.mean()),
        p99_um=float(np.percentile(difference, 99)),
        max_um=float(difference.max()),
    )


def parity_by_defocus(reference: Sequence[Judged], other: Sequence[Judged]) -> dict[int, Parity]:
    """The same for the fields of each true move, rounded to whole depths of field."""
    bins: dict[int, list[int]] = {}
    for number, judged in enumerate(reference):
        if judged.error_um is not None:
            move_dof = judged.field.move_um / judged.field.optics.depth_of_field_um
            bins.setdefault(round(move_dof), []).append(number)
    return {
        move: parity([reference[at] for at in bins[move]], [other[at] for at in bins[move]]) for move in sorted(bins)
    }
