"""The slide against the readers that people use: OpenSlide, libvips, libtiff."""

from __future__ import annotations

import shutil
import subprocess
import tracemalloc
from pathlib import Path

import numpy as np
import openslide
import pytest
import pyvips
from PIL import Image

from firmware_host.errors import UsageError
from firmware_host.slide.mosaic import Mosaic, PlacedTile
from firmware_host.slide.pyramid import level_sizes, write_slide

GLASS = (238, 238, 238)


def picture(width: int, height: int) -> np.ndarray:
    """Smooth colours: JPEG keeps them to a few levels."""
    y, x = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    waves = [127 + 100 * np.sin(x / 90 + phase) * np.cos(y / 70) for phase in (0, 1, 2)]
    return np.stack(waves, axis=-1).astype(np.uint8)


def tiles(folder: Path, whole: np.ndarray, tile: tuple[int, int], pitch: tuple[int, int]) -> list[PlacedTile]:
    """Cut a picture into overlapping tile files."""
    placed = []
    for top in range(0, whole.shape[0] - tile[0] + 1, pitch[0]):
        for left in range(0, whole.shape[1] - tile[1] + 1, pitch[1]):
            path = folder / f"{top:05d}_{left:05d}.png"
            Image.fromarray(whole[top : top + tile[0], left : left + tile[1]]).save(path)
            placed.append(PlacedTile(path, left, top))
    return placed


def write(folder: Path, placed: list[PlacedTile], tile: tuple[int, int]) -> Path:
    write_slide(folder / "slide.tiff", Mosaic(placed, tile, GLASS), 0.25, 20, 90, lambda _: None)
    return folder / "slide.tiff"


@pytest.fixture(scope="module")
def whole() -> np.ndarray:
    return picture(1850, 1337)


@pytest.fixture(scope="module")
def slide(tmp_path_factory: pytest.TempPathFactory, whole: np.ndarray) -> Path:
    folder = tmp_path_factory.mktemp("slide")
    return write(folder, tiles(folder, whole, (300, 400), (61, 145)), (300, 400))


def test_sizes_halve_and_round_up() -> None:
    assert level_sizes(3001, 1000) == [(3001, 1000), (1501, 500), (751, 250)]
    assert level_sizes(100, 50) == [(100, 50)]


def test_openslide_sees_every_level_and_the_scale(slide: Path, whole: np.ndarray) -> None:
    opened = openslide.OpenSlide(slide)
    assert opened.level_dimensions == ((1850, 1337), (925, 669), (463, 335))
    assert float(opened.properties["openslide.mpp-x"]) == pytest.approx(0.25)
    assert float(opened.properties["openslide.mpp-y"]) == pytest.approx(0.25)
    for level, size in enumerate(opened.level_dimensions):
        got = np.asarray(opened.read_region((0, 0), level, size))[..., :3].astype(float)
        wanted = np.asarray(Image.fromarray(whole).resize(size, Image.Resampling.BOX)).astype(float)
        assert np.abs(got - wanted).mean() < 3, f"level {level}"


def test_libvips_sees_the_same(slide: Path) -> None:
    opened = openslide.OpenSlide(slide)
    for level, size in enumerate(opened.level_dimensions):
        page = pyvips.Image.new_from_file(str(slide), page=level)
        assert (page.width, page.height) == size
        assert page.xres == pytest.approx(4000 / 2**level)  # pixels per mm
        region = np.asarray(opened.read_region((0, 0), level, size))[..., :3]
        assert page.avg() == pytest.approx(region.mean(), abs=0.5)


def test_libtiff_has_no_complaint(slide: Path) -> None:
    tiffinfo = shutil.which("tiffinfo")
    if tiffinfo is None:
        pytest.skip("needs tiffinfo (Debian package libtiff-tools)")
    done = subprocess.run([tiffinfo, str(slide)], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert done.stdout.count("=== TIFF directory") == 3


@pytest.mark.parametrize(
    ("size", "tile", "pitch"),
    [((300, 200), (200, 300), (200, 300)), ((1600, 200), (200, 400), (200, 400)), ((513, 511), (511, 513), (1, 1))],
    ids=["one field", "one row", "just beyond a tile"],
)
def test_small_and_odd_slides(
    tmp_path: Path, size: tuple[int, int], tile: tuple[int, int], pitch: tuple[int, int]
) -> None:
    path = write(tmp_path, tiles(tmp_path, picture(*size), tile, pitch), tile)
    assert openslide.OpenSlide(path).dimensions == size


def test_where_there_is_no_tile_there_is_glass(tmp_path: Path) -> None:
    placed = tiles(tmp_path, picture(800, 600), (300, 400), (300, 400))
    path = write(tmp_path, [placed[0], placed[3]], (300, 400))
    corner = openslide.OpenSlide(path).read_region((500, 50), 0, (200, 200)).convert("RGB")
    assert np.abs(np.asarray(corner).astype(int) - 238).max() <= 2


def test_the_order_of_the_tiles_does_not_matter(tmp_path: Path, whole: np.ndarray) -> None:
    placed = tiles(tmp_path, whole[:600, :800], (300, 400), (150, 200))
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first, second = write(tmp_path / "a", placed, (300, 400)), write(tmp_path / "b", placed[::-1], (300, 400))
    assert first.read_bytes() == second.read_bytes()


def test_a_seam_fades(tmp_path: Path) -> None:
    """Two tiles of different brightness: across their overlap the picture goes from one to the other."""
    placed = []
    for index, level in enumerate((100, 140)):
        path = tmp_path / f"{index}.png"
        Image.new("RGB", (400, 300), (level,) * 3).save(path)
        placed.append(PlacedTile(path, index * 300, 0))
    row = Mosaic(placed, (300, 400), GLASS).window(0, 150, 700, 1)[0, :, 0].astype(int)
    assert (row[:290] == 100).all()
    assert (row[410:] == 140).all()
    assert (np.diff(row) >= 0).all()
    assert np.diff(row).max() <= 2


@pytest.mark.parametrize("damage", ["missing", "cut", "of another size"])
def test_a_damaged_tile_is_named_and_no_half_slide_is_left(tmp_path: Path, damage: str) -> None:
    placed = tiles(tmp_path, picture(800, 600), (300, 400), (300, 400))
    bad = placed[3].path
    if damage == "missing":
        bad.unlink()
    elif damage == "cut":
        bad.write_bytes(bad.read_bytes()[:200])
    else:
        Image.new("RGB", (10, 10)).save(bad)
    with pytest.raises(UsageError, match=bad.name):
        write(tmp_path, placed, (300, 400))
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix != ".png") == []


def test_memory_does_not_grow_with_the_slide(tmp_path: Path) -> None:
    """Four times the area, the same peak within a fifth."""
    peaks = []
    for name, count in (("small", 6), ("large", 12)):
        folder = tmp_path / name
        folder.mkdir()
        path = folder / "t.png"
        Image.fromarray(picture(500, 400)).save(path)
        placed = [PlacedTile(path, col * 450, row * 360) for row in range(count) for col in range(count)]
        tracemalloc.start()
        write(folder, placed, (400, 500))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0] + 2e6
