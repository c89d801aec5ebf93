"""Random scripts: the same seed gives the same faults, with parameters as they are met at the bench."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from firmware_host.errors import UsageError
from firmware_host.profile_tables import AXES
from firmware_host.twin.faults.fault import Counted, Fault, Timed
from firmware_host.twin.faults.kinds import KINDS, LostSteps, PlacedFault, StuckLimitSwitch

Range = tuple[float, float] | tuple[int, int] | list[str]
"""Evenly between two numbers, by their logarithm where a decade apart, whole if both are; or a word of some."""

_AXES: list[str] = list(AXES)
_FEW = (1, 4)
_TURN_DEG = (-90.0, 90.0)

RANGES: Mapping[str, Mapping[str, Range]] = {
    "frame-dropped": {"times": _FEW},
    "frame-stale": {"age": (1, 5), "stamp": ["old", "fresh"], "times": _FEW},
    "frame-corrupt": {"how": ["blocks", "rows"], "share": (0.02, 0.6), "times": _FEW},
    "frame-half": {"share": (0.2, 0.8), "rest": ["black", "before"], "times": _FEW},
    "frame-black": {"times": _FEW},
    "camera-blocks": {},
    "camera-lost": {"for_s": (1.0, 60.0)},
    "lost-steps": {"axis": _AXES, "steps": (8, 400)},
    "stuck-limit-switch": {"axis": _AXES, "reads": ["open", "closed"]},
    "limit-hit": {"axis": _AXES, "into_ms": (1.0, 100.0), "for_s": (0.05, 2.0)},
    "driver-over-temperature": {"axis": _AXES, "for_s": (5.0, 60.0)},
    "z-slips": {"um": (1.0, 60.0)},
    "drift": {"um_per_min": (-30.0, 30.0), "for_s": (10.0, 120.0)},
    "vibration": {"axis": _AXES, "um": (0.2, 4.0), "hz": (5.0, 120.0), "for_s": (2.0, 30.0)},
    "lamp-fails": {"for_s": (1.0, 120.0)},
    "lamp-flickers": {"share": (0.1, 0.8), "for_s": (2.0, 30.0)},
    "lamp-dims": {"share": (0.2, 0.8)},
    "blank-slide": {},
    "bubble": {"radius_um": (60.0, 400.0), "height_um": (3.0, 15.0)},
    "fold": {"angle_deg": _TURN_DEG, "width_um": (20.0, 150.0), "up_um": (1.0, 6.0)},
    "pen-mark": {
        "angle_deg": _TURN_DEG,
        "length_um": (300.0, 3000.0),
        "width_um": (150.0, 800.0),
        "height_um": (100.0, 130.0),
        "colour": ["black", "blue", "green", "red"],
    },
    "coverslip-dirt": {"radius_um": (100.0, 600.0), "height_um": (3.0, 130.0), "specks_per_mm2": (100.0, 2000.0)},
    "disk-full": {"for_s": (5.0, 120.0)},
    "disk-read-only": {},
    "disk-error": {"times": _FEW},
    "disk-slow": {"by_s": (0.2, 5.0), "for_s": (5.0, 60.0)},
    "clock-jump": {"by_s": (1.0, 600.0)},
    "memory-low": {"available_mb": (5.0, 200.0), "for_s": (10.0, 120.0)},
    "inference-error": {"times": _FEW},
    "inference-nan": {"answer": ["refused", "nonsense"], "times": _FEW},
    "inference-stall": {"by_s": (1.0, 60.0), "times": (1, 3)},
}
"""By kind. Where a parameter is not among them, its default holds; when and where, `Chances` says."""


@dataclass(frozen=True)
class Chances:
    """What a script is drawn from.

    :param kinds: names; each fault is one of them. :param count: how many faults.
    :param within_s: the first and the last time of a fault, s since the scanner is opened.
    :param region_um: (x0, y0, x1, y1) of the stage, where faults of the slide lie.
    """

    kinds: Sequence[str]
    count: int
    within_s: tuple[float, float]
    region_um: tuple[float, float, float, float]


def draw_script(seed: int, chances: Chances) -> tuple[Fault, ...]:
    """:raises UsageError: a kind is not known."""
    for kind in chances.kinds:
        if kind not in KINDS:
            raise UsageError(f"faults: kind {kind!r} is not known; known are {', '.join(sorted(KINDS))}")
    rng = np.random.default_rng([seed, 53])
    return tuple(_draw(rng, str(rng.choice(list(chances.kinds))), chances) for _ in range(chances.count))


def _draw(rng: np.random.Generator, kind: str, chances: Chances) -> Fault:
    made = KINDS[kind]
    values: dict[str, Any] = {key: _value(rng, within) for key, within in RANGES[kind].items()}
    if issubclass(made, Timed | Counted | LostSteps):
        values["at_s"] = _rounded(rng.uniform(*chances.within_s), 6)
    if issubclass(made, PlacedFault):
        x0, y0, x1, y1 = chances.region_um
        values |= {"x_um": _rounded(rng.uniform(x0, x1), 6), "y_um": _rounded(rng.uniform(y0, y1), 6)}
    if made is StuckLimitSwitch and values["reads"] == "open":
        values["at_s"] = 0.0  # it matters to homing alone
    return made.model_validate(values, strict=True)


def _value(rng: np.random.Generator, within: Range) -> float | int | str:
    if isinstance(within, list):
        return str(rng.choice(within))
    low, high = within
    if isinstance(low, int) and isinstance(high, int):
        return round(_spread(rng, low - 0.49, high + 0.49))
    return _rounded(_spread(rng, low, high), 3)


def _spread(rng: np.random.Generator, low: float, high: float) -> float:
    if low > 0 and high >= 10 * low:
        return math.exp(rng.uniform(math.log(low), math.log(high)))
    return float(rng.uniform(low, high))


def _rounded(value: float, digits: int) -> float:
    """To so many significant digits, so that a script can be read."""
    return float(f"{value:.{digits}g}")
