"""Augmentation changes the look of a pair and not what it says."""

from __future__ import annotations

import numpy as np
import torch

from firmware_host.patches import LUMINANCE
from training.augment import developed, draw_jpeg, placed
from training.data import Batch
from training.random_tissue import RandomTissue


def pairs(count: int) -> Batch:
    rng = np.random.default_rng(3)
    first, second = (rng.integers(0, 256, (count, 32, 32, 3), dtype=np.uint8) for _ in range(2))
    return Batch(first, second, np.zeros(count, np.float32))


def tensors(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    batch = pairs(count)
    return torch.from_numpy(batch.first), torch.from_numpy(batch.second)


def test_placing_lays_both_frames_the_same_way() -> None:
    """Every one of the eight ways is met, none changes a value, and both frames always lie alike."""
    image = np.arange(16 * 16 * 3).reshape(16, 16, 3).astype(np.uint8)
    pair = np.stack([image, image])
    seen = set()
    for seed in range(200):
        rng = np.random.default_rng(seed)
        result = placed(pair, rng, draw_jpeg(rng))
        np.testing.assert_array_equal(result[0], result[1])
        if sorted(result[0].ravel()) == sorted(image.ravel()):  # not compressed
            seen.add(result[0].tobytes())
    assert len(seen) == 8


def test_development_is_a_function_of_its_seed() -> None:
    first, second = tensors(6)
    once = developed(first, second, np.arange(6), np.random.default_rng(5))
    again = developed(first, second, np.arange(6), np.random.default_rng(5))
    other = developed(first, second, np.arange(6), np.random.default_rng(6))
    assert torch.equal(once[0], again[0])
    assert torch.equal(once[1], again[1])
    assert not torch.equal(once[0], other[0])


def test_light_keeps_its_shape_its_range_and_its_order() -> None:
    """A brighter grey stays brighter, whatever the tone curve; values stay within 0 to 1."""
    ramp = torch.arange(0, 256, 8, dtype=torch.uint8)[None, None, :, None].expand(40, 32, 32, 3)
    before, after = developed(ramp, ramp, np.arange(40), np.random.default_rng(1))
    assert before.shape == after.shape == (40, 1, 32, 32)
    assert float(before.min()) >= 0
    assert float(before.max()) <= 1
    rows = before.mean((1, 2))
    assert bool((rows[:, 28] > rows[:, 4]).all())


def test_both_frames_get_the_same_tone() -> None:
    """Without noise the frames of a pair differ by the lamp's flicker alone: at most some percent."""
    grey = torch.full((64, 32, 32, 3), 90, dtype=torch.uint8)
    before, after = (light.mean((1, 2, 3)) for light in developed(grey, grey, np.arange(64), np.random.default_rng(2)))
    torch.testing.assert_close(before, after, rtol=0.08, atol=0)
    assert float(before.std()) > 0.01


def test_pairs_of_one_camera_get_the_same_tone() -> None:
    grey = torch.full((60, 32, 32, 3), 90, dtype=torch.uint8)
    light, _ = developed(grey, grey, np.repeat(np.arange(20), 3), np.random.default_rng(2))
    levels = light.mean((1, 2, 3)).reshape(20, 3)
    assert float((levels.std(1) / levels.mean(1)).mean()) < 0.03  # the lamp's flicker
    assert float(levels.mean(1).std()) > 0.01


def test_luminance_is_the_one_that_the_device_sees() -> None:
    """Averaged over many draws, development is centred on plain luminance times its mean exposure."""
    first, _ = tensors(1)
    many = first.expand(4000, -1, -1, -1)[:, :8, :8]
    light = developed(many, many, np.arange(4000), np.random.default_rng(7))[0].mean((0, 1))
    plain = first[0, :8, :8].numpy() @ np.array(LUMINANCE) / 255
    assert np.corrcoef(light.numpy().ravel(), plain.ravel())[0, 1] > 0.98


def test_random_tissue_repeats_and_differs_by_seed() -> None:
    tissue = RandomTissue(3, 2.0)
    here, there = tissue.matter(-40, 7, 64, 48), tissue.matter(-40 + 512, 7 - 512, 64, 48)
    np.testing.assert_array_equal(here.stain, there.stain)
    np.testing.assert_array_equal(here.offset_um, there.offset_um)
    np.testing.assert_array_equal(here.stain, RandomTissue(3, 2.0).matter(-40, 7, 64, 48).stain)
    assert not np.array_equal(here.stain, RandomTissue(4, 2.0).matter(-40, 7, 64, 48).stain)


def test_random_tissue_is_sane() -> None:
    for seed in range(12):
        matter = RandomTissue(seed, 2.0).matter(0, 0, 512, 512)
        assert np.isfinite(matter.stain).all()
        assert float(matter.stain.min()) >= 0
        assert float(matter.stain.max()) < 10
        assert float(np.abs(matter.offset_um).max()) <= 1.0
        assert float(matter.stain.sum(axis=0).std()) > 0.005
