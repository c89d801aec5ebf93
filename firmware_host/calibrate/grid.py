"""The pitch of a calibration slide's square grid in a picture, by its two lines in the spectrum. Pure functions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from firmware_host.errors import HardwareError, UsageError

Light = NDArray[np.float32]
Reals = NDArray[np.floating[Any]]

NEAREST, FARTHEST = 0.8, 1.25  # of the expected pitch: how far the profile's pixel pitch may be off
_LEAST_PERIODS = 5.0
_LEAST_PITCH_PX = 6.0
_DARK_BINS = 3.0  # around frequency zero: the lamp's
_STANDS_OUT = 100.0  # times the median power nearby: a grid's line does by thousands, tissue's highest by tens
_RIGHT_ANGLE_DEG = 3.0
_UNEQUAL = 0.03


@dataclass(frozen=True)
class Lattice:
    """A square grid as a picture shows it.

    :param pitch_px: side of a square of its area; :param ratio: of its two pitches, about 1.
    :param corner_deg: angle between its two directions, about 90.
    """

    pitch_px: float
    ratio: float
    corner_deg: float


def check_pitch(pitch_um: float, pixel_um: float, shape: tuple[int, int]) -> None:
    """:raises UsageError: the camera cannot measure a grid of this pitch."""
    finest_um, coarsest_um = _LEAST_PITCH_PX * pixel_um, min(shape) * pixel_um / _LEAST_PERIODS
    if not finest_um <= pitch_um <= coarsest_um:
        raise UsageError(
            f"--grid-um {pitch_um:g}: this camera measures pitches of {finest_um:.1f} to {coarsest_um:.1f} um; use "
            "another grid of the calibration slide"
        )


def find_lattice(light: Light, pitch_um: float, pixel_um: float) -> Lattice:
    """The grid in a picture.

    :param light: (H, W) luminance, in focus; :param pitch_um: of the grid; :param pixel_um: about the camera's.
    :raises UsageError: there is a grid, but of another pitch. :raises HardwareError: there is none that is square.
    """
    windowed = _windowed(light)
    height, width = light.shape
    power = np.abs(np.fft.rfft2(windowed)) ** 2
    down, right = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :]
    frequency = np.hypot(down, right)
    power[frequency < _DARK_BINS / min(height, width)] = 0
    expected = pixel_um / pitch_um
    near = (frequency > expected / FARTHEST) & (frequency < expected / NEAREST)
    highest = _highest(power, down, right)
    one = _highest(np.where(near, power, 0), down, right)
    floor = float(np.median(power[near]))
    if highest[0] > 2 * one[0] and highest[0] > _STANDS_OUT * floor:
        looks_um = pixel_um / math.hypot(highest[1], highest[2])
        raise UsageError(
            f"--grid-um {pitch_um:g}: the picture repeats every {looks_um:.3g} um or so; give the pitch that is "
            "written on the slide, and check camera.pixel_um"
        )
    across = abs(np.arctan2(down * one[1] - right * one[2], right * one[1] + down * one[2]))
    other = _highest(np.where(near & (abs(across - np.pi / 2) < np.pi / 6), power, 0), down, right)
    if min(one[0], other[0]) < _STANDS_OUT * floor:
        raise HardwareError(
            f"no grid of {pitch_um:g} um to be seen; bring a square grid of dots or crossed lines below the objective, "
            "check focus and lamp, or leave --grid-um out"
        )
    return _lattice(*(_refined(windowed, line[1], line[2]) for line in (one, other)))


def _lattice(one: tuple[float, float], other: tuple[float, float]) -> Lattice:
    """From the two lines' frequencies, (right, down) cycles per pixel."""
    area = abs(one[0] * other[1] - one[1] * other[0])
    lengths = math.hypot(*one), math.hypot(*other)
    corner_deg = math.degrees(math.asin(min(area / (lengths[0] * lengths[1]), 1.0)))
    ratio = lengths[0] / lengths[1]
    if abs(corner_deg - 90) > _RIGHT_ANGLE_DEG or abs(ratio - 1) > _UNEQUAL:
        raise HardwareError(
            f"the grid is not square: its pitches differ by {abs(ratio - 1):.1%}, its corners are of {corner_deg:.1f} "
            "degrees; use a square grid"
        )
    return Lattice(1 / math.sqrt(area), ratio, corner_deg)


def _highest(power: Reals, down: Reals, right: Reals) -> tuple[float, ...]:
    """(power, right, down) of the highest sample."""
    row, column = np.unravel_index(int(np.argmax(power)), power.shape)
    return float(power[row, column]), float(right[0, column]), float(down[row, 0])


def _refined(windowed: NDArray[np.float64], right: float, down: float) -> tuple[float, float]:
    """The place of a spectral line between the samples: parabolas through the logarithm, ever nearer."""
    height, width = windowed.shape
    rows, columns = np.arange(height), np.arange(width)

    def level(x: float, y: float) -> float:
        turn = 2 * np.pi * x * columns
        even, odd = (windowed @ np.stack((np.cos(turn), np.sin(turn)), 1)).T
        return math.log(abs(complex(np.exp(-2j * np.pi * y * rows) @ (even - 1j * odd))) + 1e-30)

    for share in (0.5, 0.1, 0.02):
        step_x, step_y = share / width, share / height
        middle = level(right, down)
        right += step_x * _top(level(right - step_x, down), middle, level(right + step_x, down))
        down += step_y * _top(level(right, down - step_y), level(right, down), level(right, down + step_y))
    return right, down


def _top(before: float, middle: float, after: float) -> float:
    """Where the parabola through three values at -1, 0, 1 is highest."""
    bend = before - 2 * middle + after
    return 0.0 if bend >= 0 else min(max(0.5 * (before - after) / bend, -2.0), 2.0)


def _windowed(light: Light) -> NDArray[np.float64]:
    window = np.hanning(light.shape[0] + 2)[1:-1, None] * np.hanning(light.shape[1] + 2)[None, 1:-1]
    mean = float((light * window).sum() / window.sum())
    return (light - mean) * window
