"""What a Jetson's pipeline must say, word by word, so that exposure, gain and colour stay as they are."""

from __future__ import annotations

import pytest

from firmware_host.camera.argus import check_pipeline
from firmware_host.errors import UsageError
from firmware_host.profile import Profile

FIXED = (
    'nvarguscamerasrc sensor-id=0 exposuretimerange="8000000 8000000" gainrange="2 2" ispdigitalgainrange="1 1" '
    "wbmode=5 tnr-mode=0 ee-mode=0 ! nvvidconv ! appsink"
)


@pytest.fixture
def table(emulated: Profile) -> object:
    return emulated.camera.model_copy(update={"gain": 2.0})


@pytest.mark.parametrize(
    "pipeline",
    [
        FIXED,
        FIXED.replace('"', "'"),
        FIXED.replace("=", " = "),
        FIXED.replace("wbmode=5", "wbmode=0"),
        FIXED.replace("8000000 8000000", "8000000 8100000"),
        "v4l2src ! appsink",
    ],
)
def test_what_is_fixed_is_taken(table: object, pipeline: str) -> None:
    check_pipeline(pipeline, table)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("said", "instead", "words"),
    [
        ('exposuretimerange="8000000 8000000"', "", 'write exposuretimerange="8000000 8000000"'),
        ("8000000 8000000", "13000 8000000", 'write exposuretimerange="8000000 8000000"'),
        ("8000000 8000000", "9000000 9000000", r"camera\.exposure_ms"),
        ("8000000 8000000", "slow", r"camera\.exposure_ms"),
        ('gainrange="2 2"', 'gainrange="1 16"', r'write gainrange="2 2" .* camera\.gain'),
        (' gainrange="2 2"', "", 'write gainrange="2 2"'),
        ("ispdigitalgainrange", "digitalgainrange", 'write ispdigitalgainrange="1 1"'),
        ("wbmode=5", "", "write wbmode=5 .* fixed white balance"),
        ("wbmode=5", "wbmode=1", "write wbmode=5"),
        ("tnr-mode=0", "", "write tnr-mode=0 .* no frame from before the stage had settled"),
        ("tnr-mode=0", "tnr-mode=2", "write tnr-mode=0"),
        ("ee-mode=0", "ee-mode=1", "write ee-mode=0 .* no sharpening"),
        ("tnr-mode=0 ee-mode=0 !", "ee-mode=0 ! other tnr-mode=0 !", "write tnr-mode=0"),
    ],
)
def test_what_is_left_automatic_is_told_with_what_to_write(table: object, said: str, instead: str, words: str) -> None:
    assert said in FIXED
    with pytest.raises(UsageError, match=rf"^camera\.source: .*{words}"):
        check_pipeline(FIXED.replace(said, instead), table)  # type: ignore[arg-type]
