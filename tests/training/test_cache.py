"""The decoded planes: taken as they are while nothing changed, made again when something did, never half."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from firmware_host.errors import UsageError
from firmware_host.optics import Objective
from firmware_host.stack_folder import write_stack
from training.cache import Images, decoded
from training.stacks import read_stacks

OPTICS = Objective(0.75)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "stacks"
    for level, name in ((50, "a"), (150, "b")):
        images = [np.full((40, 48, 3), level + plane, np.uint8) for plane in range(5)]
        write_stack(root / "X/train" / name, images, np.arange(5) * 0.5, OPTICS, 0.25, "png")
    return root


def opened(root: Path) -> tuple[Images, int]:
    """The planes, and how many had to be decoded."""
    stacks, _ = read_stacks(root, "train", OPTICS, 0.25)
    told = [0]
    planes = decoded(stacks, root / "cache", lambda done, _: told.append(done))
    return planes, told[-1]


def levels(planes: Images) -> list[int]:
    return [int(level) for level in planes[:, 0, 0, 0]]


def test_planes_are_decoded_once_and_in_order(root: Path) -> None:
    planes, count = opened(root)
    assert planes.shape == (10, 40, 48, 3)
    assert levels(planes) == [*range(50, 55), *range(150, 155)]
    assert count == 10
    assert opened(root)[1] == 0


def test_a_folder_that_was_moved_is_not_decoded_again(root: Path, tmp_path: Path) -> None:
    opened(root)
    shutil.move(root, tmp_path / "elsewhere")
    assert opened(tmp_path / "elsewhere")[1] == 0


def test_an_image_written_again_is_decoded_again(root: Path) -> None:
    before, _ = opened(root)
    path = sorted((root / "X/train/a").glob("*.png"))[0]
    with Image.open(path) as image:
        exif = image.getexif()
    Image.new("RGB", (48, 40), (9, 9, 9)).save(path, exif=exif)
    after, count = opened(root)
    assert count == 10
    assert levels(after)[0] == 9
    assert levels(before)[0] == 50  # a run that reads the old planes goes on reading them


def test_an_image_that_cannot_be_decoded_leaves_nothing_that_passes_for_whole(root: Path) -> None:
    path = sorted((root / "X/train/b").glob("*.png"))[3]
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(UsageError, match=path.name):
        opened(root)
    assert not list((root / "cache").glob("*.part"))
    assert not list((root / "cache").glob(".*.part"))
    path.write_bytes(whole)
    assert levels(opened(root)[0])[8] == 153
