from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from firmware_host.errors import UsageError
from firmware_host.twin.picture import PictureSection
from firmware_host.twin.section import ProceduralSection

PIXEL_UM = 0.25


def make_section(seed: int = 3) -> ProceduralSection:
    return ProceduralSection(seed, PIXEL_UM, (600.0, 600.0), 500.0, 2.0)


def test_a_place_looks_the_same_from_any_window_in_any_order() -> None:
    """No seams: what two windows share is equal to the bit, whichever is made first."""
    large = make_section().matter(2200, 2300, 700, 500)
    other = make_section()
    other.matter(2500, 2600, 64, 64)
    small = other.matter(2400, 2450, 200, 150)
    np.testing.assert_array_equal(small.stain, large.stain[:, 150:300, 200:400])
    np.testing.assert_array_equal(small.offset_um, large.offset_um[150:300, 200:400])


def test_a_window_larger_than_what_is_kept_of_the_section_is_whole() -> None:
    """More blocks than the section remembers: those that it forgot are made again, the same."""
    section = make_section()
    first = section.matter(2200, 2200, 300, 300)
    wide = section.matter(0, 0, 4600, 4600)
    np.testing.assert_array_equal(wide.stain[:, 2200:2500, 2200:2500], first.stain)
    again = section.matter(2200, 2200, 300, 300)
    np.testing.assert_array_equal(again.stain, first.stain)


def test_another_seed_is_another_section() -> None:
    assert not np.array_equal(
        make_section(3).matter(2300, 2300, 99, 99).stain, make_section(4).matter(2300, 2300, 99, 99).stain
    )


def test_there_is_tissue_in_the_middle_and_none_far_away() -> None:
    section = make_section()
    middle = section.matter(2200, 2200, 400, 400).stain
    assert (middle.sum(axis=0) > 0.05).mean() > 0.3
    assert not section.matter(4200, 4200, 300, 300).stain.any()


def test_matter_stays_within_the_section_s_thickness_and_folds() -> None:
    offset = make_section().matter(1800, 1800, 1200, 1200).offset_um
    assert offset.max() <= 1.0 + 1e-6
    assert offset.min() >= -1.0 - 1.5 - 1e-6
    assert offset.std() > 0.05


def test_a_picture_comes_back_from_its_stains(tmp_path: Path) -> None:
    """Unmixing into two stains and mixing again keeps a picture of two stains."""
    rng = np.random.default_rng(0)
    stain = np.kron(rng.random((2, 20, 24)), np.ones((8, 8)))
    stain[:, :, :60] = 0
    vectors = np.array([[0.9, 1.0, 0.4], [0.1, 0.9, 0.3]])
    light = np.exp(-np.tensordot(stain, vectors, (0, 0)))
    Image.fromarray(np.round(255 * light ** (1 / 2.2)).astype(np.uint8)).save(tmp_path / "tissue.png")
    section = PictureSection(tmp_path / "tissue.png", 1, PIXEL_UM, (100.0, 100.0), 2.0)
    left, top = 400 - 96, 400 - 80
    matter = section.matter(left, top, 192, 160)
    back = np.exp(-np.tensordot(matter.stain, section.absorbance, (0, 0)))
    assert np.abs(back - light).mean() < 0.03
    assert not section.matter(0, 0, 100, 100).stain.any()


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "cannot be read"), (b"no image", "not an image"), ("tiny", "too small"), ("cut", "cannot be read")],
)
def test_a_bad_picture_is_one_line(tmp_path: Path, content: bytes | str | None, words: str) -> None:
    path = tmp_path / "slide.png"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        size = 20 if content == "tiny" else 300
        Image.effect_noise((size, size), 50).convert("RGB").save(path)
        if content == "cut":
            path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(UsageError, match=words) as caught:
        PictureSection(path, 1, PIXEL_UM, (0.0, 0.0), 2.0)
    assert str(path) in str(caught.value)
