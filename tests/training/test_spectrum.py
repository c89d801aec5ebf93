"""The spectra that the network is handed, against NumPy's transforms and against what defocus does."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from training.spectrum import RadialSpectra

SIZE = 64
RINGS = 20


def noise(seed: int) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(size=(SIZE, SIZE))


def spectra(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """(4, rings) of one pair."""
    pair = (torch.from_numpy(patch[None, None].astype(np.float32)) for patch in (first, second))
    result: NDArray[np.float64] = RadialSpectra(len(first))(*pair).numpy().reshape(4, -1)
    return result


def by_ring(patch: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean product of two windowed spectra in each ring, by NumPy's transform."""
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(SIZE) / SIZE)
    window = hann[:, None] * hann
    own, second = (np.fft.fft2((p - (p * window).sum() / window.sum()) * window) for p in (patch, other))
    wave = np.fft.fftfreq(SIZE) * SIZE
    radius = np.hypot(wave[:, None], wave)
    product = (own * second.conj()).real
    # The half spectrum holds the waves of the first column once, and of each other column one of two twins.
    product, radius = product[:, : SIZE // 2], radius[:, : SIZE // 2]
    rings = [(radius > n + 0.5) & (radius < n + 1.5) for n in range(RINGS - 1)]
    return np.array([product[ring].mean() for ring in rings])


def even(picture: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same about its first pixel and around; two such pictures match best unmoved."""
    return picture + np.roll(picture[::-1, ::-1], (1, 1), (0, 1))


def test_the_products_are_those_of_the_fourier_transform() -> None:
    first, second = even(noise(1)), even(noise(1) + 0.5 * noise(2))
    one, two, ratio, correlation = spectra(first, second)
    own, other, cross = by_ring(first, first), by_ring(second, second), by_ring(first, second)
    assert len(one) == RINGS - 1
    total = (own + other).sum()
    np.testing.assert_allclose(one, np.log(own / total), atol=1e-3)
    np.testing.assert_allclose(two, np.log(other / total), atol=1e-3)
    np.testing.assert_allclose(ratio, np.log(other / own), atol=1e-3)
    np.testing.assert_allclose(correlation, cross / np.sqrt(own * other), atol=1e-3)


def test_the_ratio_is_what_blur_does_whatever_the_picture() -> None:
    """Two pictures through the same transfer give nearly the same ratio; that is why it tells defocus from tissue."""
    wave = np.fft.fftfreq(SIZE)
    blur = np.exp(-60 * (wave[:, None] ** 2 + wave**2))
    rough, smooth = noise(3), np.cumsum(np.cumsum(noise(4), 0), 1)
    ratios = []
    for picture in (rough, smooth - smooth.mean()):
        blurred = np.fft.ifft2(np.fft.fft2(picture) * blur).real
        ratios.append(spectra(picture, blurred)[2])
    expected = 2 * -60 * (np.arange(1, RINGS) / SIZE) ** 2
    np.testing.assert_allclose(ratios[0][2:9], expected[2:9], atol=0.35)
    np.testing.assert_allclose(ratios[1][2:9], expected[2:9], atol=0.35)


def test_what_defocus_turned_over_is_correlated_negatively() -> None:
    """Beyond the first zero of the transfer black is white."""
    picture = noise(5)
    np.testing.assert_allclose(spectra(picture, -picture)[3], -1, atol=1e-3)
    np.testing.assert_allclose(spectra(picture, picture)[3], 1, atol=1e-3)


@pytest.mark.parametrize("shift", [(0.3, -0.6), (1.4, 0.8), (-2.0, 2.0)])
def test_a_second_frame_beside_the_first_tells_the_same(shift: tuple[float, float]) -> None:
    """The stage does not rise straight. Defocus that turns waves over is not taken for a shift, nor a shift for it."""
    wave = np.fft.fftfreq(256)
    radius = np.hypot(wave[:, None], wave)
    picture = np.fft.fft2(np.random.default_rng(6).normal(size=(256, 256))) / (radius + 0.01)
    blur, turned_over = np.exp(-20 * radius**2), np.exp(-30 * radius**2) * np.cos(40 * radius)

    def correlation(down: float, across: float) -> NDArray[np.float64]:
        there = np.exp(-2j * np.pi * (wave[:, None] * down + wave * across))
        frames = [np.fft.ifft2(picture * each).real for each in (blur, turned_over * there)]
        return spectra(*[frame[64:192, 64:192] / frames[0].std() for frame in frames])[3]

    straight = correlation(0, 0)
    assert straight.min() < -0.9
    assert straight.max() > 0.9
    np.testing.assert_allclose(correlation(*shift), straight, atol=0.06)


@pytest.mark.parametrize("size", [32, 64, 100, 128, 256])
def test_every_ring_holds_something(size: int) -> None:
    rings = RadialSpectra(size).rings
    torch.testing.assert_close(2 * rings.sum(0), torch.ones(rings.shape[1]))  # each row stands for two waves


def test_flat_patches_are_finite() -> None:
    assert np.isfinite(spectra(np.zeros((SIZE, SIZE)), np.zeros((SIZE, SIZE)))).all()


@pytest.mark.parametrize("size", [32, 33, 50])
def test_waves_of_both_signs_of_a_patch_of_any_size(size: int) -> None:
    patch = np.random.default_rng(size).normal(size=(size, size))
    real, imaginary = (
        part[0].numpy()
        for part in RadialSpectra(size)._spectrum(torch.from_numpy(patch[None, None]).float()).chunk(2, 1)
    )
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)
    window = hann[:, None] * hann
    waves = np.fft.fft2((patch - (patch * window).sum() / window.sum()) * window)
    highest = size * 5 // 16
    expected = waves[np.arange(-highest, highest + 1)][:, : highest + 1]
    np.testing.assert_allclose(real, expected.real, atol=1e-4)
    np.testing.assert_allclose(imaginary, expected.imag, atol=1e-4)
