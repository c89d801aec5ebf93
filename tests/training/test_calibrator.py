"""The calibration of a network: a function of a set of examples, and what a slide without any gets."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from training.network import FocusNetwork
from training.settings import PAIRS_PER_PLACE


@pytest.fixture(scope="module")
def network() -> FocusNetwork:
    torch.manual_seed(0)
    made = FocusNetwork(0.25, "difference+second", 2, spectra=16, size_px=32, code=3).eval()
    assert made.calibrator is not None
    with torch.no_grad():  # untrained, it hardly cares for the moves
        made.calibrator.example[0].weight[:, -1].mul_(100)
        made.backbone.classifier[-1].bias.add_(1)  # nor for its images
    return made


def examples(count: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(seed)
    first, second = (torch.from_numpy(rng.integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)) for _ in range(2))
    return first, second, torch.from_numpy(rng.uniform(-3, 3, count).astype(np.float32))


@torch.inference_mode()
def test_the_order_of_the_examples_does_not_matter_and_their_moves_do(network: FocusNetwork) -> None:
    first, second, moves = examples(6)
    order = torch.tensor([3, 1, 5, 0, 2, 4])
    code = network.calibrate(first, second, moves)
    assert code.shape == (3,)
    assert float(code.abs().max()) < 1
    torch.testing.assert_close(code, network.calibrate(first[order], second[order], moves[order]))
    assert float((code - network.calibrate(first, second, -moves)).abs().max()) > 1e-3


@torch.inference_mode()
def test_examples_twice_say_the_same_and_flat_ones_say_nothing(network: FocusNetwork) -> None:
    first, second, moves = examples(4)
    code = network.calibrate(first, second, moves)
    torch.testing.assert_close(code, network.calibrate(*(torch.cat([part, part]) for part in (first, second, moves))))
    flat = torch.full((4, 32, 32, 3), 200, dtype=torch.uint8)
    padded = [torch.cat([part, extra]) for part, extra in ((first, flat), (second, flat), (moves, -moves))]
    torch.testing.assert_close(code, network.calibrate(*padded), atol=1e-3, rtol=1e-3)


@torch.inference_mode()
def test_in_a_lesson_each_place_is_calibrated_by_what_its_teacher_shows(network: FocusNetwork) -> None:
    """Three places of five pairs, of which two are shown. Place 0 learns from 2, 2 from 0, and 1 from nobody.

    The images of the first pair of each place are looked at; a pair whose images are not is told by its spectra alone.
    """
    first, second, _ = examples(15)
    shown_dof = torch.tensor([[-2.0, 1.0], [0.5, 3.0], [2.5, -0.5]])
    optics = torch.tensor([[0.5, -0.5], [0.0, 1.0], [0.5, -0.5]])
    light = (network._light(part) for part in (first, second))
    moves = network.learn(*network.see(*light), optics, shown_dof, torch.tensor([2, -1, 0]))
    for place, teacher in ((0, 2), (1, None), (2, 0)):
        code = torch.zeros(3)
        if teacher is not None:
            shown = slice(5 * teacher, 5 * teacher + 2)
            code = network.calibrate(first[shown], second[shown], shown_dof[teacher])
        of = slice(5 * place, 5 * place + 2)
        alone, _ = network(first[of], second[of], torch.cat([optics[place], code]))
        torch.testing.assert_close(moves[of][0], alone[0], atol=1e-4, rtol=1e-4)
        assert abs(float(moves[of][1] - alone[1])) > 1e-2


def test_images_of_near_pairs_and_of_far_ones_are_looked_at(network: FocusNetwork) -> None:
    """A place shows near pairs first. Were only those looked at, images would come to mean that focus is near."""
    frames = torch.rand((240, 1, 32, 32), generator=torch.Generator().manual_seed(0))
    images, spectra, texture = network.see(frames, frames.flip(0))
    all_images = network.images(*network.prepare(frames, frames.flip(0))[:2])
    looked_at = [at for at, image in enumerate(all_images) if any(torch.equal(image, some) for some in images)]
    assert len(looked_at) == len(images) < len(spectra) == len(texture) == len(frames)
    assert {at % PAIRS_PER_PLACE for at in looked_at} == set(range(PAIRS_PER_PLACE))


def test_without_spectra_there_is_no_calibration() -> None:
    assert FocusNetwork(0.25, "difference", 2, code=8).calibrator is None
