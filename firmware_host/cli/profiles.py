"""`wsi-host profiles`: which scanners are described; a copy to start from; whether a profile of one's own is right."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from firmware_host.errors import UsageError
from firmware_host.profile import load_profile, profile_text, shipped_profiles
from firmware_host.whole_file import write_whole


def profiles(
    check: Annotated[str | None, typer.Argument(help="A profile's name or TOML file to check.")] = None,
    out: Annotated[Path | None, typer.Option(help="Copy it here, to change; must be new.")] = None,
) -> None:
    """List the shipped profiles, check one, or copy one to start from."""
    if out is not None:
        _copy(check, out)
        return
    for name in shipped_profiles() if check is None else [check]:
        profile = load_profile(name)
        print(f"{profile.name:24} {profile.description}")


def _copy(name: str | None, out: Path) -> None:
    if name is None:
        raise UsageError(f"profiles: name the one to copy to {out}: {', '.join(shipped_profiles())}")
    if out.exists():
        raise UsageError(f"output {out}: is there already; choose another --out")
    text, _ = profile_text(name)
    try:
        write_whole(out, text.encode())
    except OSError as error:
        raise UsageError(f"output {out}: cannot be written: {error.strerror}; choose another --out") from error
    print(f"profile {out}")
