"""`wsi-host keys`: whose focus models this host takes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from firmware_host.trust import host_keys

keys = typer.Typer(no_args_is_help=True, help="Whose focus models this host takes.")


@keys.command("list")
def list_keys() -> None:
    """List the trusted keys, and where each lies."""
    for key in host_keys().trusted():
        print(f"{key.digits}  {key.path}")


@keys.command()
def add(file: Annotated[Path, typer.Argument(help="A public key, from wsi-export key.")]) -> None:
    """Trust a key from now on."""
    print(f"trusted: {host_keys().add(file).digits}")


@keys.command()
def remove(digits: Annotated[str, typer.Argument(help="The first digits of the key, eight or more.")]) -> None:
    """Trust a key no more; bundles that only it signed are refused from now on."""
    print(f"removed: {host_keys().remove(digits).digits}")
