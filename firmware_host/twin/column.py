"""The optical column: what light leaves the objective for a place on the slide and a stage height.

A field is cut into a few thin layers; each is blurred by its own distance from focus (`pupil`), colour by colour.
The light that a pixel absorbs is shared among the layers as its stain is, so that a stack with all
layers in focus gives back exactly the specimen's absorption. What lies at other heights is seen through (`plane`).
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft2, next_fast_len, rfft2

from firmware_host.twin.plane import Plane, seen_through
from firmware_host.twin.pupil import DefocusTransfer
from firmware_host.twin.section import Matter, Specimen
from firmware_host.twin.sharpest import SharpestHeight
from firmware_host.twin.slide import Surface

Floats = NDArray[np.float32]
Spectrum = NDArray[np.complex64]

_LAYERS = 3
_LAYER_STEP_UM = 0.9
_MARGIN_PX = 24
_TEXTURE_FLOOR = 1e-7
_NO_SHIFT = (np.ones(1, np.complex64), np.ones(1, np.complex64))


@dataclass(frozen=True)
class _View:
    """A field's spectra, by colour and layer, None where nothing lies in the view; and its shift by part of a pixel."""

    spectra: Sequence[Sequence[Spectrum]] | None
    layers_z_um: Sequence[float]
    focus_z_um: float | None
    shift: tuple[Spectrum, Spectrum]


class OpticalColumn:
    """Images a specimen through the objective.

    :param transfers: one per colour, red, green, blue.
    :param colour_shift_um: z at which red, green and blue are in focus, relative to the surface.
    :param shape: (height, width) of a field, pixels.
    """

    def __init__(
        self,
        specimen: Specimen,
        surface: Surface,
        transfers: Sequence[DefocusTransfer],
        colour_shift_um: Sequence[float],
        shape: tuple[int, int],
        pixel_um: float,
    ) -> None:
        self._specimen = specimen
        self._surface = surface
        self._transfers = transfers
        # Green detail that lies in the slide's surface is sharpest there, whatever the aberrations.
        self._colour_shift_um = [shift - transfers[1].best_focus_um for shift in colour_shift_um]
        self._shape = shape
        self._pixel_um = pixel_um
        height, width = (next_fast_len(side + 2 * _MARGIN_PX, real=True) for side in shape)
        self._padded = (int(height), int(width))
        frequency = np.hypot(
            np.fft.fftfreq(self._padded[0], pixel_um)[:, None], np.fft.rfftfreq(self._padded[1], pixel_um)
        )
        self._radii = [_radial_index(frequency, transfer) for transfer in transfers]
        self._sharpest = SharpestHeight(transfers, self._colour_shift_um, self._radii, frequency)
        self._pool = ThreadPoolExecutor(2)
        self._look = functools.lru_cache(maxsize=2)(self._prepare)
        self._planes: list[Plane] = []

    def cover(self, change: Callable[[Specimen], Specimen]) -> None:
        """Another specimen from here on, made of the one that lies there."""
        self._specimen = change(self._specimen)
        self._look.cache_clear()

    def lay(self, plane: Plane) -> None:
        """Something more to look through."""
        self._planes.append(plane)

    def transmittance(
        self, x_um: float, y_um: float, z_um: float, sideways_px: tuple[float, float] = (0.0, 0.0)
    ) -> list[Floats]:
        """(H, W) transmitted light per colour, 1 = empty glass: the field's centre at (x, y), the stage at z, um.

        :param sideways_px: (right, down) how far the view lies beside (x, y), a few pixels at most: much cheaper than
            another place.
        """
        view = self._look(round(x_um, 3), round(y_um, 3))
        light = self._through_tissue(view, z_um, sideways_px)
        centre_um = (x_um + sideways_px[0] * self._pixel_um, y_um + sideways_px[1] * self._pixel_um)
        for plane in self._planes:
            plane_um = self._surface.z_um(np.array(x_um), np.array(y_um)).item() - plane.height_um
            defocus_um = [z_um - plane_um - shift for shift in self._colour_shift_um]
            veil = seen_through(plane, self._transfers, defocus_um, centre_um, self._shape, self._pixel_um)
            if veil is not None:
                light = [image * share for image, share in zip(light, veil, strict=True)]
        return light

    def _through_tissue(self, view: _View, z_um: float, sideways_px: tuple[float, float]) -> list[Floats]:
        if view.spectra is None:
            return [np.ones(self._shape, np.float32)] * len(self._transfers)
        spectra = view.spectra
        down, right = view.shift
        if any(sideways_px):
            down = down * _ramp(np.fft.fftfreq(self._padded[0])[:, None], sideways_px[1])
            right = right * _ramp(np.fft.rfftfreq(self._padded[1]), sideways_px[0])

        def render(colour: int) -> Floats:
            total: Spectrum | None = None
            for spectrum, layer_z_um in zip(spectra[colour], view.layers_z_um, strict=True):
                defocus_um = z_um - layer_z_um - self._colour_shift_um[colour]
                transfer = self._transfers[colour].at(defocus_um).take(self._radii[colour], mode="clip")
                part = spectrum * transfer
                total = part if total is None else np.add(total, part, out=total)
            assert total is not None
            total *= down
            total *= right
            image = irfft2(total, s=self._padded)
            top, left = self._corner
            image = image[top : top + self._shape[0], left : left + self._shape[1]]
            return cast(Floats, np.maximum(image + np.float32(1), 0, dtype=np.float32))

        return self._map(render)

    def focus_z_um(self, x_um: float, y_um: float) -> float | None:
        """The true z of focus of the field at (x, y): where its luminance is sharpest.

        None where the field has no detail to focus on.
        """
        return self._look(round(x_um, 3), round(y_um, 3)).focus_z_um

    def blur_um(self, x_um: float, y_um: float, heights_um: Sequence[float]) -> float | None:
        """How far from focus the field at (x, y) looks that was exposed while the stage passed these heights.

        None where it has no detail to focus on.
        """
        view = self._look(round(x_um, 3), round(y_um, 3))
        if view.spectra is None or view.focus_z_um is None:
            return None
        return self._sharpest.blur_um(view.focus_z_um, heights_um, view.spectra, view.layers_z_um)

    @property
    def _corner(self) -> tuple[int, int]:
        return (self._padded[0] - self._shape[0]) // 2, (self._padded[1] - self._shape[1]) // 2

    def _map(self, task: Callable[[int], Floats]) -> list[Floats]:
        return list(self._pool.map(task, range(len(self._transfers))))

    def _prepare(self, x_um: float, y_um: float) -> _View:
        height, width = self._padded
        top, left = self._corner
        left_px = x_um / self._pixel_um - self._shape[1] / 2 - left
        top_px = y_um / self._pixel_um - self._shape[0] / 2 - top
        column, row = math.floor(left_px), math.floor(top_px)
        matter = self._specimen.matter(column, row, width, height)
        if float(matter.stain.max()) < 1e-3:
            return _View(None, (), None, _NO_SHIFT)
        middle_um = self._surface.z_um(np.array(x_um), np.array(y_um)).item()
        offset_um = matter.offset_um + self._tilt(column, row, middle_um)
        count = _LAYERS + 2 * math.ceil(matter.relief_um / _LAYER_STEP_UM)
        shares = self._pool.submit(layer_shares, offset_um, self._specimen.thickness_um, count)
        contrast = list(self._pool.map(functools.partial(_contrast, matter), self._specimen.absorbance.T))
        detail_um = _height_of_detail(contrast, offset_um, self._corner, self._shape)
        layered = list(itertools.product(contrast, shares.result()))
        flat = list(self._pool.map(_spectrum, layered))
        spectra = [flat[at : at + count] for at in range(0, len(flat), count)]
        layers = [middle_um + (index - (count - 1) / 2) * _LAYER_STEP_UM for index in range(count)]
        return _View(
            spectra=spectra,
            layers_z_um=layers,
            focus_z_um=None
            if detail_um is None
            else self._sharpest.near(middle_um + detail_um, spectra, layers, matter.relief_um),
            shift=(
                _ramp(np.fft.fftfreq(height)[:, None], top_px - row),
                _ramp(np.fft.rfftfreq(width), left_px - column),
            ),
        )

    def _tilt(self, column: int, row: int, middle_um: float) -> Floats:
        """(H, W) z of focus of the padded view relative to its middle, from the surface at 9 x 9 points."""
        height, width = self._padded
        rows, columns = np.linspace(0, height - 1, 9), np.linspace(0, width - 1, 9)
        x_um = (column + columns)[None, :] * self._pixel_um
        y_um = (row + rows)[:, None] * self._pixel_um
        knots = self._surface.z_um(x_um, y_um) - middle_um
        across = np.stack([np.interp(np.arange(width), columns, knot) for knot in knots]).astype(np.float32)
        at = np.arange(height) / (height - 1) * 8
        low = np.minimum(at.astype(np.int64), 7)
        share = (at - low).astype(np.float32)[:, None]
        return cast(Floats, across[low] * (1 - share) + across[low + 1] * share)


def _radial_index(frequency: NDArray[np.float64], transfer: DefocusTransfer) -> NDArray[np.intp]:
    """For every sample of the half spectrum, its place in the radial table."""
    samples = len(transfer.at(0.0))
    place = frequency / transfer.cutoff_per_um * (samples - 1)
    return np.asarray(np.minimum(np.round(place), samples - 1), np.intp)


def layer_shares(offset_um: Floats, thickness_um: float, count: int = _LAYERS) -> list[Floats]:
    """How much of each pixel's matter counts to each layer; the shares of a pixel add up to 1.

    A pixel's matter fills a slab of the given thickness around its offset; each height is shared linearly between
    the two layers next to it (the integral of a tent over the slab). Matter beyond the outermost layers counts to
    these.
    """
    half = np.float32(max(thickness_um, 0.02) / 2 / _LAYER_STEP_UM)
    place = offset_um / np.float32(_LAYER_STEP_UM)
    # integral of the rising ramps: the share of the slab that counts to the layers above each gap between layers
    gaps = [np.float32(gap - (count - 1) / 2) for gap in range(count - 1)]
    above = [_ramp_mean(place - gap, half) for gap in gaps]
    return [1 - above[0], *(low - high for low, high in itertools.pairwise(above)), above[-1]]


def _ramp_mean(centre: Floats, half: np.float32) -> Floats:
    """Mean of clip(u, 0, 1) over u in centre ± half."""
    low, high = np.maximum(centre - half, 0), np.maximum(centre + half, 0)
    area = (_ramp_area(high) - _ramp_area(low)) / (2 * half)
    return cast(Floats, area)


def _ramp_area(u: Floats) -> Floats:
    """Integral of clip(t, 0, 1) for t from 0 to u, u >= 0."""
    inner = np.minimum(u, 1)
    return cast(Floats, inner * inner * np.float32(0.5) + (u - inner))


def _spectrum(layer: tuple[Floats, Floats]) -> Spectrum:
    """Of the light that one layer takes away: all of a colour's, and the layer's share of it."""
    light, share = layer
    return cast(Spectrum, rfft2(light * share, overwrite_x=True))


def _ramp(frequency: NDArray[np.floating[Any]], shift_px: float) -> Spectrum:
    """The factor that shifts a picture by part of a pixel."""
    return np.asarray(np.exp(2j * np.pi * frequency * shift_px), np.complex64)


def _contrast(matter: Matter, absorbance: Floats) -> Floats:
    """Transmitted light less 1 of one colour, from the absorbance of the two stains in it."""
    depth = matter.stain[0] * -absorbance[0]
    depth -= matter.stain[1] * absorbance[1]
    return cast(Floats, np.expm1(depth, out=depth))


def _height_of_detail(
    contrast: Sequence[Floats], offset_um: Floats, corner: tuple[int, int], shape: tuple[int, int]
) -> float | None:
    """Mean z of a field's pixels, weighted by the squared gradient of luminance at half resolution; None: no detail."""
    inner = (slice(corner[0], corner[0] + shape[0]), slice(corner[1], corner[1] + shape[1]))
    red, green, blue = (plane[inner][::2, ::2] for plane in contrast)
    light = 0.299 * red + 0.587 * green + 0.114 * blue
    energy = np.zeros_like(light)
    energy[:, 1:-1] += (light[:, 2:] - light[:, :-2]) ** 2
    energy[1:-1] += (light[2:] - light[:-2]) ** 2
    total = float(energy.sum(dtype=np.float64))
    if total < _TEXTURE_FLOOR * energy.size:
        return None
    return float((energy * offset_um[inner][::2, ::2]).sum(dtype=np.float64) / total)
