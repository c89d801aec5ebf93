"""Signing keys: kept secret, trusted where they were made, and carried to other hosts by their public half."""

from __future__ import annotations

from pathlib import Path

import pytest

from export.keys import new_key, signing_key
from firmware_host.errors import UsageError
from firmware_host.trust import host_keys


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


def test_a_signing_key_is_made_once_and_kept_secret(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "signing.key"
    first, second = (signing_key(path) for _ in range(2))
    assert first.private_bytes_raw() == second.private_bytes_raw()
    assert path.stat().st_mode & 0o777 == 0o600


def test_its_maker_s_machine_trusts_it_and_others_can(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = signing_key(tmp_path / "signing.key")
    digits = key.public_key().public_bytes_raw().hex()
    assert digits in [each.digits for each in host_keys().trusted()]
    monkeypatch.setenv("HOME", str(tmp_path / "another"))
    assert digits not in [each.digits for each in host_keys().trusted()]
    host_keys().add(tmp_path / "signing.pub")
    assert digits in [each.digits for each in host_keys().trusted()]


def test_no_key_is_written_over(tmp_path: Path) -> None:
    path = tmp_path / "signing.key"
    new_key(path)
    before = path.read_bytes()
    with pytest.raises(UsageError, match=r"signing\.key: cannot be made: File exists; name another file"):
        new_key(path)
    assert path.read_bytes() == before


def test_a_file_that_is_no_key_is_told(tmp_path: Path) -> None:
    (tmp_path / "k").write_text("not hex")
    with pytest.raises(UsageError, match="not 64 hex digits"):
        signing_key(tmp_path / "k")
