"""How commands open the focus model."""

from __future__ import annotations

import sys

from firmware_host.bundle import Bundle, find_bundle, read_bundle
from firmware_host.trust import trusted_keys


def open_bundle(name_or_path: str, allow_unsigned: bool) -> Bundle:
    """A bundle that a trusted key signed, or, with a warning, any one that is whole.

    :raises UsageError: there is none, or it is refused; the message says why.
    """
    if allow_unsigned:
        print("warning: --allow-unsigned: the focus model may be anybody's; for development only", file=sys.stderr)
    return read_bundle(find_bundle(name_or_path), None if allow_unsigned else trusted_keys())
