"""One answer from many patches: the weighted median, and how much the patches disagree."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

_NORMAL = 1.4826  # a normal distribution's deviation over its median absolute deviation


@dataclass(frozen=True)
class Vote:
    """What the patches of a field say together.

    :param value: weighted median; :param spread: robust standard deviation of the patches around it.
    :param patches: how many voted.
    """

    value: float
    spread: float
    patches: int


def weighted_median(values: ArrayLike, weights: ArrayLike) -> float:
    """The value at which half of the weight lies on either side; halfway between two when it falls between them.

    :param values: (N,) finite; :param weights: (N,) >= 0, not all 0.
    :raises ValueError: no values, shapes differ, or the weights do not allow it.
    """
    value, weight = np.asarray(values, np.float64), np.asarray(weights, np.float64)
    if value.shape != weight.shape or value.ndim != 1 or not len(value):
        raise ValueError(f"need as many weights as values, at least one: {value.shape} and {weight.shape}")
    if not np.all(np.isfinite(value)) or not np.all(weight >= 0) or not 0 < weight.sum() < np.inf:
        raise ValueError("values must be finite, weights finite, not negative and not all zero")
    order = np.argsort(value, kind="stable")
    order = order[weight[order] > 0]
    value, weight = value[order], weight[order]
    below = np.cumsum(weight)
    half = below[-1] / 2
    # Sums of floats: what falls between two values must do so in any order of the patches.
    at = min(int(np.searchsorted(below, half * (1 - 1e-12))), len(value) - 1)
    if at + 1 < len(value) and abs(below[at] - half) <= 1e-12 * below[-1]:
        return float(value[at] / 2 + value[at + 1] / 2)
    return float(value[at])


def weighted_spread(values: ArrayLike, weights: ArrayLike, middle: float) -> float:
    """1.4826 times the weighted median of |value - middle|: a standard deviation that outliers do not move."""
    return _NORMAL * weighted_median(np.abs(np.asarray(values, np.float64) - middle), weights)


def vote(values: ArrayLike, weights: ArrayLike, min_weight: float, min_patches: int) -> Vote | None:
    """The field's answer; None when fewer than `min_patches` patches have texture: the field is blank.

    :param weights: (N,) texture of each patch; those below `min_weight` do not vote.
    """
    value, weight = np.asarray(values, np.float64), np.asarray(weights, np.float64)
    textured = weight >= max(min_weight, np.finfo(np.float64).tiny)
    if int(textured.sum()) < max(min_patches, 1):
        return None
    middle = weighted_median(value[textured], weight[textured])
    return Vote(middle, weighted_spread(value[textured], weight[textured], middle), int(textured.sum()))
