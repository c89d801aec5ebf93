"""Where a field is sharpest: the true z of focus, found in its spectra without rendering a picture.

What a person, a contrast sweep and the network judge is luminance. Its sharpest z is not that of green alone: the
colours focus at their own heights, and each stain counts in each colour by its own amount.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from firmware_host.patches import LUMINANCE
from firmware_host.twin.pupil import DefocusTransfer, parabola_top

Floats = NDArray[np.float32]
Spectrum = NDArray[np.complex64]

_SAMPLES = 4096
_HIGHEST = 0.75  # of green's cutoff: beyond it a camera sees noise
_REACH_DOF, _COARSE_DOF, _FINE_DOF = 2.0, 0.25, 0.1
_FAR_DOF = 8.0


class SharpestHeight:
    """Finds the z at which the gradient of luminance has the most energy, up to 3/4 of the cutoff.

    The energy is summed over a fixed sample of the frequencies of a field's half spectrum; the axes, on which the
    rims of the view lie, are left out. The spectrum is that of the padded view, a little more than the field.

    :param transfers: one per colour; :param colour_shift_um: z at which each is in focus, relative to the layer's.
    :param radii: per colour, for every sample of the half spectrum its place in that colour's radial table.
    :param frequency: (H, W') cycles per um of the half spectrum.
    """

    def __init__(
        self,
        transfers: Sequence[DefocusTransfer],
        colour_shift_um: Sequence[float],
        radii: Sequence[NDArray[np.intp]],
        frequency: NDArray[np.float64],
    ) -> None:
        self._transfers = transfers
        self._colour_shift_um = colour_shift_um
        self._dof_um = transfers[1].depth_of_field_um
        inside = frequency < _HIGHEST * transfers[1].cutoff_per_um
        inside[:2], inside[-1:], inside[:, :2] = False, False, False
        at = np.flatnonzero(inside)
        self._at = at[np.random.default_rng(0).permutation(len(at))[:_SAMPLES]]
        self._power = np.asarray(frequency.ravel()[self._at] ** 2, np.float32)
        self._radii = [each.ravel()[self._at] for each in radii]

    def near(
        self,
        guess_um: float,
        spectra: Sequence[Sequence[Spectrum]],
        layers_z_um: Sequence[float],
        relief_um: float = 0.0,
    ) -> float:
        """z of the highest sharpness within 2 DoF of a guess, um.

        :param spectra: by colour and layer; :param layers_z_um: z of focus of each layer.
        :param relief_um: how much further it may be.
        """
        light = self._luminance(spectra)

        def sharpness(z_um: float) -> float:
            return self._energy(self._seen_at(z_um, light, layers_z_um))

        steps = round(_REACH_DOF / _COARSE_DOF) + math.ceil(relief_um / self._dof_um / _COARSE_DOF)
        coarse = [guess_um + step * _COARSE_DOF * self._dof_um for step in range(-steps, steps + 1)]
        best = parabola_top(coarse, [sharpness(z) for z in coarse])
        fine = [best + step * _FINE_DOF * self._dof_um for step in (-1, 0, 1)]
        return parabola_top(fine, [sharpness(z) for z in fine])

    def blur_um(
        self,
        focus_um: float,
        heights_um: Sequence[float],
        spectra: Sequence[Sequence[Spectrum]],
        layers_z_um: Sequence[float],
    ) -> float:
        """How far from focus a still picture is as sharp as one that was exposed at all of these heights, um, signed.

        A stage that swings passes focus while the shutter is open: where it was in the middle says little.
        """
        light = self._luminance(spectra)
        seen = [self._seen_at(z_um, light, layers_z_um) for z_um in heights_um]
        sharp = self._energy(np.mean(seen, axis=0, dtype=np.complex64))
        side = math.copysign(1.0, float(np.mean(heights_um)) - focus_um)
        off_um = np.arange(0.0, _FAR_DOF, _COARSE_DOF) * self._dof_um
        still = [self._energy(self._seen_at(focus_um + side * um, light, layers_z_um)) for um in off_um]
        falling = np.minimum.accumulate(still)
        return side * float(np.interp(-sharp, -falling, off_um))

    def _luminance(self, spectra: Sequence[Sequence[Spectrum]]) -> list[list[Spectrum]]:
        return [
            [np.float32(share) * spectrum.ravel()[self._at] for spectrum in layers]
            for share, layers in zip(LUMINANCE, spectra, strict=True)
        ]

    def _seen_at(self, z_um: float, light: Sequence[Sequence[Spectrum]], layers_z_um: Sequence[float]) -> Spectrum:
        total = np.zeros(len(self._at), np.complex64)
        for colour, layers in enumerate(light):
            for part, layer_z_um in zip(layers, layers_z_um, strict=True):
                table = self._transfers[colour].at(z_um - layer_z_um - self._colour_shift_um[colour])
                total += part * table[self._radii[colour]]
        return total

    def _energy(self, seen: Spectrum) -> float:
        return float((self._power * (seen.real**2 + seen.imag**2)).sum())
