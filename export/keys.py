"""Signing keys: the private one stays with its maker, the public one goes to the hosts that are to trust it."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from firmware_host.errors import UsageError
from firmware_host.trust import host_keys
from firmware_host.whole_file import write_whole


def signing_key(path: Path) -> Ed25519PrivateKey:
    """Read the private key, 64 hex digits, or make one, see `new_key`.

    :raises UsageError: the file is no key.
    """
    if not path.exists():
        new_key(path)
    try:
        return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(path.read_text(encoding="ascii")))
    except (ValueError, OSError) as error:
        raise UsageError(f"key {path}: not 64 hex digits; name another file with --key") from error


def new_key(path: Path) -> Path:
    """Make a private key that its owner alone can read, and its public half beside it, which this machine trusts.

    :returns: where the public key is.
    :raises UsageError: there is a file already, or it cannot be written.
    """
    key = Ed25519PrivateKey.generate()
    public = path.with_suffix(".pub")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(key.private_bytes_raw().hex())
        write_public(public, key)
    except OSError as error:
        raise UsageError(f"key {path}: cannot be made: {error.strerror}; name another file") from error
    host_keys().add(public)
    print(f"{path}: new signing key; keep it, and keep it secret")
    print(f"{public}: its public half; this machine trusts it, others do after: wsi-host keys add {public.name}")
    return public


def write_public(path: Path, key: Ed25519PrivateKey) -> None:
    """The public half of a key, as hosts take it."""
    write_whole(path, key.public_key().public_bytes_raw().hex().encode())
