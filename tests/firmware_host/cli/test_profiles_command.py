"""Profiles as a newcomer meets them: listed, checked, copied to start from."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from firmware_host.cli import app
from firmware_host.errors import UsageError
from firmware_host.profile import load_profile


def profiles(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["profiles", *arguments])
    if result.exception is not None:
        raise result.exception
    return result.output


def test_the_shipped_ones_are_listed_with_what_they_are() -> None:
    assert "rpi5-imx477-20x          Raspberry Pi 5" in profiles()


def test_a_copy_is_the_profile_with_its_comments(tmp_path: Path) -> None:
    out = tmp_path / "mine.toml"
    assert profiles("rpi5-imx477-20x", "--out", str(out)) == f"profile {out}\n"
    assert load_profile(str(out)) == load_profile("rpi5-imx477-20x")
    assert "# 200 steps x 16 microsteps" in out.read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--out", "{new}"), "name the one to copy"),
        (("rpi5-imx477-20x", "--out", "{old}"), "is there already"),
        (("rpi5-imx477-20x", "--out", "{nowhere}"), "cannot be written"),
        (("rpi7", "--out", "{new}"), "not among the shipped ones"),
    ],
)
def test_a_copy_that_cannot_be_made_leaves_everything_as_it_was(
    arguments: tuple[str, ...], words: str, tmp_path: Path
) -> None:
    old = tmp_path / "old.toml"
    old.write_text("mine")
    paths = {"new": tmp_path / "new.toml", "old": old, "nowhere": tmp_path / "no" / "where.toml"}
    with pytest.raises(UsageError, match=words):
        profiles(*(each.format(**paths) for each in arguments))
    assert old.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [old]
