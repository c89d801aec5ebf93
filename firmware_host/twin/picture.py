"""A slide made from an image that the user names: its colours are unmixed into two stains, its place is the middle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from firmware_host.errors import UsageError
from firmware_host.twin.noise import cloud, sample
from firmware_host.twin.section import Matter

Floats = NDArray[np.float32]

_MAX_PIXELS = 200_000_000


class PictureSection:
    """A sharp picture of tissue laid on the slide, one picture pixel per camera pixel, glass around it.

    :param path: an RGB image, taken at about the camera's sampling.
    :param seed: of the heights of the matter within the section.
    :raises UsageError: the file is missing, no image, too small or too large.
    """

    def __init__(
        self, path: Path, seed: int, pixel_um: float, centre_um: tuple[float, float], thickness_um: float
    ) -> None:
        image = _read(path)
        light = (np.asarray(image, np.float32) / 255) ** np.float32(2.2)
        white = np.percentile(light[::8, ::8], 98, axis=(0, 1)).astype(np.float32)
        depth = -np.log(np.clip(light / np.maximum(white, 0.05), 1e-2, 1))
        self._thickness_um = thickness_um
        self._absorbance = _stain_vectors(depth)
        unmixed = depth.reshape(-1, 3) @ np.linalg.pinv(self._absorbance).astype(np.float32)
        self._stain = np.maximum(unmixed, 0).T.reshape(2, *depth.shape[:2])
        self._left = round(centre_um[0] / pixel_um) - depth.shape[1] // 2
        self._top = round(centre_um[1] / pixel_um) - depth.shape[0] // 2
        self._mottle = cloud(np.random.default_rng([seed, 13]), 1024, 2 / pixel_um, 60 / pixel_um)

    @property
    def absorbance(self) -> Floats:
        return self._absorbance

    @property
    def thickness_um(self) -> float:
        return self._thickness_um

    @property
    def size_px(self) -> tuple[int, int]:
        """(height, width) of the picture, pixels."""
        return self._stain.shape[1], self._stain.shape[2]

    def matter(self, column: int, row: int, width: int, height: int) -> Matter:
        stain = np.zeros((2, height, width), np.float32)
        top, left = self._top - row, self._left - column
        y0, y1 = max(top, 0), min(top + self._stain.shape[1], height)
        x0, x1 = max(left, 0), min(left + self._stain.shape[2], width)
        if y0 < y1 and x0 < x1:
            stain[:, y0:y1, x0:x1] = self._stain[:, y0 - top : y1 - top, x0 - left : x1 - left]
        mottle = sample(self._mottle, np.arange(row, row + height), np.arange(column, column + width))
        offset = np.clip(0.1 * self._thickness_um * mottle, -self._thickness_um / 2, self._thickness_um / 2)
        return Matter(stain, offset.astype(np.float32))


def _read(path: Path) -> Image.Image:
    try:
        with Image.open(path) as image:
            if image.width * image.height > _MAX_PIXELS:
                raise UsageError(f"slide image {path}: larger than {_MAX_PIXELS // 10**6} megapixels; crop it")
            if min(image.size) < 64:
                raise UsageError(f"slide image {path}: {image.width} x {image.height} px is too small; 64 px at least")
            return image.convert("RGB")
    except UnidentifiedImageError as error:
        raise UsageError(f"slide image {path}: not an image that can be read (PNG, JPEG or TIFF)") from error
    except (OSError, Image.DecompressionBombError) as error:
        raise UsageError(f"slide image {path}: cannot be read: {error}") from error


def _stain_vectors(depth: Floats) -> Floats:
    """(2, 3) the two extreme absorption colours of a picture (Macenko et al., ISBI 2009, simplified)."""
    points = depth[::4, ::4].reshape(-1, 3)
    points = points[points.sum(axis=1) > 0.3]
    fallback = np.array([[0.98, 1.12, 0.52], [0.12, 0.92, 0.38]], np.float32)
    if len(points) < 100:
        return fallback
    _, vectors = np.linalg.eigh(np.cov(points.T))
    plane = vectors[:, [2, 1]] * np.sign(vectors[:, [2, 1]].sum(axis=0) + 1e-9)
    at = points @ plane
    angles = np.arctan2(at[:, 1], at[:, 0])
    ends = [plane @ np.array([np.cos(a), np.sin(a)]) for a in np.percentile(angles, [2, 98])]
    stains = np.abs(np.array(ends, np.float32))
    if np.linalg.cond(stains) > 30:
        return fallback
    return stains
