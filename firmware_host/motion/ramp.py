"""Step times of a trapezoidal speed profile. Pure mathematics; nothing here moves."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


def move_duration_s(steps: int, speed_sps: float, accel_sps2: float) -> float:
    """Time of a move from rest to rest: N/v + v/a, or 2·sqrt(N/a) when it is too short to reach full speed.

    :param steps: N >= 0; :param speed_sps: top speed v > 0, steps/s; :param accel_sps2: acceleration a > 0, steps/s².
    """
    _check(steps, speed_sps, accel_sps2)
    if steps * accel_sps2 < speed_sps**2:
        return 2 * math.sqrt(steps / accel_sps2)
    return steps / speed_sps + speed_sps / accel_sps2


def step_times_ns(steps: int, speed_sps: float, accel_sps2: float) -> NDArray[np.int64]:
    """(steps,) times of the steps of a move from rest to rest, ns after its start, strictly increasing.

    The position p(t) in steps is a·t²/2 while speeding up, linear at full speed, and mirrored while slowing down.
    Step k is due when p reaches k - 1/2, so the steps lie symmetrically about the middle of the move.

    :raises ValueError: a negative number of steps, or a speed or acceleration that is not above 0.
    """
    _check(steps, speed_sps, accel_sps2)
    total_s = move_duration_s(steps, speed_sps, accel_sps2)
    place = np.arange(steps, dtype=np.float64) + 0.5
    from_end = np.minimum(place, steps - place)
    ramp_steps = min(speed_sps**2 / (2 * accel_sps2), steps / 2)
    ramp_s = math.sqrt(2 * ramp_steps / accel_sps2)
    on_ramp = np.sqrt(2 * np.minimum(from_end, ramp_steps) / accel_sps2)
    near_s = np.where(from_end <= ramp_steps, on_ramp, ramp_s + (from_end - ramp_steps) / speed_sps)
    times_s = np.where(place <= steps / 2, near_s, total_s - near_s)
    return np.rint(times_s * 1e9).astype(np.int64)


def _check(steps: int, speed_sps: float, accel_sps2: float) -> None:
    if steps < 0 or not speed_sps > 0 or not accel_sps2 > 0:
        raise ValueError(f"steps {steps}, speed {speed_sps} and acceleration {accel_sps2} must not be negative or zero")
