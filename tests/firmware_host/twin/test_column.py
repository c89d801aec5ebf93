from __future__ import annotations

import numpy as np
import pytest

from firmware_host.focus.contrast import brenner, fit_peak
from firmware_host.optics import Objective
from firmware_host.patches import LUMINANCE
from firmware_host.twin.column import OpticalColumn, layer_shares
from firmware_host.twin.pupil import Aberrations, colour_transfers
from firmware_host.twin.section import Matter, ProceduralSection
from firmware_host.twin.slide import Surface

FLAT = Surface(100.0, (0.0, 0.0), (0.0, 0.0), ())
SHAPE = (120, 160)


class Dots:
    """A thin specimen: absorbing dots at chosen heights on glass."""

    thickness_um = 0.0
    absorbance = np.array([[1.0, 1.0, 1.0], [0.0, 0.0, 0.0]], np.float32)

    def __init__(self, offset_um: float = 0.0) -> None:
        self._offset_um = offset_um

    def matter(self, column: int, row: int, width: int, height: int) -> Matter:
        x, y = np.arange(column, column + width), np.arange(row, row + height)
        dots = ((x[None, :] % 20 < 3) & (y[:, None] % 20 < 3)).astype(np.float32)
        return Matter(np.stack([dots, 0 * dots]), np.full((height, width), self._offset_um, np.float32))


def make_column(
    specimen: object,
    surface: Surface = FLAT,
    aberrations: Aberrations | None = None,
    colour_shift_um: tuple[float, float, float] = (-0.4, 0.0, 0.4),
) -> OpticalColumn:
    transfers = colour_transfers(Objective(0.75), aberrations or Aberrations(), (0.61, 0.55, 0.465))
    return OpticalColumn(specimen, surface, transfers, colour_shift_um, SHAPE, 0.25)  # type: ignore[arg-type]


def peak_um(column: OpticalColumn, colour: int, x_um: float = 0.0, around_um: float = 100.0) -> float:
    heights = np.arange(-3, 3.01, 0.5) + around_um
    return fit_peak(heights.tolist(), [brenner(column.transmittance(x_um, 0.0, z)[colour]) for z in heights]).z_um


def test_light_is_kept() -> None:
    """Defocus spreads what is absorbed, it does not change how much."""
    column = make_column(Dots())
    means = [column.transmittance(0.0, 0.0, z)[1].mean() for z in (100.0, 103.0, 108.0)]
    np.testing.assert_allclose(means, means[0], rtol=2e-3)


@pytest.mark.parametrize("defocus_um", [0.0, 2.5])
def test_a_view_a_little_beside_is_the_picture_moved(defocus_um: float) -> None:
    """Four pixels right and eight down: what was there before has moved left and up, and nothing else changed."""
    column = make_column(Dots())
    here = column.transmittance(0.0, 0.0, 100 + defocus_um)[1]
    beside = column.transmittance(0.0, 0.0, 100 + defocus_um, sideways_px=(4.0, 8.0))[1]
    elsewhere = column.transmittance(4 * 0.25, 8 * 0.25, 100 + defocus_um)[1]
    np.testing.assert_allclose(beside[:-8, :-4], here[8:, 4:], atol=1e-4)
    inner = (slice(30, -30), slice(30, -30))  # the margins of two places are cut from different matter
    np.testing.assert_allclose(beside[inner], elsewhere[inner], atol=2e-3)


@pytest.mark.parametrize(("colour", "shift_um"), [(0, -0.4), (1, 0.0), (2, 0.4)], ids=["red", "green", "blue"])
def test_each_colour_is_sharpest_at_its_own_height(colour: int, shift_um: float) -> None:
    assert peak_um(make_column(Dots()), colour) == pytest.approx(100 + shift_um, abs=0.1)


def test_the_sharpest_height_follows_the_matter_and_the_surface() -> None:
    tilted = Surface(100.0, (0.0, 0.0), (2e-3, 0.0), ())
    for specimen, surface, x_um, expected in ((Dots(0.6), FLAT, 0.0, 100.6), (Dots(), tilted, 500.0, 101.0)):
        column = make_column(specimen, surface, colour_shift_um=(0.0, 0.0, 0.0))
        assert peak_um(column, 1, x_um) == pytest.approx(expected, abs=0.12)
        assert column.focus_z_um(x_um, 0.0) == pytest.approx(expected, abs=0.1)


@pytest.mark.parametrize(
    "colour_shift_um", [(-0.4, 0.0, 0.4), (0.9, 0.0, 0.9), (-0.6, 0.0, -0.6)], ids=["spread", "bow up", "bow down"]
)
@pytest.mark.parametrize("seed", range(4))
def test_the_truth_is_where_tissue_is_sharpest(seed: int, colour_shift_um: tuple[float, float, float]) -> None:
    """What the twin calls focus is where a noiseless picture's luminance is sharpest, whatever the aberrations."""
    section = ProceduralSection(seed, 0.25, (300.0, 0.0), 800.0, 2.0)
    column = make_column(section, FLAT, Aberrations(0.04, 0.85, 0.1), colour_shift_um)
    truth = column.focus_z_um(300.0, 0.0)
    assert truth is not None
    heights = np.arange(-1.5, 1.51, 0.25) + truth
    light = [np.tensordot(LUMINANCE, column.transmittance(300.0, 0.0, z), 1) for z in heights]
    energy = [float(sum((slope**2).sum() for slope in np.gradient(picture))) for picture in light]
    assert fit_peak(heights.tolist(), energy).z_um == pytest.approx(truth, abs=0.15)


@pytest.mark.parametrize("off_um", [-3.0, -1.5, -0.5, 0.8, 2.0])
def test_an_exposure_at_one_height_is_as_blurred_as_that_height_is_far(off_um: float) -> None:
    column = make_column(ProceduralSection(1, 0.25, (300.0, 0.0), 800.0, 2.0))
    truth = column.focus_z_um(300.0, 0.0)
    assert truth is not None
    assert column.blur_um(300.0, 0.0, [truth + off_um] * 5) == pytest.approx(off_um, abs=0.1)


def test_a_stage_that_swings_through_focus_blurs_by_less_than_its_swing() -> None:
    """As much as the mean of its pictures: rendered, and compared with still ones."""
    column = make_column(ProceduralSection(1, 0.25, (300.0, 0.0), 800.0, 2.0))
    truth = column.focus_z_um(300.0, 0.0)
    assert truth is not None

    def sharpness(*heights_um: float) -> float:
        pictures = [np.tensordot(LUMINANCE, column.transmittance(300.0, 0.0, truth + um), 1) for um in heights_um]
        return float(sum((slope**2).sum() for slope in np.gradient(np.mean(pictures, axis=0))))

    swing_um = (-3.2, -2.3, -1.2, 0.0, 0.9)
    blur_um = column.blur_um(300.0, 0.0, [truth + um for um in swing_um])
    assert blur_um is not None
    assert -2.0 < blur_um < -0.5
    assert sharpness(blur_um - 0.2) < sharpness(*swing_um) < sharpness(blur_um + 0.2)


def test_empty_glass_is_white_and_has_no_focus() -> None:
    section = ProceduralSection(1, 0.25, (5000.0, 5000.0), 300.0, 2.0)
    column = make_column(section)
    assert all((plane == 1).all() for plane in column.transmittance(0.0, 0.0, 100.0))
    assert column.focus_z_um(0.0, 0.0) is None
    assert column.blur_um(0.0, 0.0, [100.0, 101.0]) is None


@pytest.mark.parametrize("thickness_um", [0.0, 1.0, 3.0])
def test_layer_shares_add_up_to_one(thickness_um: float) -> None:
    offset = np.linspace(-4, 4, 101, dtype=np.float32)[None, :]
    shares = layer_shares(offset, thickness_um)
    np.testing.assert_allclose(sum(shares), 1, atol=1e-5)
    assert min(share.min() for share in shares) > -1e-4


def test_matter_between_two_layers_is_shared_by_its_nearness() -> None:
    shares = layer_shares(np.array([[0.0, 0.9, 0.225]], np.float32), 0.0)
    np.testing.assert_allclose(np.array(shares)[:, 0].T, [[0, 1, 0], [0, 0, 1], [0, 0.75, 0.25]], atol=0.01)


def test_a_shift_of_the_stage_is_a_shift_of_the_picture() -> None:
    column = make_column(Dots())
    here, there = column.transmittance(0.0, 0.0, 100.0)[1], column.transmittance(1.25, 0.0, 100.0)[1]
    np.testing.assert_allclose(here[20:-20, 25:-20], there[20:-20, 20:-25], atol=2e-3)
