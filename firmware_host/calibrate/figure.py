"""A measured value and how sure it is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """A value and its doubt: two standard errors of its repeats, or what a single one may be off by."""

    value: float
    doubt: float
