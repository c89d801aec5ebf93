"""Where the patches of a field are cut: one rule for the device, for training and for evaluation.

The host only cuts (and, for a camera with another sampling, scales); all arithmetic on pixel values is in the
exported graph, so that training and the device cannot drift apart.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from firmware_host.optics import Objective

Images = NDArray[np.uint8]
OPTICS_CODE = 2
LUMINANCE = (0.299, 0.587, 0.114)  # ITU-R BT.601


@dataclass(frozen=True)
class PatchRule:
    """How the network wants its patches.

    :param size_px: side of a patch as the network sees it, pixels.
    :param sampling: pixel pitch in units of lambda/NA that the network was trained around.
    :param sampling_tolerance: share by which a camera may differ from `sampling` without being scaled.
    :param delta_dof: z of the second frame minus z of the first, in depths of field.
    :param min_weight: patches whose texture weight (standard deviation of luminance, 0 to 1) is lower do not vote.
    """

    size_px: int
    sampling: float
    sampling_tolerance: float
    delta_dof: float
    min_weight: float

    def source_px(self, optics: Objective, pixel_um: float) -> int:
        """Side of the square that is cut from the camera's image, camera pixels."""
        ratio = self.sampling * optics.lateral_unit_um / pixel_um
        if abs(ratio - 1) <= self.sampling_tolerance:
            return self.size_px
        return max(8, round(self.size_px * ratio))

    def optics_code(self, optics: Objective, pixel_um: float) -> NDArray[np.float32]:
        """What the network is told of objective and camera, (`OPTICS_CODE`,), each within -1.2 to 1.2.

        The aperture, because high ones leave the paraxial image; and how far a patch's pixels, as it gets them, are
        from the rule's. A bundle's objectives lie within; others are told as the nearest.
        """
        pitch_um = pixel_um * self.source_px(optics, pixel_um) / self.size_px
        off = math.log(pitch_um / (self.sampling * optics.lateral_unit_um))
        return np.clip(np.array([(optics.na - 0.6) / 0.2, off / 0.15], np.float32), -1.2, 1.2)


def texture(patches: Images) -> NDArray[np.float32]:
    """Standard deviation of luminance (0 to 1) of each patch, from every 4th pixel: (..., H, W, 3) uint8 -> (...)."""
    sparse = patches[..., ::4, ::4, :].astype(np.float32)
    luminance = sparse @ (np.array(LUMINANCE, np.float32) / 255)
    return np.asarray(luminance.std(axis=(-2, -1)))


def grid(image: Images, side: int) -> Images:
    """A view of the image as squares that touch and do not overlap, centred: (rows, columns, side, side, 3)."""
    rows, columns = image.shape[0] // side, image.shape[1] // side
    top, left = (image.shape[0] - rows * side) // 2, (image.shape[1] - columns * side) // 2
    core = image[top : top + rows * side, left : left + columns * side]
    return core.reshape(rows, side, columns, side, 3).swapaxes(1, 2)


def cut_patches(first: Images, second: Images, rule: PatchRule, side: int, count: int) -> tuple[Images, Images]:
    """Cut the `count` most textured patches at the same places from both frames of a field.

    :param first: (H, W, 3) uint8 RGB; :param second: the same shape, `delta` higher.
    :param side: side of a patch in camera pixels, from `PatchRule.source_px`.
    :returns: two (N, size_px, size_px, 3) uint8 arrays, N <= count; N = 0 when no patch fits.
    :raises ValueError: the frames differ in shape.
    """
    if first.shape != second.shape:
        raise ValueError(f"frames differ in shape: {first.shape} and {second.shape}")
    before, after = grid(first, side), grid(second, side)  # views: only what is chosen is copied
    places = np.arange(before.shape[0] * before.shape[1])
    if len(places) > count:
        order = np.argsort(-(texture(before) + texture(after)).ravel(), kind="stable")
        places = np.sort(order[:count])
    rows, columns = np.unravel_index(places, before.shape[:2])
    return _scaled(before[rows, columns], rule.size_px), _scaled(after[rows, columns], rule.size_px)


def _scaled(squares: Images, size: int) -> Images:
    """Resample each square to size x size pixels with an antialiasing filter; unchanged when it has that size."""
    if squares.shape[1] == size:
        return np.ascontiguousarray(squares)
    resized = [Image.fromarray(square).resize((size, size), Image.Resampling.BICUBIC) for square in squares]
    return np.stack([np.asarray(image) for image in resized]) if resized else squares[:, :size, :size]
