"""`wsi-host profiles`: which scanners are described, and whether a profile of one's own is right."""

from __future__ import annotations

from typing import Annotated

import typer

from firmware_host.profile import load_profile, shipped_profiles


def profiles(
    check: Annotated[str | None, typer.Argument(help="A profile's name or TOML file to check.")] = None,
) -> None:
    """List the shipped profiles, or check one."""
    for name in shipped_profiles() if check is None else [check]:
        profile = load_profile(name)
        print(f"{profile.name:24} {profile.description}")
