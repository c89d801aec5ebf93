"""What a card's owner writes into `scanner.toml` on its first partition, which any computer can open.

Read at every start, checked here, and turned into the files that the system looks at. What is wrong is told in a file
beside it, and the settings that were good last stay in force: a typing mistake must not lock anybody out.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import socket
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from zoneinfo import available_timezones

from pydantic import Field, ValidationError, field_validator

from firmware_host.errors import UsageError
from firmware_host.profile import load_profile, shipped_profiles
from firmware_host.profile_tables import Table
from firmware_host.whole_file import write_whole

FILE, WRONG = "scanner.toml", "scanner-error.txt"
"""The owner's file, and the one that tells what is wrong with it."""
_CONFIG, _LAST, _RUN = Path("/boot/config"), Path("/var/lib/wsi-card"), Path("/run/wsi-card")
_KEY_KINDS = r"(?:sk-)?(?:ssh-ed25519|ecdsa-sha2-nistp256)(?:@openssh\.com)?|ssh-rsa|ecdsa-sha2-nistp(?:384|521)"
_SSID_BYTES = 32
_OPTION = r"^[\w.,:/=+-]+$"


class Wifi(Table):
    """A network with a password (WPA2)."""

    network: str = Field(min_length=1, description="its name")
    password: str = Field(min_length=8, max_length=63, pattern=r"^[ -~]+$")
    country: str = Field(pattern=r"^[A-Z]{2}$", description="where the scanner stands: which channels may be used")

    @field_validator("network")
    @classmethod
    def _is_short(cls, network: str) -> str:
        if len(network.encode()) > _SSID_BYTES:
            raise ValueError(f"a network's name has at most {_SSID_BYTES} bytes")
        return network


class Settings(Table):
    """All keys may be left out.

    :param profile: a shipped one, or a file beside `scanner.toml`; :param options: of `wsi-host scan`.
    """

    host_name: str = Field(default="wsi-scanner", pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")
    time_zone: str = "UTC"
    ssh_keys: list[str] = Field(default_factory=list)
    profile: str = "emulated"
    options: list[Annotated[str, Field(pattern=_OPTION)]] = Field(default_factory=list)
    wifi: Wifi | None = None

    @field_validator("time_zone")
    @classmethod
    def _is_known(cls, zone: str) -> str:
        if zone not in available_timezones():
            raise ValueError(f"{zone!r} is no time zone; for example Europe/Vienna")
        return zone

    @field_validator("ssh_keys")
    @classmethod
    def _are_keys(cls, keys: list[str]) -> list[str]:
        for number, key in enumerate(keys, start=1):
            if not _is_public_key(key):
                raise ValueError(f"number {number} is no public key; take the line of a file such as id_ed25519.pub")
        return keys


@dataclass(frozen=True)
class Written:
    """A file that the system looks at. :param mode: of access."""

    name: str
    content: bytes
    mode: int = 0o644


def read_settings(file: Path) -> Settings:
    """:raises UsageError: it cannot be read, or something in it is not as it must be; passwords are not repeated."""
    try:
        settings = Settings.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file.name}: cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{file.name}: not valid TOML: {error}") from error
    except ValidationError as error:
        raise UsageError(f"{file.name}: {_first_problem(error)}") from error
    load_profile(_profile_of(settings, file.parent))
    return settings


def files_of(settings: Settings, config: Path) -> list[Written]:
    """:param config: the folder that `scanner.toml` lies in."""
    profile = _profile_of(settings, config)
    files = [
        Written("hostname", f"{settings.host_name}\n".encode()),
        Written("scan.env", f"WSI_PROFILE={profile}\nWSI_OPTIONS={' '.join(settings.options)}\n".encode()),
    ]
    if settings.ssh_keys:
        files.append(Written("authorized_keys", "".join(f"{key}\n" for key in settings.ssh_keys).encode(), 0o600))
    if settings.wifi is not None:
        files.append(Written("wpa_supplicant.conf", _supplicant(settings.wifi), 0o600))
    return files


def apply(config: Path = _CONFIG, last: Path = _LAST, run: Path = _RUN) -> Settings:
    """Read the owner's settings, or those that were good last, and write what the system looks at into `run`.

    :param last: where good settings are kept.
    """
    wrong = config / WRONG
    try:
        settings, source = read_settings(config / FILE), config
        wrong.unlink(missing_ok=True)
        _keep(config, last, settings)
    except UsageError as error:
        write_whole(wrong, f"{error}\n".encode())
        print(f"warning: {error}", file=sys.stderr)
        settings, source = (read_settings(last / FILE), last) if (last / FILE).exists() else (Settings(), config)
    run.mkdir(mode=0o755, parents=True, exist_ok=True)
    for before in run.iterdir():
        before.unlink()
    (run / "localtime").symlink_to(Path("/usr/share/zoneinfo") / settings.time_zone)
    for file in files_of(settings, source):
        path = run / file.name
        path.touch(mode=file.mode)
        path.write_bytes(file.content)
    return settings


def _keep(config: Path, last: Path, settings: Settings) -> None:
    """The file, and a profile beside it."""
    last.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in [FILE] if settings.profile in shipped_profiles() else [settings.profile, FILE]:
        content = (config / name).read_bytes()
        if not (last / name).exists() or (last / name).read_bytes() != content:
            write_whole(last / name, content)


def _profile_of(settings: Settings, config: Path) -> str:
    """As `load_profile` takes it. :raises UsageError: it lies elsewhere."""
    if settings.profile in shipped_profiles():
        return settings.profile
    if not re.fullmatch(r"[\w-][\w.-]*\.toml", settings.profile):
        raise UsageError(
            f"{FILE}: profile = {settings.profile!r}: neither a shipped one ({', '.join(shipped_profiles())}) nor the "
            "name of a .toml file beside it"
        )
    return str(config / settings.profile)


def _is_public_key(key: str) -> bool:
    """`kind base64 comment` on one line, whose base64 begins with the kind once more."""
    found = re.fullmatch(rf"({_KEY_KINDS}) ([A-Za-z0-9+/]+={{0,2}})( [ -~]*)?", key)
    if found is None:
        return False
    try:
        blob = base64.b64decode(found[2], validate=True)
    except binascii.Error:
        return False
    kind = found[1].encode()
    return blob[: 4 + len(kind)] == len(kind).to_bytes(4, "big") + kind


def _supplicant(wifi: Wifi) -> bytes:
    """The name as hex digits and the key that WPA2 makes of the password (IEEE 802.11, J.4): nothing to be quoted."""
    name = wifi.network.encode()
    key = hashlib.pbkdf2_hmac("sha1", wifi.password.encode("ascii"), name, 4096, 32)
    return (
        f"country={wifi.country}\nnetwork={{\n\tssid={name.hex()}\n\tscan_ssid=1\n\tkey_mgmt=WPA-PSK\n\tpsk={key.hex()}\n}}\n"
    ).encode("ascii")


def _first_problem(error: ValidationError) -> str:
    """Without the value, which may be a password."""
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return f"{key} is not a known key ({', '.join(Settings.model_fields)})"
    if first["type"] == "value_error":
        return f"{key}: {first['msg'].removeprefix('Value error, ')}"
    return f"{key}: {first['msg'].lower()}"


def main() -> None:
    """At every start, before the network."""
    socket.sethostname(apply().host_name)


if __name__ == "__main__":
    main()
