"""What the network's focus and the sharpest plane differ by, on this scanner and this slide.

Aberrations, condenser and stain shift the network's answer by an amount that is nearly the same for all fields of a
slide. A few contrast sweeps before the scan tell it; every prediction is corrected by it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

_FIELDS = 6
_LEAST_FIELDS = 3
_MAX_SPREAD_DOF = 0.35
_MAX_OFFSET_DOF = 1.0


@dataclass(frozen=True)
class FocusOffset:
    """The offset of a slide.

    :param um: to be added to predicted moves; 0 where it could not be told.
    :param fields: how many fields it was measured at; :param note: why it is not used, empty when it is.
    """

    um: float
    fields: int
    note: str = ""

    def line(self) -> str:
        """For the report."""
        return f"not used: {self.note}" if self.note else f"{self.um:+.3f} um, from {self.fields} fields"


def measure_offset(
    sites: Iterable[tuple[float, float]],
    swept_less_predicted_um: Callable[[float, float], float | None],
    depth_of_field_um: float,
) -> FocusOffset:
    """The median over a few fields; not used when they are too few, disagree, or say something unlikely.

    :param sites: (x, y) of fields, um, the best first; twice as many as needed are tried.
    :param swept_less_predicted_um: at (x, y): z of the contrast sweep's peak less z of focus as predicted from there;
        None where one of them has no answer.
    """
    samples: list[float] = []
    for tried, (x_um, y_um) in enumerate(sites):
        if len(samples) == _FIELDS or tried == 2 * _FIELDS:
            break
        sample = swept_less_predicted_um(x_um, y_um)
        if sample is not None:
            samples.append(sample)
    if len(samples) < _LEAST_FIELDS:
        return FocusOffset(0.0, len(samples), f"measured at {len(samples)} fields only, {_LEAST_FIELDS} are needed")
    middle_um = float(np.median(samples))
    spread_um = 1.4826 * float(np.median(np.abs(np.array(samples) - middle_um)))
    if spread_um > _MAX_SPREAD_DOF * depth_of_field_um:
        return FocusOffset(0.0, len(samples), f"{len(samples)} fields disagree by {spread_um:.2f} um")
    if abs(middle_um) > _MAX_OFFSET_DOF * depth_of_field_um:
        return FocusOffset(
            0.0, len(samples), f"{middle_um:+.2f} um is not likely; is the bundle made for this scanner?"
        )
    return FocusOffset(middle_um, len(samples))
