"""What a camera and a stage may do to a pair of patches without changing the answer.

Everything that belongs to the camera (tone, colour, demosaicing, JPEG) is done alike to both frames of a pair; noise
and the lamp's flicker are each frame's own. Nothing here moves the focus: blur and sharpening are slight, and the
same for both. `placed` works on one pair while it is loaded, `developed` on a whole batch, on any device.
"""

from __future__ import annotations

import io

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from firmware_host.patches import LUMINANCE

Images = NDArray[np.uint8]

_JPEG_SHARE, _SOFT_SHARE, _NOISE_SHARE = 0.2, 0.3, 0.5
_POOL_SIDE = 1024
_NOISE = torch.from_numpy(np.random.default_rng(41).standard_normal(_POOL_SIDE**2, dtype=np.float32))


def draw_jpeg(rng: np.random.Generator) -> int | None:
    """The JPEG quality of a camera; None: it does not compress."""
    return int(rng.integers(60, 96)) if rng.random() < _JPEG_SHARE else None


def placed(pair: Images, rng: np.random.Generator, jpeg: int | None) -> Images:
    """Lay a square down in one of its eight ways, and compress it as its camera does.

    :param pair: (2, P, P, 3) uint8, the first and the second frame; the result has the same shape.
    """
    transpose, flip_y, flip_x = rng.random(3) < 0.5
    if transpose:
        pair = pair.swapaxes(1, 2)
    pair = pair[:, :: -1 if flip_y else 1, :: -1 if flip_x else 1]
    return pair if jpeg is None else np.stack([_compressed(frame, jpeg) for frame in pair])


def developed(
    first: Tensor, second: Tensor, camera: NDArray[np.int64], rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Luminance of a batch of pairs under another exposure, tone curve, white balance and noise for each camera.

    :param first, second: (N, P, P, 3) uint8; :param camera: (N,) number of the camera that took the pair, from 0.
    :returns: two (N, 1, P, P) float32, 0 to 1, on the same device.
    """
    count, device = len(first), first.device
    cameras = int(camera.max()) + 1
    gain = (rng.uniform(0.75, 1.1, (cameras, 1)) * rng.uniform(0.85, 1.15, (cameras, 3)))[camera]
    bend = rng.uniform(-0.35, 0.35, (cameras, 1))[camera]  # x + bend·x·(1 - x): the tone curve
    soft = np.where(rng.random(cameras) < _SOFT_SHARE, rng.uniform(-0.12, 0.15, cameras), 0)[camera]
    noise = np.where(rng.random(cameras) < _NOISE_SHARE, rng.uniform(0.5, 3.0, cameras) / 255, 0)[camera]
    flicker = 1 + rng.normal(0, 0.01, (2, count, 1))
    result = []
    for frame, images in enumerate((first, second)):
        light = torch.zeros(images.shape[:3], device=device)
        for colour, share in enumerate(LUMINANCE):
            level = images[..., colour] * _per_pair(gain[:, colour] * flicker[frame, :, 0] / 255, device)
            curve = _per_pair(share * (1 + bend[:, 0]), device) - _per_pair(share * bend[:, 0], device) * level
            light.addcmul_(level, curve)
        light = _softened(light.unsqueeze(1), soft)
        starts = rng.integers(0, len(_NOISE) - light[0].numel(), count)
        light = _noisy(light, noise, starts)
        result.append(light.clamp_(0, 1))
    return result[0], result[1]


def _per_pair(values: NDArray[np.float64], device: torch.device) -> Tensor:
    """(N,) as (N, 1, 1) float32."""
    return torch.from_numpy(values.astype(np.float32))[:, None, None].to(device)


def _softened(light: Tensor, amounts: NDArray[np.float64]) -> Tensor:
    """Demosaicing blurs (amount > 0), in-camera sharpening does the reverse: a separable kernel of 3 x 3."""
    chosen = torch.from_numpy(np.flatnonzero(amounts)).to(light.device)
    if len(chosen) == 0:
        return light
    some = light[chosen]
    amount = _per_pair(amounts[amounts != 0], light.device).unsqueeze(1)
    for axis in (2, 3):
        some = some + amount * (some.roll(1, axis) + some.roll(-1, axis) - 2 * some)
    return light.index_copy(0, chosen, some)


def _noisy(light: Tensor, deviations: NDArray[np.float64], starts: NDArray[np.int64]) -> Tensor:
    pool = _NOISE.to(light.device)
    size = light[0].numel()
    for index in np.flatnonzero(deviations):
        noise = pool[int(starts[index]) : int(starts[index]) + size].reshape(light[index].shape)
        light[index].add_(noise, alpha=float(deviations[index]))
    return light


def _compressed(frame: Images, quality: int) -> Images:
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(frame)).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))
