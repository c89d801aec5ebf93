"""Signing keys: the private one stays outside the repository, the public one goes to the hosts that trust it."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from firmware_host.errors import UsageError
from firmware_host.whole_file import write_whole


def signing_key(path: Path, trusted: Path) -> Ed25519PrivateKey:
    """Read the private key (64 hex digits), or make one readable by its owner alone; its public half goes to `trusted`.

    :raises UsageError: the file is no key.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(Ed25519PrivateKey.generate().private_bytes_raw().hex())
        print(f"{path}: new signing key; keep it, and keep it secret")
    try:
        key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(path.read_text()))
    except (ValueError, OSError) as error:
        raise UsageError(f"key {path}: not 64 hex digits; name another file with --key") from error
    public = key.public_key().public_bytes_raw().hex()
    trusted.mkdir(parents=True, exist_ok=True)
    write_whole(trusted / f"{public[:12]}.pub", public.encode("ascii"))
    return key
