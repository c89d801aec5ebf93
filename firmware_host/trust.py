"""Whose bundles this host takes: the public keys that came with the software, and those that its owner added.

A key is a file of 64 hex digits, `*.pub`. The owner's lie in `~/.config/wsi-scanner/trusted`; there too a file
`<key>.removed` takes back one that came with the software. So a maker changes keys without a gap: add the new one to
the devices, sign with it from then on, remove the old one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from firmware_host.errors import UsageError
from firmware_host.whole_file import write_whole

_REMOVED = ".removed"
_SHORTEST_PREFIX = 8


@dataclass(frozen=True)
class TrustedKey:
    """:param digits: the public key, 64 hex digits; :param path: the file that holds it."""

    digits: str
    path: Path

    @property
    def key(self) -> Ed25519PublicKey:
        return Ed25519PublicKey.from_public_bytes(bytes.fromhex(self.digits))


class KeyRing:
    """The trusted keys of one host.

    :param shipped: folder of those that came with the software, only read; :param own: folder of the owner's.
    """

    def __init__(self, shipped: Path, own: Path) -> None:
        self._shipped = shipped
        self._own = own

    def trusted(self) -> list[TrustedKey]:
        """All that are trusted, each once, in order of their digits.

        :raises UsageError: a file holds no key.
        """
        found = {key.digits: key for folder in (self._shipped, self._own) for key in _read_all(folder)}
        return [found[digits] for digits in sorted(found) if not self._mark(digits).exists()]

    def add(self, file: Path) -> TrustedKey:
        """Trust the key in a file from now on; adding it again changes nothing.

        :raises UsageError: the file holds no key.
        """
        digits = _read(file)
        self._mark(digits).unlink(missing_ok=True)
        for known in self.trusted():
            if known.digits == digits:
                return known
        self._own.mkdir(parents=True, exist_ok=True)
        path = self._own / f"{digits}.pub"
        write_whole(path, digits.encode())
        return TrustedKey(digits, path)

    def remove(self, prefix: str) -> TrustedKey:
        """Trust the key whose digits begin so no more.

        :raises UsageError: no trusted key begins so, or several do, or the prefix is shorter than 8 digits.
        """
        found = [key for key in self.trusted() if key.digits.startswith(prefix.lower())]
        if len(found) != 1 or len(prefix) < _SHORTEST_PREFIX:
            raise UsageError(
                f"key {prefix}: {len(found)} trusted keys begin so; give the first {_SHORTEST_PREFIX} digits or more "
                "of one that `wsi-host keys list` shows"
            )
        (key,) = found
        self._own.mkdir(parents=True, exist_ok=True)
        write_whole(self._mark(key.digits), b"")
        if key.path.parent == self._own:
            key.path.unlink()
        return key

    def _mark(self, digits: str) -> Path:
        return self._own / f"{digits}{_REMOVED}"


def host_keys() -> KeyRing:
    """The keys of this host and user."""
    shipped = Path(str(resources.files("firmware_host") / "models" / "trusted"))
    return KeyRing(shipped, Path.home() / ".config" / "wsi-scanner" / "trusted")


def trusted_keys() -> list[Ed25519PublicKey]:
    """The public keys whose bundles this host takes.

    :raises UsageError: a file among them holds no key.
    """
    return [each.key for each in host_keys().trusted()]


def _read_all(folder: Path) -> Iterator[TrustedKey]:
    for path in sorted(folder.glob("*.pub")):
        yield TrustedKey(_read(path), path)


def _read(path: Path) -> str:
    try:
        digits = path.read_text(encoding="ascii").strip().lower()
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(digits))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not 64 hex digits"
        raise UsageError(f"key {path}: {reason}; copy it again from its maker, or remove the file") from error
    return digits
