"""The calibration of a network: a function of a set of examples, and what a slide without any gets."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from training.network import FocusNetwork


@pytest.fixture(scope="module")
def network() -> FocusNetwork:
    torch.manual_seed(0)
    made = FocusNetwork(0.25, "difference+second", 2, spectra=16, size_px=32, code=3).eval()
    assert made.calibrator is not None
    with torch.no_grad():  # untrained, it hardly cares for the moves
        made.calibrator.example[0].weight[:, -1].mul_(100)
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
def test_slides_are_calibrated_each_by_its_own_examples(network: FocusNetwork) -> None:
    """In a lesson: slides 0 and 2 have examples, 1 has none and is answered as a slide that nothing is known of."""
    ours, theirs = examples(5, 1), examples(5, 2)
    asked = examples(3, 3)

    def light(part: torch.Tensor) -> torch.Tensor:
        return network._light(part)

    shown = [torch.cat([a, b]) for a, b in zip(ours, theirs, strict=True)]
    moves, _ = network.learn(
        (light(asked[0]), light(asked[1])),
        (light(shown[0]), light(shown[1])),
        shown[2],
        torch.tensor([0, 2]),
        torch.tensor([0, 1, 2]),
    )
    codes = [network.calibrate(*ours), None, network.calibrate(*theirs)]
    for at, code in enumerate(codes):
        alone, _ = network(asked[0][at : at + 1], asked[1][at : at + 1], code)
        torch.testing.assert_close(moves[at : at + 1], alone, atol=1e-4, rtol=1e-4)


def test_without_spectra_there_is_no_calibration() -> None:
    assert FocusNetwork(0.25, "difference", 2, code=8).calibrator is None
