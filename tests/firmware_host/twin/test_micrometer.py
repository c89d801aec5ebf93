"""The emulated calibration slide: one grid, from whatever window it is looked at."""

from __future__ import annotations

import numpy as np
import pytest

from firmware_host.twin.micrometer import DotGrid


def test_windows_show_parts_of_one_slide() -> None:
    slide = DotGrid(3, 0.25, (1000.0, 800.0), 10.0)
    whole = slide.matter(3000, -200, 300, 200)
    part = slide.matter(3100, -150, 120, 90)
    np.testing.assert_array_equal(whole.stain[:, 50:140, 100:220], part.stain)
    assert not whole.offset_um.any()


def test_dots_of_half_a_pitch_cover_a_fifth() -> None:
    """A circle of half the pitch across: pi/16 of each square."""
    stain = DotGrid(3, 0.25, (0.0, 0.0), 10.0).matter(0, 0, 800, 800).stain
    assert stain[0].mean() == pytest.approx(np.pi / 16, rel=0.01)
    assert stain.min() == 0
    assert stain.max() == 1
    assert not stain[1].any()


def test_it_lies_a_little_askew_as_a_hand_laid_it() -> None:
    one, other = (DotGrid(seed, 0.25, (0.0, 0.0), 10.0).matter(0, 0, 200, 200).stain for seed in (1, 2))
    assert not np.array_equal(one, other)
