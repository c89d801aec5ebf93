"""What lies above the tissue is looked through: its blur is that of the objective, and no tissue moves for it."""

from __future__ import annotations

import numpy as np
import pytest

from firmware_host.optics import Objective
from firmware_host.twin.column import OpticalColumn
from firmware_host.twin.faults.tissue import Bare
from firmware_host.twin.plane import seen_through
from firmware_host.twin.pupil import Aberrations, colour_transfers
from firmware_host.twin.section import Matter
from firmware_host.twin.slide import Surface

SHAPE = (96, 128)
PIXEL_UM = 0.25
TRANSFERS = colour_transfers(Objective(0.75), Aberrations(), (0.61, 0.55, 0.465))
TAN = 0.75 / np.sqrt(1 - 0.75**2)


class Patch:
    """A square in which half the light is taken away in red, a quarter in green, none in blue."""

    def __init__(self, centre_um: tuple[float, float], half_um: float, height_um: float = 0.0) -> None:
        self.centre_um, self.half_um, self.height_um = centre_um, half_um, height_um

    def contrast(self, x_um: np.ndarray, y_um: np.ndarray) -> np.ndarray | None:
        pitch_um = x_um[1] - x_um[0]
        across, down = (
            np.clip((self.half_um - np.abs(places - centre)) / pitch_um + 0.5, 0, 1)
            for places, centre in ((x_um, self.centre_um[0]), (y_um, self.centre_um[1]))
        )
        inside = across[None, :] * down[:, None]
        if not inside.any():
            return None
        return np.stack([-0.5 * inside, -0.25 * inside, 0 * inside]).astype(np.float32)


def light(patch: Patch, defocus_um: float, centre_um: tuple[float, float] = (0.0, 0.0)) -> list[np.ndarray] | None:
    return seen_through(patch, TRANSFERS, [defocus_um] * 3, centre_um, SHAPE, PIXEL_UM)


def test_in_focus_it_is_seen_as_it_is_in_its_place_and_colours() -> None:
    seen = light(Patch((104.0, 47.0), 4.0), 0.0, (100.0, 50.0))
    assert seen is not None
    row, column = round(48 + (47 - 50) / PIXEL_UM), round(64 + (104 - 100) / PIXEL_UM)
    assert [float(plane[row, column]) for plane in seen] == pytest.approx([0.5, 0.75, 1.0], abs=0.02)
    assert float(seen[0][row, column - 16 - 6]) == pytest.approx(1, abs=0.02)
    middle = np.average(np.indices(SHAPE)[1], weights=1 - seen[0])
    assert middle == pytest.approx(column, abs=0.1)


@pytest.mark.parametrize("defocus_um", [-150.0, -30.0, 12.0, 40.0, 115.0, 300.0])
def test_far_from_focus_a_small_thing_is_a_uniform_disc(defocus_um: float) -> None:
    half_um = max(4.0, 0.15 * abs(defocus_um))
    seen = light(Patch((0.0, 0.0), half_um), defocus_um)
    assert seen is not None
    radius_um = abs(defocus_um) * TAN
    expected = 0.5 * (2 * half_um) ** 2 / (np.pi * radius_um**2)
    assert 1 - float(seen[0][48, 64]) == pytest.approx(expected, rel=0.12)


@pytest.mark.parametrize("edge_um", [-60.0, 0.0, 60.0])
def test_a_blur_reaches_into_the_field_from_beside_it(edge_um: float) -> None:
    """Half of the plane beyond a straight edge is dark: the share of the disc beyond it is missing."""
    seen = light(Patch((edge_um + 500.0, 0.0), 500.0), 100.0)
    assert seen is not None
    part = edge_um / (100 * TAN)
    dark = (np.arccos(part) - part * np.sqrt(1 - part**2)) / np.pi  # circular segment
    assert 1 - float(seen[0][48, 64]) == pytest.approx(0.5 * dark, abs=0.01)


@pytest.mark.parametrize("blur_px", [16, 32, 64, 128])
def test_a_coarser_drawing_shows_the_same(blur_px: float) -> None:
    """Where the pitch changes by two, the picture does not."""
    defocus_um = blur_px * PIXEL_UM / TAN
    before, after = (light(Patch((5.0, 3.0), 20.0), share * defocus_um) for share in (0.999, 1.001))
    assert before is not None
    assert after is not None
    np.testing.assert_allclose(before[0], after[0], atol=0.012)


def test_where_nothing_lies_nothing_is_done() -> None:
    assert light(Patch((1000.0, 0.0), 5.0), 10.0) is None
    assert light(Patch((200.0, 0.0), 5.0), 10.0) is None
    assert light(Patch((200.0, 0.0), 5.0), 200.0) is not None


class Dots:
    thickness_um = 0.0
    absorbance = np.array([[1.0, 1.0, 1.0], [0.0, 0.0, 0.0]], np.float32)

    def matter(self, column: int, row: int, width: int, height: int) -> Matter:
        x, y = np.arange(column, column + width), np.arange(row, row + height)
        dots = ((x[None, :] % 20 < 3) & (y[:, None] % 20 < 3)).astype(np.float32)
        return Matter(np.stack([dots, 0 * dots]), np.zeros((height, width), np.float32))


def column_of(specimen: object) -> OpticalColumn:
    flat = Surface(100.0, (0.0, 0.0), (0.0, 0.0), ())
    return OpticalColumn(specimen, flat, TRANSFERS, (0.0,) * 3, SHAPE, PIXEL_UM)  # type: ignore[arg-type]


def test_a_covered_specimen_is_seen_at_once() -> None:
    column = column_of(Dots())
    assert column.transmittance(0.0, 0.0, 100.0)[0].min() < 0.8
    column.cover(lambda below: Bare(below, PIXEL_UM, lambda: None))
    assert all((plane == 1).all() for plane in column.transmittance(0.0, 0.0, 100.0))


def test_a_column_sees_tissue_through_it_sharp_at_its_own_height() -> None:
    column = column_of(Dots())
    bare = column.transmittance(0.0, 0.0, 100.0)[0]
    focus_um = column.focus_z_um(0.0, 0.0)
    column.lay(Patch((0.0, 0.0), 3.0, height_um=30.0))
    assert column.focus_z_um(0.0, 0.0) == focus_um, "the truth is the tissue's"
    veiled = column.transmittance(0.0, 0.0, 100.0)[0] / bare
    assert veiled.max() <= 1
    assert np.ptp(veiled) < 0.02
    sharp = column.transmittance(0.0, 0.0, 70.0)[0] / column.transmittance(500.0, 0.0, 70.0)[0]
    assert sharp[48, 64] == pytest.approx(0.5, abs=0.06)
    assert sharp[48, 10] == pytest.approx(1.0, abs=0.06)
