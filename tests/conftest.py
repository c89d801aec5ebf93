"""What many tests share: the shipped profile, and the real images beside the project."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware_host.profile import Profile, load_profile

SHARED = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def emulated() -> Profile:
    return load_profile("emulated")


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A folder for sockets, whose whole name may have 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="wsi-") as path:
        yield Path(path)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    if not SHARED.is_dir():
        pytest.skip("needs the folder shared/data beside the project, with real images")
    return SHARED
