from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_host.errors import UsageError
from firmware_host.profile import Profile, load_profile, parse_profile, shipped_profiles


def changed(profile: Profile, key: str, value: Any) -> dict[str, Any]:
    """The profile as data with one key set, or removed when the value is ..."""
    data = copy.deepcopy(profile.model_dump())
    table = data
    *path, last = key.split(".")
    for part in path:
        table = table[part]
    if value is ...:
        del table[last]
    else:
        table[last] = value
    return data


@pytest.mark.parametrize("name", shipped_profiles())
def test_every_shipped_profile_is_valid(name: str) -> None:
    assert load_profile(name).name == name


def test_shipped_profiles_are_the_documented_ones() -> None:
    assert shipped_profiles() == ["emulated", "jetson-orin-nano-20x", "rpi5-imx477-20x"]


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("objective.na", 1.6, ["objective.na", "1.6", "0.05 to 1.45"]),
        ("objective.na", "wide", ["objective.na", "'wide'"]),
        ("objective.na", 1.2, ["objective", "below immersion_index"]),
        ("camera.pixel_um", 0, ["camera.pixel_um", "0", "0.05 to 10"]),
        ("camera.pixel_um", float("nan"), ["camera.pixel_um", "nan"]),
        ("camera.exposure_ms", 30, ["exposure_ms must not exceed frame_period_ms (25.0)"]),
        ("axes.x.step_pin", ..., ["axes.x.step_pin is missing"]),
        ("axes.x.step_pin", 27, ["pin 27 is used twice", "axes.x.step_pin", "axes.x.dir_pin"]),
        ("axes.z.soft_max_um", -5, ["axes.z", "soft_max_um must be above soft_min_um"]),
        ("axes.q", {}, ["axes.q", "not a known key"]),
        ("focus.min_patches", 50, ["min_patches must not exceed patches (16)"]),
        ("schema_version", 2, ["schema_version = 2"]),
        ("twin", None, ["needs the table [twin]"]),
    ],
)
def test_a_wrong_value_is_named_with_its_range(emulated: Profile, key: str, value: Any, words: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        parse_profile(changed(emulated, key, value), "mine.toml")
    message = str(caught.value)
    assert "\n" not in message
    assert "mine.toml" in message
    for word in words:
        assert word in message


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"name = ", "not valid TOML"), (b"\xff\xfe", "cannot be read"), (b"", "missing"), (None, "cannot be read")],
)
def test_an_unreadable_profile_is_one_line(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "p.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match=words) as caught:
        load_profile(str(path))
    assert str(path) in str(caught.value)


def test_an_unknown_name_lists_the_shipped_ones() -> None:
    with pytest.raises(UsageError, match="emulated, jetson-orin-nano-20x, rpi5-imx477-20x"):
        load_profile("rpi7")


@given(
    key=st.sampled_from(["objective.na", "camera.pixel_um", "axes.x.steps_per_um", "focus.delta_dof", "scan.overlap"]),
    value=st.floats(allow_nan=True, allow_infinity=True),
)
def test_a_number_is_taken_as_it_is_or_refused(key: str, value: float) -> None:
    """Never clamped, never something else than a UsageError."""
    profile = load_profile("emulated")
    try:
        parsed = parse_profile(changed(profile, key, value), "p.toml")
    except UsageError:
        return
    got: Any = parsed
    for part in key.split("."):
        got = getattr(got, part)
    assert got == value


@given(st.dictionaries(st.text(max_size=8), st.one_of(st.integers(), st.text(max_size=5), st.none()), max_size=4))
def test_any_table_gives_a_profile_or_a_usage_error(data: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        parse_profile(data, "p.toml")
