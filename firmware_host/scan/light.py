"""Light: what empty glass looks like, how much a view absorbs, and the flat-field correction."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

_GRID = 24  # the shading is smooth: it is estimated on this many cells across
_POWERS = [(i, j) for i in range(5) for j in range(5 - i)]  # of y and x: fifteen terms
_WHITE = 238.0  # level of empty glass in a corrected tile


def view_means(image: Image, cells: int = 6) -> NDArray[np.float64]:
    """(cells, cells, 3) mean levels of an image's squares: enough to tell tissue, at any defocus."""
    rows, columns = image.shape[0] // (2 * cells), image.shape[1] // (2 * cells)
    core = image[: 2 * rows * cells : 2, : 2 * columns * cells : 2]
    squares = core.reshape(cells, rows, cells, columns, 3)
    return np.asarray(squares.mean(axis=(1, 3), dtype=np.float64))


def empty_level(views: NDArray[np.float64]) -> NDArray[np.float64]:
    """(cells, cells, 3) what empty glass looks like: the third brightest level that each square ever had.

    :param views: (N, cells, cells, 3) of `view_means`, N >= 1; a square is lit alike in all views.
    """
    return np.asarray(np.maximum(np.sort(views, axis=0)[-min(3, len(views))], 1.0))


def absorbances(views: NDArray[np.float64], empty: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N,) mean absorbance -log10(I/I0) of (N, cells, cells, 3) views against `empty_level`."""
    depth = -np.log10(np.clip(views, 1.0, None) / empty)
    return np.asarray(np.clip(depth, 0, None).mean(axis=(1, 2, 3)))


class FlatField:
    """Evens out the lamp's and the sensor's shading, and sets empty glass to a neutral white.

    A multiplication per pixel and colour. It holds for a linear camera and for one with a power-law tone curve.

    :param shape: (height, width) of the images; :param terms: per colour, of a polynomial of fourth order: empty
        glass. None leaves images as they are, for a scan without any empty glass.
    """

    def __init__(self, shape: tuple[int, int], terms: Sequence[Sequence[float]] | None) -> None:
        self.terms = terms
        self._gain = np.ones((*shape, 3), np.float32)
        if terms is not None:
            smooth = np.stack([_surface(np.array(colour), *shape) for colour in terms], axis=-1)
            self._gain = (_WHITE / np.maximum(smooth, 1.0)).astype(np.float32)

    @classmethod
    def from_empty(cls, frames: Sequence[Image]) -> FlatField:
        """From frames of empty glass (one or more): their median, smoothed."""
        cells = np.median([_cells(frame) for frame in frames], axis=0)
        height, width = frames[0].shape[:2]
        return cls((height, width), [_terms(cells[..., colour], height, width) for colour in range(3)])

    @classmethod
    def neutral(cls, shape: tuple[int, int]) -> FlatField:
        """Leaves images as they are."""
        return cls(shape, None)

    def apply(self, image: Image) -> Image:
        """(H, W, 3) uint8 corrected; what becomes brighter than 255 stays 255."""
        corrected = image * self._gain
        np.minimum(corrected, 255, out=corrected)
        corrected += 0.5
        return corrected.astype(np.uint8)

    def absorbance(self, corrected: Image) -> float:
        """Mean absorbance of a corrected image; 0 where nobody knows how bright empty glass is."""
        if self.terms is None:
            return 0.0
        views = view_means(corrected)
        return float(absorbances(views[None], np.full_like(views, _WHITE))[0])


def _cells(frame: Image) -> NDArray[np.float64]:
    """(24, 24, 3) median levels of the frame's squares: dust and noise do not count."""
    rows, columns = frame.shape[0] // _GRID, frame.shape[1] // _GRID
    squares = frame[: rows * _GRID, : columns * _GRID].reshape(_GRID, rows, _GRID, columns, 3)
    return np.asarray(np.median(squares, axis=(1, 3)))


def _terms(cells: NDArray[np.float64], height: int, width: int) -> list[float]:
    """The polynomial nearest to the cells."""
    # The squares are whole pixels wide, so a few pixels at the far edges are in none.
    middles = [(np.arange(_GRID) + 0.5) * (size // _GRID) / size * 2 - 1 for size in (height, width)]
    y, x = np.meshgrid(*middles, indexing="ij")
    design = np.stack([y.ravel() ** i * x.ravel() ** j for i, j in _POWERS], axis=1)
    return [float(term) for term in np.linalg.lstsq(design, cells.ravel(), rcond=None)[0]]


def _surface(terms: NDArray[np.float64], height: int, width: int) -> NDArray[np.float64]:
    """(height, width) of the polynomial, at every pixel."""
    down = np.stack([((np.arange(height) + 0.5) / height * 2 - 1) ** i for i in range(5)])
    across = np.stack([((np.arange(width) + 0.5) / width * 2 - 1) ** j for j in range(5)])
    matrix = np.zeros((5, 5))
    for (i, j), value in zip(_POWERS, terms, strict=True):
        matrix[i, j] = value
    return np.asarray(down.T @ matrix @ across)
