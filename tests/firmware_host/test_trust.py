"""Whose bundles a host takes: keys come, go, and are never half there."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from manifests import GRAPHS, MANIFEST
from typer.testing import CliRunner

from firmware_host.bundle import read_bundle, write_bundle
from firmware_host.cli import app
from firmware_host.errors import UsageError
from firmware_host.trust import KeyRing

OLD, NEW, STRANGER = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2, 3))


def digits(key: Ed25519PrivateKey) -> str:
    return key.public_key().public_bytes_raw().hex()


def written(path: Path, key: Ed25519PrivateKey) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(digits(key) + "\n")
    return path


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    """One key came with the software."""
    written(tmp_path / "shipped" / "maker.pub", OLD)
    return KeyRing(tmp_path / "shipped", tmp_path / "own")


def trusted(ring: KeyRing) -> set[str]:
    return {each.digits for each in ring.trusted()}


def test_a_maker_changes_keys_without_a_gap(ring: KeyRing, tmp_path: Path) -> None:
    """A bundle of the old key is taken until that key is removed, one of the new key from when it was added."""
    bundles = {}
    for name, key in (("old", OLD), ("new", NEW)):
        bundles[name] = tmp_path / f"{name}.wsimodel"
        write_bundle(bundles[name], MANIFEST, GRAPHS, key)

    def taken(name: str) -> bool:
        try:
            read_bundle(bundles[name], [each.key for each in ring.trusted()])
        except UsageError:
            return False
        return True

    assert (taken("old"), taken("new")) == (True, False)
    ring.add(written(tmp_path / "new.pub", NEW))
    assert (taken("old"), taken("new")) == (True, True)
    ring.remove(digits(OLD)[:8])
    assert (taken("old"), taken("new")) == (False, True)


def test_a_removed_key_stays_removed_until_it_is_added(ring: KeyRing, tmp_path: Path) -> None:
    file = written(tmp_path / "again.pub", OLD)
    ring.remove(digits(OLD))
    assert trusted(KeyRing(tmp_path / "shipped", tmp_path / "own")) == set()
    assert ring.add(file).path == tmp_path / "shipped" / "maker.pub"
    assert trusted(ring) == {digits(OLD)}


def test_adding_twice_keeps_one(ring: KeyRing, tmp_path: Path) -> None:
    file = written(tmp_path / "new.pub", NEW)
    assert ring.add(file) == ring.add(file)
    assert trusted(ring) == {digits(OLD), digits(NEW)}
    assert [path.suffix for path in (tmp_path / "own").iterdir()] == [".pub"]


@pytest.mark.parametrize("prefix", ["", "8a", digits(STRANGER)[:12], digits(OLD)[:7]])
def test_what_names_no_key_removes_none(ring: KeyRing, prefix: str) -> None:
    with pytest.raises(UsageError, match=r"trusted keys begin so; give the first 8 digits or more"):
        ring.remove(prefix)
    assert trusted(ring) == {digits(OLD)}


@pytest.mark.parametrize("content", [b"", b"not hex", b"00" * 31, b"\xff" * 64, None])
def test_a_file_that_holds_no_key_is_named(ring: KeyRing, tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "bad.pub"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UsageError, match=r"key .*bad\.pub: .*; copy it again"):
        ring.add(file)
    assert trusted(ring) == {digits(OLD)}


def test_one_damaged_key_is_told_not_passed_over(ring: KeyRing, tmp_path: Path) -> None:
    (tmp_path / "shipped" / "other.pub").write_text("damaged")
    with pytest.raises(UsageError, match=r"other\.pub"):
        ring.trusted()


def test_by_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    run = CliRunner()
    file = written(tmp_path / "new.pub", NEW)
    assert digits(NEW) in run.invoke(app, ["keys", "add", str(file)], catch_exceptions=False).output
    assert digits(NEW) in run.invoke(app, ["keys", "list"], catch_exceptions=False).output
    assert digits(NEW) in run.invoke(app, ["keys", "remove", digits(NEW)[:10]], catch_exceptions=False).output
    assert digits(NEW) not in run.invoke(app, ["keys", "list"], catch_exceptions=False).output
