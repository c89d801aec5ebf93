from __future__ import annotations

import math

import pytest
import torch

from training.loss import focus_loss


def test_phase_1_is_the_texture_weighted_mean() -> None:
    """Smooth-L1 of 0.5 is 0.125, of 3 is 2.5."""
    loss = focus_loss(torch.tensor([0.5, 3.0]), torch.zeros(2), torch.tensor([3.0, 1.0]), 1)
    assert loss.item() == pytest.approx((3 * 0.125 + 1 * 2.5) / 4)


def test_phase_2_weighs_fields_near_focus_more() -> None:
    """1/(ln(|d| + 1) + 1): at d = 0 it is 1, at |d| = e - 1 it is 1/2."""
    truth = torch.tensor([0.0, -(math.e - 1)])
    loss = focus_loss(truth + 1, truth, torch.ones(2), 2)
    both = focus_loss(torch.stack([truth[0] + 1, truth[1]]), truth, torch.ones(2), 2)
    assert loss.item() == pytest.approx(0.5)
    assert both.item() == pytest.approx(0.5 * 1 / (1 + 0.5))


def test_a_patch_without_texture_does_not_count() -> None:
    with_flat = focus_loss(torch.tensor([1.0, 99.0]), torch.zeros(2), torch.tensor([0.2, 0.0]), 2)
    assert with_flat.item() == pytest.approx(0.5)
