"""`wsi-export key`: another signing key."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from export.keys import new_key


def key(
    path: Annotated[Path, typer.Argument(help="Where the private key is to be; the public one goes beside it.")],
) -> None:
    """Make another signing key. Trust its public half on the devices before you sign with it."""
    new_key(path)
