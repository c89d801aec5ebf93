"""What lies at another height than the tissue: on the cover glass, under it. It is looked through, and casts its blur.

Far from focus a small detail spreads over several fields, so more than the field is drawn, as coarsely as the blur
allows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft2, next_fast_len, rfft2

from firmware_host.twin.pupil import DefocusTransfer, disc_transfer

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

_BLUR_PX = 16  # a blur wider than this is drawn coarser
_MARGIN_PX = 12


class Plane(Protocol):
    """Something thin at one height."""

    @property
    def height_um(self) -> float:
        """Above the slide's surface, um of the stage's travel."""

    def contrast(self, x_um: Doubles, y_um: Doubles) -> Floats | None:
        """(3, H, W): light that passes less 1, in red, green and blue, 0 = clear, at evenly spaced places of the slide.

        Details finer than the spacing are averaged. None: nothing lies there.
        """


def seen_through(
    plane: Plane,
    transfers: Sequence[DefocusTransfer],
    defocus_um: Sequence[float],
    centre_um: tuple[float, float],
    shape: tuple[int, int],
    pixel_um: float,
) -> list[Floats] | None:
    """(H, W) share of the light that passes, by colour; None where the plane is clear.

    :param transfers, defocus_um: one per colour; defocus is the stage's z minus that of the plane's focus.
    :param centre_um: of the field, on the slide.
    """
    blur_um = max(transfer.disc_um(by) for transfer, by in zip(transfers, defocus_um, strict=True))
    step = 1 << max(0, math.ceil(math.log2(max(blur_um / pixel_um / _BLUR_PX, 1))))
    pitch_um = pixel_um * step
    margin = math.ceil(blur_um / pitch_um) + _MARGIN_PX
    rows, columns = (int(next_fast_len(math.ceil(side / step) + 2 * margin, real=True)) for side in shape)
    x_um: Doubles = centre_um[0] + (np.arange(columns, dtype=np.float64) - columns / 2) * pitch_um
    y_um: Doubles = centre_um[1] + (np.arange(rows, dtype=np.float64) - rows / 2) * pitch_um
    contrast = plane.contrast(x_um, y_um)
    if contrast is None:
        return None
    frequency = np.hypot(np.fft.fftfreq(rows, pitch_um)[:, None], np.fft.rfftfreq(columns, pitch_um))
    light = []
    for colour, transfer, by_um in zip(contrast, transfers, defocus_um, strict=True):
        blurred = irfft2(rfft2(colour) * _transfer(transfer, by_um, frequency), s=(rows, columns))
        fine = _upsampled(_upsampled(blurred, shape[0], step).T, shape[1], step).T
        light.append(np.maximum(1 + fine, 0, dtype=np.float32))
    return light


def _transfer(transfer: DefocusTransfer, defocus_um: float, frequency: Doubles) -> Floats:
    if transfer.is_far(defocus_um):  # the tables of the transfer are too coarse for a disc of many pixels
        return disc_transfer(transfer.disc_um(defocus_um), frequency)
    table = transfer.at(defocus_um)
    place = np.round(frequency / transfer.cutoff_per_um * (len(table) - 1)).astype(np.intp)
    return np.asarray(table.take(place, mode="clip"))


def _upsampled(coarse: Floats, size: int, step: int) -> Floats:
    """The middle `size` rows of a picture whose rows are `step` apart, linear between them."""
    at = (np.arange(size) - size / 2) / step + len(coarse) / 2
    low = np.floor(at).astype(np.int64)
    share = (at - low).astype(np.float32)[:, None]
    return np.asarray(coarse[low] * (1 - share) + coarse[np.minimum(low + 1, len(coarse) - 1)] * share, np.float32)
