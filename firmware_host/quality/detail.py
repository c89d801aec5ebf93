"""How much fine and coarse detail a picture holds, patch by patch. Arithmetic on one picture; judges nothing.

Spatial frequencies are counted in shares of the objective's cutoff 2 NA / lambda, so that bands mean the same through
every objective and camera. What lies in the corners of the spectrum is taken for noise, and taken off.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from firmware_host.optics import Objective

Light = NDArray[np.uint8]

BANDS = ((0.06, 0.12), (0.12, 0.25), (0.20, 0.35))
"""Coarse, middle and fine, as shares of the cutoff. The coarse one tells tissue from glass at most defocus."""
COARSE, MIDDLE, FINE = range(3)

_SIDE_UNITS = 21.8  # lambda/NA: some sixty of the network's pixels
_NOISE_PER_PX = 0.6  # cycles per pixel: only the corners lie beyond
_PLACES = 48
_ZONES = (6, 8)
_LEAST_SNR = 30.0  # empty glass has up to 3, the faintest tissue some hundred


def light_of(image: NDArray[np.uint8]) -> Light:
    """(H, W) luminance (ITU-R BT.601) of (H, W, 3), both uint8."""
    return np.asarray(Image.fromarray(image).convert("L"))


@dataclass(frozen=True)
class Detail:
    """Detail of N patches.

    :param energy: (N, 3) mean power in each of `BANDS`, noise taken off; may be below zero where there is only noise.
    :param noise: (N,) mean power of the noise.
    """

    energy: NDArray[np.float32]
    noise: NDArray[np.float32]

    @property
    def textured(self) -> NDArray[np.bool_]:
        """(N,) which patches show something, in focus or not."""
        return np.asarray(self.energy[:, COARSE] > _LEAST_SNR * self.noise)


class DetailMeter:
    """Measures pictures of one camera behind one objective.

    :raises ValueError: the camera's pixels are so coarse that no band has detail in them.
    """

    def __init__(self, optics: Objective, pixel_um: float) -> None:
        self._side = max(16, 2 * round(_SIDE_UNITS * optics.lateral_unit_um / pixel_um / 2))
        down, right = np.fft.fftfreq(self._side)[:, None], np.fft.rfftfreq(self._side)[None, :]
        per_px = np.hypot(down, right)
        share = per_px / pixel_um * optics.lateral_unit_um / 2
        inside = per_px < 0.5
        self._bands = [np.flatnonzero((share >= low) & (share < high) & inside) for low, high in BANDS]
        self._corners = np.flatnonzero(per_px >= _NOISE_PER_PX)
        if not all(len(each) for each in self._bands):
            raise ValueError(f"pixels of {pixel_um:g} um are too coarse for the detail of NA {optics.na:g}")
        hann = np.hanning(self._side + 2)[1:-1].astype(np.float32)
        self._window = hann[:, None] * hann[None, :]

    def places(self, light: Light) -> NDArray[np.intp]:
        """Where to measure: the most textured patches of a picture, as indices of its grid of patches."""
        order = np.argsort(-self._texture(light), kind="stable")
        return np.sort(order[:_PLACES])

    def places_all_over(self, light: Light) -> NDArray[np.intp]:
        """The most textured patch of each part of a picture: of those that are out of focus, too."""
        texture = self._texture(light)
        numbers = np.arange(len(texture)).reshape(light.shape[0] // self._side, -1)
        zones = [
            zone.ravel()
            for rows in np.array_split(numbers, min(_ZONES[0], numbers.shape[0]), axis=0)
            for zone in np.array_split(rows, min(_ZONES[1], numbers.shape[1]), axis=1)
        ]
        return np.array([zone[np.argmax(texture[zone])] for zone in zones])

    def measure(self, light: Light, places: NDArray[np.intp]) -> Detail:
        """The detail of a picture at these places."""
        patches = self._squares(light)[places].astype(np.float32)
        patches -= patches.mean(axis=(1, 2), keepdims=True)
        patches *= self._window
        spectrum = np.fft.rfft2(patches).reshape(len(patches), -1)
        power = spectrum.real**2 + spectrum.imag**2
        noise = power[:, self._corners].mean(axis=1)
        energy = np.stack([power[:, band].mean(axis=1) - noise for band in self._bands], axis=1)
        return Detail(energy.astype(np.float32), noise.astype(np.float32))

    def _texture(self, light: Light) -> NDArray[np.float32]:
        sparse = self._squares(light)[:, ::4, ::4].astype(np.float32)
        return np.asarray(sparse.var(axis=(1, 2)))

    def _squares(self, light: Light) -> Light:
        rows, columns = light.shape[0] // self._side, light.shape[1] // self._side
        core = light[: rows * self._side, : columns * self._side]
        return core.reshape(rows, self._side, columns, self._side).swapaxes(1, 2).reshape(-1, self._side, self._side)
