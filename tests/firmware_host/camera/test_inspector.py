"""What only several frames tell: what lies on the slide after all, and what may repeat itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from untrusty import HEIGHT, MS, WIDTH, picture

from firmware_host.camera.flaws import Flaw
from firmware_host.camera.inspector import Inspector, Place
from firmware_host.camera.port import Frame

TORN_ROW = 90


class Looking:
    """Frames of 8 ms, one every 100 ms."""

    def __init__(self, noisy: bool = True) -> None:
        self.inspector = Inspector((HEIGHT, WIDTH), noisy)
        self.rng = np.random.default_rng(5)
        self.number = 0

    def at(self, place: Place, picture: NDArray[np.float64], noise: float = 2.0) -> Flaw | None:
        green = picture + self.rng.normal(0, noise, picture.shape) if noise else picture
        return self.delivered(place, np.clip(np.stack([green] * 3, axis=-1), 0, 255).astype(np.uint8))

    def delivered(self, place: Place, image: NDArray[np.uint8]) -> Flaw | None:
        self.number += 1
        began_ns = self.number * 100 * MS
        frame = Frame(image, began_ns, 8 * MS, self.number)
        return self.inspector.flaw(frame, place, began_ns, began_ns + 30 * MS)


def torn(number: float, row: int = TORN_ROW) -> NDArray[np.float64]:
    """Something with an edge as sharp as a cut, from one row to the next."""
    return np.concatenate([picture((1.0, number, 0.0))[:row], picture((2.0, number, 0.0))[row:]])


def flaws(looking: Looking, place: Place, pictures: Sequence[NDArray[np.float64]]) -> list[str | None]:
    found = [looking.at(place, each) for each in pictures]
    return [None if flaw is None else flaw.cause for flaw in found]


def test_what_is_torn_alike_in_four_frames_lies_on_the_slide() -> None:
    looking, place = Looking(), (10.0, 10.0, 300.0)
    assert flaws(looking, place, [torn(0)] * 4) == ["frame half"] * 3 + [None]
    assert flaws(looking, place, [torn(0)]) == [None]


@pytest.mark.parametrize("what", ["another row", "another picture", "another place"])
def test_what_is_torn_in_another_way_each_time_does_not(what: str) -> None:
    looking = Looking()
    for number in range(8):
        place = (10.0 * (number if what == "another place" else 1), 10.0, 300.0)
        picture = torn(number if what == "another picture" else 0, TORN_ROW + (9 * number if "row" in what else 0))
        assert looking.at(place, picture) is not None


def test_a_camera_that_tears_at_one_row_everywhere_is_found_out() -> None:
    """Four frames alike at each place, as it does so every time; at the fourth place it is not believed any more."""
    looking = Looking()
    for number in range(5):
        found = flaws(looking, (10.0 * number, 10.0, 300.0), [torn(number)] * 5)
        assert (found[-1] is None) is (number < 3)


def test_rows_without_noise_are_never_the_slide() -> None:
    looking = Looking()
    half = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    half[:TORN_ROW] = np.random.default_rng(1).normal(150, 20, (TORN_ROW, WIDTH, 1)).astype(np.uint8)
    for _ in range(6):
        flaw = looking.delivered((10.0, 10.0, 300.0), half)
        assert flaw is not None
        assert flaw.cause == "frame half"


@pytest.mark.parametrize("noisy", [True, False])
def test_a_recording_may_show_one_plane_at_two_heights(noisy: bool) -> None:
    looking = Looking(noisy)
    plane = picture((3.0, 3.0, 0.0)) + np.random.default_rng(2).normal(0, 2, (HEIGHT, WIDTH))
    assert looking.at((10.0, 10.0, 300.0), plane, noise=0) is None
    flaw = looking.at((10.0, 10.0, 301.0), plane, noise=0)
    assert (None if flaw is None else flaw.cause) == ("frame stale" if noisy else None)


def test_a_frame_from_before_the_stage_stood_still_is_stale_whatever_its_number() -> None:
    looking = Looking()
    image = np.clip(picture((4.0, 4.0, 0.0))[..., None], 0, 255).repeat(3, axis=2).astype(np.uint8)
    frame = Frame(image, 1000 * MS, 8 * MS, 17)
    flaw = looking.inspector.flaw(frame, (10.0, 10.0, 300.0), not_before_ns=1000 * MS + 1, now_ns=1100 * MS)
    assert flaw is not None
    assert flaw.cause == "frame stale"
    assert looking.inspector.flaw(frame, (10.0, 10.0, 300.0), 1000 * MS, 1100 * MS) is None


def test_a_number_comes_once_until_the_camera_has_started_again() -> None:
    looking, place = Looking(), (10.0, 10.0, 300.0)
    assert looking.at(place, picture((4.0, 4.0, 0.0))) is None
    looking.number = 0
    flaw = looking.at(place, picture((4.0, 4.0, 0.0)))
    assert flaw is not None
    assert flaw.cause == "frame stale"
    looking.number = 0
    looking.inspector.restarted()
    assert looking.at(place, picture((4.0, 4.0, 0.0))) is None


def test_the_same_frame_at_the_same_place_does_no_harm() -> None:
    """As an emulated scanner whose noise goes by place shows it."""
    looking = Looking()
    plane = picture((3.0, 3.0, 0.0)) + np.random.default_rng(2).normal(0, 2, (HEIGHT, WIDTH))
    for place in ((10.0, 10.0, 300.0), (10.0, 10.0, 300.0)):
        assert looking.at(place, plane, noise=0) is None
    assert looking.at((20.0, 10.0, 300.0), plane, noise=0) is not None
