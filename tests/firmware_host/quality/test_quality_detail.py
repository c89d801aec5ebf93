"""Detail is counted in the objective's own units, and noise is none."""

from __future__ import annotations

import numpy as np
import pytest

from firmware_host.optics import Objective
from firmware_host.quality.detail import COARSE, FINE, MIDDLE, DetailMeter, Light, light_of

CUTOFF_PER_UM = 2 * 0.75 / 0.55


def stripes(share_of_cutoff: float, pixel_um: float, scale: float = 1.0) -> Light:
    """(H, W) of a wave across, at a share of the cutoff of an NA of 0.75 / scale."""
    x_um = np.arange(512) * pixel_um
    wave = np.sin(2 * np.pi * share_of_cutoff * CUTOFF_PER_UM / scale * x_um)
    noise = np.random.default_rng(1).normal(0, 1, (384, 512))
    return np.round(180 + 30 * wave[None, :] + noise).astype(np.uint8)


@pytest.mark.parametrize(("share", "band"), [(0.09, COARSE), (0.17, MIDDLE), (0.30, FINE)])
@pytest.mark.parametrize(("na", "pixel_um"), [(0.75, 0.25), (0.75, 0.2), (0.40, 0.469)])
def test_a_wave_is_found_in_its_band_through_every_objective(
    share: float, band: int, na: float, pixel_um: float
) -> None:
    light, meter = stripes(share, pixel_um, 0.75 / na), DetailMeter(Objective(na), pixel_um)
    found = meter.measure(light, meter.places(light))
    assert found.textured.all() or band != COARSE
    others = [each for each in (COARSE, MIDDLE, FINE) if each != band]
    assert (found.energy[:, band][:, None] > 50 * np.abs(found.energy[:, others])).all()


def test_noise_is_no_detail() -> None:
    light = np.random.default_rng(2).normal(200, 3, (384, 512)).round().astype(np.uint8)
    meter = DetailMeter(Objective(0.75), 0.25)
    found = meter.measure(light, meter.places(light))
    assert not found.textured.any()
    assert abs(float(found.energy.mean())) < 0.1 * float(found.noise.mean())


def test_measured_is_where_there_is_most() -> None:
    light = np.full((384, 512), 230, np.uint8)
    light[64:128, 128:192] = stripes(0.09, 0.25)[64:128, 128:192]
    meter = DetailMeter(Objective(0.75), 0.25)
    places = meter.places(light)
    assert places[np.argmax(meter.measure(light, places).energy[:, COARSE])] == 1 * 8 + 2


def test_pixels_that_show_no_detail_are_refused() -> None:
    with pytest.raises(ValueError, match="too coarse"):
        DetailMeter(Objective(0.95), 3.0)


def test_luminance_is_that_of_the_recommendation() -> None:
    image = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8)
    assert light_of(image).tolist() == [[76, 150, 29]]
