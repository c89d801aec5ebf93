"""The planes of many stacks, decoded once into a memory-mapped file, so that no processor waits for JPEG."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from firmware_host.errors import UsageError
from training.stacks import Stack

Images = NDArray[np.uint8]


def decoded(stacks: list[Stack], cache: Path, progress: Callable[[int, int], None]) -> Images:
    """All planes of all stacks as (planes, H, W, 3), cut to the smallest common size from their middles."""
    paths = [plane.path for stack in stacks for plane in stack.planes]
    sizes = []
    for stack in stacks:
        with Image.open(stack.planes[0].path) as image:
            sizes.append((image.height, image.width))
    height, width = min(size[0] for size in sizes), min(size[1] for size in sizes)
    shape = (len(paths), height, width, 3)
    cache.mkdir(parents=True, exist_ok=True)
    file, index = cache / "planes.npy", cache / "planes.txt"
    listing = "\n".join(str(path) for path in paths)
    if not (file.exists() and index.exists() and index.read_text() == listing):
        index.unlink(missing_ok=True)
        planes = np.lib.format.open_memmap(file, mode="w+", dtype=np.uint8, shape=shape)
        for number, path in enumerate(paths):
            planes[number] = _middle(path, height, width)
            progress(number + 1, len(paths))
        planes.flush()
        index.write_text(listing)
    mapped: Images = np.lib.format.open_memmap(file, mode="r")
    return mapped


def _middle(path: Path, height: int, width: int) -> Images:
    try:
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("RGB"))
    except OSError as error:
        raise UsageError(f"plane {path}: cannot be decoded: {error}; remove it") from error
    top, left = (pixels.shape[0] - height) // 2, (pixels.shape[1] - width) // 2
    if top < 0 or left < 0:
        raise UsageError(f"plane {path}: smaller than the first plane of its stack")
    return pixels[top : top + height, left : left + width]
