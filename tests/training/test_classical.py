from __future__ import annotations

import numpy as np
import pytest

from training.classical import MEASURES, peak_errors_um


def blurred(deviation_px: float) -> np.ndarray:
    """A picture of noise, blurred by a Gaussian."""
    noise = np.random.default_rng(1).standard_normal((96, 96))
    fy, fx = np.fft.fftfreq(96)[:, None], np.fft.rfftfreq(96)[None, :]
    soft = np.fft.irfft2(np.fft.rfft2(noise) * np.exp(-2 * (np.pi * deviation_px) ** 2 * (fy**2 + fx**2)), s=(96, 96))
    return np.repeat(np.clip(128 + 80 * soft, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


@pytest.mark.parametrize("measure", list(MEASURES))
def test_every_measure_peaks_where_the_blur_is_least(measure: str) -> None:
    z_um = np.arange(-3, 3.1, 0.5)
    planes = [blurred(0.7 * abs(z - 0.6) + 0.6) for z in z_um]
    assert peak_errors_um(z_um.tolist(), planes)[measure] == pytest.approx(0.6, abs=0.1)


def test_a_flat_stack_has_some_answer_and_does_not_fail() -> None:
    flat = [np.full((32, 32, 3), 128, np.uint8)] * 4
    assert all(np.isfinite(value) for value in peak_errors_um([-1, 0, 1, 2], flat).values())
