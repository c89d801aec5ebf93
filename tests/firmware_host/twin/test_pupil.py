"""Wave optics against its closed forms."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from firmware_host.optics import Objective
from firmware_host.twin.pupil import Aberrations, DefocusTransfer

NU = np.linspace(0, 1, 512)


def on_axis(transfer: DefocusTransfer, defocus_um: float) -> float:
    """Intensity in the middle of the spot: the transfer function integrated over the plane of frequencies."""
    return float((transfer.at(defocus_um) * NU).sum() / (transfer.at(0.0) * NU).sum())


def test_in_focus_it_is_the_overlap_of_two_circles() -> None:
    """2/pi·(acos v - v·sqrt(1 - v²)), Goodman, Introduction to Fourier Optics, 6.4."""
    ideal = 2 / np.pi * (np.arccos(NU) - NU * np.sqrt(1 - NU**2))
    np.testing.assert_allclose(DefocusTransfer(Objective(0.4), Aberrations()).at(0.0), ideal, atol=2e-3)


@pytest.mark.parametrize("quarter_waves", [0.5, 1.0, 2.0, 3.0])
def test_on_axis_intensity_of_the_defocused_pupil(quarter_waves: float) -> None:
    """sinc² of the edge's path difference in waves (Born & Wolf 8.8.2), at an aperture where it is parabolic."""
    optics = Objective(0.1)
    transfer = DefocusTransfer(optics, Aberrations())
    defocus_um = quarter_waves / 4 * 2 * optics.wavelength_um / optics.na**2
    assert on_axis(transfer, defocus_um) == pytest.approx(np.sinc(quarter_waves / 4) ** 2, abs=2e-3)


def test_the_first_zero_is_two_depths_of_field_away() -> None:
    optics = Objective(0.1)
    transfer = DefocusTransfer(optics, Aberrations())
    assert on_axis(transfer, 2 * optics.depth_of_field_um) == pytest.approx(0, abs=2e-3)


def test_half_a_depth_of_field_leaves_four_fifths() -> None:
    """A quarter wave at the pupil's edge: Rayleigh's criterion, 8/pi² = 0.81 on the axis."""
    optics = Objective(0.1)
    transfer = DefocusTransfer(optics, Aberrations())
    assert on_axis(transfer, optics.depth_of_field_um / 2) == pytest.approx(8 / math.pi**2, abs=2e-3)


def test_far_away_it_joins_geometric_optics() -> None:
    """Where wave optics hands over, the low frequencies of both agree."""
    transfer = DefocusTransfer(Objective(0.3), Aberrations())
    edge = transfer._geometric_beyond_um
    inside, outside = transfer._wave(edge), transfer._geometric(edge)
    np.testing.assert_allclose(inside, outside, atol=0.08)


def test_without_aberrations_both_sides_of_focus_are_alike() -> None:
    transfer = DefocusTransfer(Objective(0.75), Aberrations(coherence=0.8))
    np.testing.assert_allclose(transfer.at(1.7), transfer.at(-1.7), atol=1e-6)
    assert transfer.best_focus_um == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    "aberrations",
    [Aberrations(spherical_waves=0.08), Aberrations(coherence=0.7, phase_ratio=0.3)],
    ids=["spherical aberration", "a phase object in partly coherent light"],
)
def test_what_tells_one_side_of_focus_from_the_other(aberrations: Aberrations) -> None:
    transfer = DefocusTransfer(Objective(0.75), aberrations)
    assert np.abs(transfer.at(1.5) - transfer.at(-1.5)).max() > 0.05
    assert transfer.best_focus_um != pytest.approx(0, abs=0.01)


def test_it_is_continuous_in_defocus() -> None:
    transfer = DefocusTransfer(Objective(0.75), Aberrations(0.05, 0.85, 0.1))
    steps = [transfer.at(z) for z in np.arange(-1, 1, 0.02)]
    assert max(np.abs(after - before).max() for before, after in itertools.pairwise(steps)) < 0.06
