"""Values change, everything else in the text stays."""

from __future__ import annotations

import tomllib
from importlib import resources
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_host.calibrate.changes import present
from firmware_host.calibrate.profile_text import with_values
from firmware_host.errors import UsageError
from firmware_host.profile import load_profile, shipped_profiles

TEXT = """\
name = "mine"  # not = this
[camera]         # the eye
pixel_um = 0.25
settle = "a # no comment"
[axes.x]
steps_per_um = 3.2           # 200 steps x 16 microsteps
  takeup_um=12  # tight
# steps_per_um = 4

[ axes . y ]
steps_per_um = 3.2"""


def shipped(name: str) -> str:
    return (resources.files("firmware_host") / "profiles" / f"{name}.toml").read_text()


@pytest.mark.parametrize(
    ("key", "value", "before", "after"),
    [
        ("camera.pixel_um", 0.2513, "pixel_um = 0.25\n", "pixel_um = 0.2513\n"),
        ("axes.x.steps_per_um", 3.2451, "= 3.2           # 200", "= 3.2451        # 200"),
        ("axes.x.steps_per_um", 3.123456789012345, "= 3.2           # 200", "= 3.123456789012345 # 200"),
        ("axes.x.takeup_um", 7.5, "  takeup_um=12  # tight", "  takeup_um=7.5 # tight"),
        ("axes.y.steps_per_um", 1.5, "[ axes . y ]\nsteps_per_um = 3.2", "[ axes . y ]\nsteps_per_um = 1.5"),
        ("camera.mirrored", True, 'comment"\n', 'comment"\nmirrored = true\n'),
        ("axes.x.backlash_um", 6.1, "# tight\n", "# tight\nbacklash_um = 6.1\n"),
        ("axes.y.settle_ms", 9, "steps_per_um = 3.2$", "steps_per_um = 3.2\nsettle_ms = 9\n$"),
    ],
)
def test_one_value_changes_and_nothing_else(key: str, value: Any, before: str, after: str) -> None:
    whole = f"{TEXT}$"
    assert whole.count(before) == 1
    assert f"{with_values(TEXT, {key: value}, 'mine.toml')}$" == whole.replace(before, after)


def test_line_ends_of_another_system_stay() -> None:
    changed = with_values("[camera]\r\npixel_um = 1\r\n", {"camera.pixel_um": 2, "camera.mirrored": False}, "")
    assert changed == "[camera]\r\npixel_um = 2\r\nmirrored = false\r\n"


@pytest.mark.parametrize("name", shipped_profiles())
@given(data=st.data())
@settings(max_examples=15, deadline=None)
def test_a_shipped_profile_takes_any_value_and_keeps_its_comments(name: str, data: st.DataObject) -> None:
    text = shipped(name)
    keys = sorted(present(load_profile(name)))
    values = {key: data.draw(st.floats(allow_nan=False, allow_infinity=False)) for key in keys}
    changed = with_values(text, values, name)
    for key, value in values.items():
        table: Any = tomllib.loads(changed)
        for part in key.split("."):
            table = table[part]
        assert table == value
    assert [line.split("#", 1)[1:] for line in changed.splitlines() if "#" in line] == [
        line.split("#", 1)[1:] for line in text.splitlines() if "#" in line
    ]


@pytest.mark.parametrize("name", shipped_profiles())
def test_what_a_profile_says_already_changes_nothing_but_figures_of_the_same_value(name: str) -> None:
    profile = load_profile(name)
    changed = with_values(shipped(name), present(profile), name)
    assert tomllib.loads(changed) | {"camera": 0} == tomllib.loads(shipped(name)) | {"camera": 0}


@pytest.mark.parametrize(
    "text",
    [
        "camera = { pixel_um = 0.25 }",
        "[camera.more]\npixel_um = 0.25",
        "camera.pixel_um = 0.25",
        'about = """\n[camera]\npixel_um = 1\n"""',
        '[camera]\nabout = """\npixel_um = 1\n"""\npixel_um = 2',
        "[camera]\npixel_um = [\n1,\n2]",
    ],
)
def test_where_a_value_cannot_be_changed_alone_it_is_refused(text: str) -> None:
    tomllib.loads(text)
    with pytest.raises(UsageError, match=r"profile mine\.toml: (it has no table|its values cannot be changed)"):
        with_values(text, {"camera.pixel_um": 3.0}, "mine.toml")
