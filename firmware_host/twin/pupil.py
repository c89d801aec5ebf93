"""Wave optics of a defocused objective: the transfer function of a thin layer, by distance from focus.

Scalar, weak-object theory for a circular pupil: exact for small contrast, with the full high-aperture phase of
defocus. Nothing here knows of pixels on a slide or of a camera.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.fft import fft, ifft
from scipy.special import j1

from firmware_host.optics import Objective

Floats = NDArray[np.float32]

_GRID = 384  # samples across the Fourier plane; the pupil takes half of it, so its autocorrelation fits
_RADIUS = _GRID // 4
_TABLES_PER_DOF = 10
_MAX_WAVES = 5.0  # beyond this the first lobe is a few samples wide, and geometric optics takes over


@dataclass(frozen=True)
class Aberrations:
    """What makes an objective differ from an ideal one.

    :param spherical_waves: balanced primary spherical aberration, waves RMS (Zernike Z(4,0)).
    :param coherence: condenser aperture over objective aperture, 0.3 to 1; 1 is fully incoherent.
    :param phase_ratio: the specimen's phase shift over its amplitude absorption; what makes edges glow on one side
        of focus and darken on the other. No effect at coherence 1.
    """

    spherical_waves: float = 0.0
    coherence: float = 1.0
    phase_ratio: float = 0.0


class DefocusTransfer:
    """Radial transfer function of intensity contrast for one colour, tabulated on demand.

    :param samples: length of the tables; sample i stands at spatial frequency i/(samples-1) · cutoff.
    """

    def __init__(self, optics: Objective, aberrations: Aberrations, samples: int = 512) -> None:
        self._optics = optics
        self._aberrations = aberrations
        self._samples = samples
        self._tables: dict[int, Floats] = {}
        across = np.arange(_GRID, dtype=np.float64)
        across = np.minimum(across, _GRID - across) / _RADIUS
        down = np.arange(_RADIUS + 1) / _RADIUS
        rho2 = down[:, None] ** 2 + across[None, :] ** 2
        self._inside = rho2 <= 1.0
        self._source = rho2 <= aberrations.coherence**2
        sine = optics.na / optics.immersion_index
        # Path of defocus s against the axis: s·n·(cos(theta) - 1), with sin(theta) = rho·NA/n;
        # Z(4,0) = sqrt(5)·(6·rho^4 - 6·rho^2 + 1).
        rho2 = rho2[self._inside]
        per_um = optics.immersion_index * (np.sqrt(1.0 - sine**2 * rho2) - 1.0) / optics.wavelength_um
        spherical = aberrations.spherical_waves * math.sqrt(5) * (6 * rho2**2 - 6 * rho2 + 1)
        self._radians_per_um = (2 * np.pi * per_um).astype(np.float32)
        self._radians = (2 * np.pi * spherical).astype(np.float32)
        edge = optics.immersion_index * (1.0 - math.sqrt(1.0 - sine**2)) / optics.wavelength_um
        self._geometric_beyond_um = _MAX_WAVES / edge
        self._step_um = optics.depth_of_field_um / _TABLES_PER_DOF

    @property
    def cutoff_per_um(self) -> float:
        """Spatial frequency of the last sample, cycles per um: 2·NA/lambda."""
        return 2.0 * self._optics.na / self._optics.wavelength_um

    @property
    def depth_of_field_um(self) -> float:
        """Of the objective at this colour, um."""
        return self._optics.depth_of_field_um

    def disc_um(self, defocus_um: float) -> float:
        """Radius of the disc that a point becomes far from focus, um."""
        sine = self._optics.na / self._optics.immersion_index
        return abs(defocus_um) * sine / math.sqrt(1.0 - sine**2)

    def is_far(self, defocus_um: float) -> bool:
        """Whether geometric optics serves there."""
        return abs(defocus_um) > self._geometric_beyond_um

    @functools.cached_property
    def best_focus_um(self) -> float:
        """Where a thin detail is sharpest, um from the pupil's own zero: aberrations move it a little.

        Sharpness is the energy of the gradient of an object with a 1/f amplitude spectrum, up to 3/4 of the cutoff.
        """
        step_um = self._optics.depth_of_field_um / 20
        places = np.arange(-30, 31)
        frequency = np.linspace(0, 1, self._samples)
        weight = np.where(frequency < 0.75, frequency, 0)
        energy = [float((self.at(place * step_um) ** 2 * weight).sum()) for place in places]
        return parabola_top([float(place * step_um) for place in places], energy)

    def at(self, defocus_um: float) -> Floats:
        """(samples,) transfer of contrast, 1 at zero frequency; linear between tables a tenth of the DoF apart.

        :param defocus_um: stage z minus the layer's z of focus, um, of any size.
        """
        place = defocus_um / self._step_um
        low = math.floor(place)
        share = np.float32(place - low)
        return (1 - share) * self._table(low) + share * self._table(low + 1)

    def _table(self, index: int) -> Floats:
        table = self._tables.get(index)
        if table is None:
            defocus_um = index * self._step_um
            table = self._geometric(defocus_um) if self.is_far(defocus_um) else self._wave(defocus_um)
            self._tables[index] = table
        return table

    def _wave(self, defocus_um: float) -> Floats:
        """Cross-correlation of the illuminated pupil with the pupil along one diameter (Streibl, JOSA A 2, 1985)."""
        phase = np.float32(defocus_um) * self._radians_per_um + self._radians
        light = np.empty(phase.shape, np.complex64)
        light.real, light.imag = np.cos(phase), np.sin(phase)
        pupil = np.zeros(self._inside.shape, np.complex64)
        pupil[self._inside] = light
        spread = fft(pupil)
        lit = spread if self._aberrations.coherence >= 1 else fft(pupil * self._source)
        # Along one diameter the correlation of the pupils is the sum of those of their rows; row 0 is the middle one,
        # and each other stands for the one below the middle too.
        product = np.conj(lit) * spread
        correlation = ifft(2 * product.sum(axis=0) - product[0])[: 2 * _RADIUS + 1]
        correlation /= correlation[0].real
        contrast = correlation.real + self._aberrations.phase_ratio * correlation.imag
        contrast[-1] = 0.0
        at = np.linspace(0.0, 2.0 * _RADIUS, self._samples)
        return np.asarray(np.interp(at, np.arange(2 * _RADIUS + 1), contrast), np.float32)

    def _geometric(self, defocus_um: float) -> Floats:
        return disc_transfer(self.disc_um(defocus_um), np.linspace(0.0, self.cutoff_per_um, self._samples))


def disc_transfer(radius_um: float, frequency: NDArray[np.float64]) -> Floats:
    """Transfer of a uniform disc: 2·J1(a)/a (Hopkins, Proc. R. Soc. A 231, 1955), a = 2·pi·f·radius; f in 1/um."""
    argument = np.maximum(2 * np.pi * frequency * radius_um, 1e-9)
    return np.asarray(2 * j1(argument) / argument, np.float32)


def parabola_top(heights: Sequence[float], values: Sequence[float]) -> float:
    """The top of the parabola through the highest value and its two neighbours; heights are evenly spaced."""
    top = min(max(int(np.argmax(values)), 1), len(values) - 2)
    before, peak, after = values[top - 1 : top + 2]
    bend = before - 2 * peak + after
    if bend >= 0:
        return heights[top]
    shift = min(max(0.5 * (before - after) / bend, -1.0), 1.0)
    return heights[top] + shift * (heights[1] - heights[0])


def colour_transfers(
    optics: Objective, aberrations: Aberrations, wavelengths_um: tuple[float, ...]
) -> list[DefocusTransfer]:
    """One transfer per colour of the camera."""
    return [DefocusTransfer(replace(optics, wavelength_um=each), aberrations) for each in wavelengths_um]
