"""The suite `large`, on a small square: that it measures what it says, and that memory is bounded in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from benchmarks.endless import EndlessCamera
from benchmarks.large import measured
from firmware_host.camera.port import Exposure, Frame

SHAPE = (48, 64)


class _Ready:
    def __init__(self, image: np.ndarray) -> None:
        self._image = image

    def read_out(self) -> Frame:
        return Frame(self._image, 0, 0, 0)


class _Recorded:
    """Shows one picture whose pixels tell their place: row in red, column in green."""

    shape = SHAPE

    def __init__(self) -> None:
        rows, columns = np.indices(SHAPE)
        self.image = np.stack([rows * 3, columns * 3, rows * 0], -1).astype(np.uint8)

    def expose(self, not_before_ns: int, timeout_s: float) -> Exposure:
        return _Ready(self.image)

    def close(self) -> None:
        pass


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Callable[[float, float], np.ndarray]:
    monkeypatch.setattr("benchmarks.endless._NOISE", 0.0)

    def look(x_um: float, y_um: float) -> np.ndarray:
        camera = EndlessCamera(_Recorded(), lambda: (x_um, y_um), 1.0, 0.0, 2000.0)
        return camera.expose(0, 1.0).read_out().image

    return look


def test_neighbours_of_the_endless_field_go_on_into_each_other(seen: Callable[[float, float], np.ndarray]) -> None:
    first, right, below = seen(1000, 1000), seen(1040, 1000), seen(1000, 1030)
    assert (first[:, 40:] == right[:, :-40]).all()
    assert (first[30:] == below[:-30]).all()
    assert not (first == right).all()
    assert np.abs(np.diff(first.astype(int), axis=1)).max() <= 3


def test_around_the_square_there_is_glass(seen: Callable[[float, float], np.ndarray]) -> None:
    assert (seen(-200, 1000) == 225).all()
    rim = seen(0, 1000)[24, :, 2]
    assert rim[0] == 225
    assert (np.diff(rim.astype(int)) <= 0).all()
    assert rim[-1] < 140


def test_a_small_square_is_scanned_and_put_together_within_bounds(tmp_path: Path) -> None:
    found = measured(0.3, tmp_path)
    assert found.fields >= 4
    assert 100 < found.assembly_mb < 300
    assert 200 < found.scan_mb < 800
    assert found.tile_bytes / found.fields > 50_000
    assert 300 < found.journal_bytes / found.fields < 10_000
    assert found.scan_written == 0 or found.scan_written < 2 * found.tile_bytes + 1_000_000
    assert sorted(path.name for path in (tmp_path / "scan").iterdir()) == [
        "journal",
        "report.html",
        "slide.tiff",
        "tiles",
        "tiles.csv",
    ]
