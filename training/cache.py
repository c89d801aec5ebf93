"""The planes of many stacks, decoded once into a memory-mapped file, so that no processor waits for JPEG."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from firmware_host.errors import UsageError
from firmware_host.whole_file import whole_file, write_whole
from training.stacks import Stack

Images = NDArray[np.uint8]


def decoded(stacks: list[Stack], cache: Path, progress: Callable[[int, int], None]) -> Images:
    """All planes of all stacks as (planes, H, W, 3), cut to the smallest common size from their middles.

    What lies in `cache` is taken as it is when no image was added, removed or written again since.
    """
    paths = [plane.path for stack in stacks for plane in stack.planes]
    sizes = []
    for stack in stacks:
        with Image.open(stack.planes[0].path) as image:
            sizes.append((image.height, image.width))
    shape = (len(paths), min(size[0] for size in sizes), min(size[1] for size in sizes), 3)
    cache.mkdir(parents=True, exist_ok=True)
    file, index = cache / "planes.npy", cache / "planes.txt"
    listing = "\n".join(_state(path, cache) for path in paths)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another run that decodes the same planes is waited for
        if not (file.exists() and index.exists() and index.read_text() == listing):
            index.unlink(missing_ok=True)
            with whole_file(file) as part:
                planes = np.lib.format.open_memmap(part, mode="w+", dtype=np.uint8, shape=shape)
                for number, path in enumerate(paths):
                    planes[number] = _middle(path, shape[1], shape[2])
                    progress(number + 1, len(paths))
                planes.flush()
            write_whole(index, listing.encode())
        mapped: Images = np.lib.format.open_memmap(file, mode="r")
    return mapped


def _state(path: Path, cache: Path) -> str:
    """Changes when the image does, and does not when the whole folder is moved."""
    found = path.stat()
    return f"{os.path.relpath(path, cache)} {found.st_size} {found.st_mtime_ns}"


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
