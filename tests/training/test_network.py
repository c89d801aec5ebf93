from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from firmware_host.errors import UsageError
from training.mobilenet import MobileNetV2, MobileNetV3Small
from training.network import FocusNetwork


def light(seed: int, low: float = 0.0, high: float = 1.0) -> torch.Tensor:
    """(3, 1, 64, 64) luminance."""
    values = np.random.default_rng(seed).uniform(low, high, (3, 1, 64, 64))
    return torch.from_numpy(values.astype(np.float32))


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


def test_mobilenet_v3_small_has_torchvision_s_parameters() -> None:
    """2,542,856 of torchvision's mobilenet_v3_small, less its head of 1000 classes, and one output instead."""
    network = MobileNetV3Small()
    state = network.state_dict()
    assert sum(parameter.numel() for parameter in network.parameters()) == 2_542_856 - 1025 * 1000 + 1025
    golden = {
        "features.0.0.weight": (16, 3, 3, 3),
        "features.1.block.0.0.weight": (16, 1, 3, 3),
        "features.1.block.1.fc1.weight": (8, 16, 1, 1),
        "features.4.block.0.0.weight": (96, 24, 1, 1),
        "features.4.block.2.fc2.bias": (96,),
        "features.11.block.3.1.running_mean": (96,),
        "features.12.0.weight": (576, 96, 1, 1),
        "classifier.0.weight": (1024, 576),
        "classifier.3.weight": (1, 1024),
    }
    assert {name: tuple(state[name].shape) for name in golden} == golden


@pytest.mark.parametrize(
    ("backbone", "made", "inner"),
    [
        ("mobilenet-v2", MobileNetV2, "features.3.conv.0.0.weight"),
        ("mobilenet-v3-small", MobileNetV3Small, "features.3.block.0.0.weight"),
    ],
)
@pytest.mark.parametrize("stem_stride", [2, 4])
def test_weights_of_torchvision_are_a_start(
    backbone: str, made: type[torch.nn.Module], inner: str, stem_stride: int, tmp_path: Path
) -> None:
    theirs = made(1.0, 3, 1000).state_dict()
    torch.save(theirs, tmp_path / "imagenet.pth")
    network = FocusNetwork(1.0, "difference+second", stem_stride, backbone=backbone)  # type: ignore[arg-type]
    network.load_pretrained(tmp_path / "imagenet.pth")
    own = network.backbone.state_dict()
    assert torch.equal(own[inner], theirs[inner])
    # White light excites the first convolution as it does in three colours.
    torch.testing.assert_close(*(state["features.0.0.weight"].sum((1, 2, 3)) for state in (own, theirs)))


@pytest.mark.parametrize("content", [None, b"no weights", {"features.0.0.weight": torch.zeros(4, 3, 3, 3)}])
def test_weights_that_do_not_fit_are_one_line(content: object, tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        torch.save(content, path)
    with pytest.raises(UsageError, match=r"pretrained .*w\.pth: not weights of this backbone") as caught:
        FocusNetwork(1.0, "difference", 2).load_pretrained(path)
    assert "\n" not in str(caught.value)


def test_the_difference_is_signed() -> None:
    """A difference of bytes wraps around: 90 - 100 is not 246. Swapping the frames changes its sign, and all of it."""
    network = FocusNetwork(0.25, "difference", stem_stride=2)
    dark, bright = light(1, 0.0, 0.04), light(2, 0.96, 1.0)
    there, back = (network.images(*network.prepare(*pair)[:2]) for pair in ((dark, bright), (bright, dark)))
    torch.testing.assert_close(there, -back)
    grey, step = (torch.full((1, 64, 64, 3), 100, dtype=torch.uint8) for _ in range(2))
    step[:, :32], step[:, 32:] = 110, 90
    difference = network.images(*network.prepare(network._light(grey), network._light(step))[:2])
    assert difference[0, 0, 0, 0] > 0 > difference[0, 0, -1, 0]


@pytest.mark.parametrize("inputs", ["difference", "difference+second"])
def test_a_flat_patch_weighs_nothing_and_is_finite(inputs: str) -> None:
    network = FocusNetwork(0.25, inputs, stem_stride=4).eval()  # type: ignore[arg-type]
    flat = torch.full((2, 64, 64, 3), 200, dtype=torch.uint8)
    with torch.inference_mode():
        move, weight = network(flat, flat)
    assert torch.isfinite(move).all()
    torch.testing.assert_close(weight, torch.zeros(2), atol=1e-5, rtol=0)


def test_the_weight_is_the_deviation_of_luminance() -> None:
    first, second = patches(3), patches(4)
    _, weight = FocusNetwork(0.25, "difference", stem_stride=2)(first, second)
    light = [p.numpy().astype(float) @ [0.299, 0.587, 0.114] / 255 for p in (first, second)]
    expected = np.sqrt((light[0].var(axis=(1, 2)) + light[1].var(axis=(1, 2))) / 2)
    np.testing.assert_allclose(weight.detach().numpy(), expected, rtol=1e-4)


def test_brightness_of_the_lamp_does_not_matter() -> None:
    network = FocusNetwork(0.25, "difference+second", stem_stride=4)
    first, second = light(5, 0, 0.25), light(6, 0, 0.25)
    dim = network.prepare(first, second)[:2]
    bright = network.prepare(first * 3 + 0.1, second * 3 + 0.1)[:2]
    torch.testing.assert_close(dim, bright, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("made", [MobileNetV2, MobileNetV3Small])
@pytest.mark.parametrize("stride", [2, 4, 8])
def test_the_stem_sees_every_pixel(made: type[MobileNetV2] | type[MobileNetV3Small], stride: int) -> None:
    """It spans more than a step, so most pixels are seen several times; where it can, both edges alike."""
    stem = made(0.25, 1, stem_stride=stride).features[0][0]
    torch.nn.init.ones_(stem.weight)
    pixels = torch.zeros(1, 1, 64, 64, requires_grad=True)
    places = stem(pixels)
    assert places.shape[2:] == (64 // stride, 64 // stride)
    places[:, 0].sum().backward()
    times = pixels.grad[0, 0]
    assert sorted(set(times.flatten().tolist())) == [1, 2, 4]
    if stride > 2:
        torch.testing.assert_close(times, times.flip(0, 1))
