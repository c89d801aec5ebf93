from __future__ import annotations

import numpy as np
import pytest
import torch

from training.network import FocusNetwork, MobileNetV2


def patches(seed: int, count: int = 3, size: int = 64) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 256, (count, size, size, 3), dtype=np.uint8))


def test_parameters_are_named_and_shaped_as_torchvision_s() -> None:
    network = MobileNetV2()
    state = network.state_dict()
    assert sum(parameter.numel() for parameter in network.parameters()) == 2_225_153
    golden = {
        "features.0.0.weight": (32, 3, 3, 3),
        "features.0.1.running_var": (32,),
        "features.1.conv.0.0.weight": (32, 1, 3, 3),
        "features.1.conv.1.weight": (16, 32, 1, 1),
        "features.2.conv.0.0.weight": (96, 16, 1, 1),
        "features.2.conv.1.0.weight": (96, 1, 3, 3),
        "features.2.conv.2.weight": (24, 96, 1, 1),
        "features.2.conv.3.weight": (24,),
        "features.17.conv.2.weight": (320, 960, 1, 1),
        "features.18.0.weight": (1280, 320, 1, 1),
        "classifier.1.weight": (1, 1280),
        "classifier.1.bias": (1,),
    }
    assert {name: tuple(state[name].shape) for name in golden} == golden


def test_the_difference_is_signed() -> None:
    """A difference of bytes wraps around: 10 - 250 is not 16."""
    network = FocusNetwork(0.25, "difference", fold=1)
    dark, light = patches(1) // 25, 255 - patches(2) // 25
    there, _ = network.prepare(dark, light)
    back, _ = network.prepare(light, dark)
    torch.testing.assert_close(there, -back)


@pytest.mark.parametrize("inputs", ["difference", "difference+second"])
def test_a_flat_patch_weighs_nothing_and_is_finite(inputs: str) -> None:
    network = FocusNetwork(0.25, inputs, fold=2).eval()  # type: ignore[arg-type]
    flat = torch.full((2, 64, 64, 3), 200, dtype=torch.uint8)
    with torch.inference_mode():
        move, weight = network(flat, flat)
    assert torch.isfinite(move).all()
    torch.testing.assert_close(weight, torch.zeros(2), atol=1e-5, rtol=0)


def test_the_weight_is_the_deviation_of_luminance() -> None:
    first, second = patches(3), patches(4)
    _, weight = FocusNetwork(0.25, "difference", fold=1).prepare(first, second)
    light = [p.numpy().astype(float) @ [0.299, 0.587, 0.114] / 255 for p in (first, second)]
    expected = np.sqrt((light[0].var(axis=(1, 2)) + light[1].var(axis=(1, 2))) / 2)
    np.testing.assert_allclose(weight.numpy(), expected, rtol=1e-4)


def test_brightness_of_the_lamp_does_not_matter() -> None:
    network = FocusNetwork(0.25, "difference+second", fold=2)
    first, second = patches(5) // 4, patches(6) // 4
    dim, _ = network.prepare(first, second)
    bright, _ = network.prepare(first * 3 + 30, second * 3 + 30)
    torch.testing.assert_close(dim, bright, atol=2e-2, rtol=1e-3)


@pytest.mark.parametrize(("inputs", "fold", "channels"), [("difference", 1, 1), ("difference+second", 2, 8)])
def test_folding_keeps_every_pixel(inputs: str, fold: int, channels: int) -> None:
    images, _ = FocusNetwork(0.25, inputs, fold).prepare(patches(7), patches(8))  # type: ignore[arg-type]
    plain, _ = FocusNetwork(0.25, inputs, 1).prepare(patches(7), patches(8))  # type: ignore[arg-type]
    assert images.shape == (3, channels, 64 // fold, 64 // fold)
    torch.testing.assert_close(images.flatten().sort().values, plain.flatten().sort().values)
