"""The owner's settings on a card: what the system gets of them, and that a mistake locks nobody out."""

from __future__ import annotations

import base64
import stat
from pathlib import Path

import pytest

from firmware_host.card.settings import FILE, WRONG, Settings, apply, files_of, read_settings
from firmware_host.errors import UsageError
from firmware_host.profile import profile_text

KIND = b"ssh-ed25519"
KEY = "ssh-ed25519 " + base64.b64encode(len(KIND).to_bytes(4, "big") + KIND + bytes(36)).decode() + " me@laptop"
WHOLE = f"""
host_name = "scanner-3"
time_zone = "Europe/Vienna"
ssh_keys = ["{KEY}"]
profile = "mine.toml"
options = ["--region", "5,5,20,20"]

[wifi]
network = "Labor 2"
password = "correct horse"
country = "AT"
"""


class Card:
    def __init__(self, folder: Path) -> None:
        self.config, self.last, self.run = (folder / name for name in ("config", "last", "run"))
        self.config.mkdir()
        (self.config / "mine.toml").write_text(profile_text("emulated")[0])

    def starts(self, text: str | None = None) -> Settings:
        if text is not None:
            (self.config / FILE).write_text(text)
        return apply(self.config, self.last, self.run)

    def written(self) -> dict[str, str]:
        return {path.name: path.read_text() for path in self.run.iterdir() if not path.is_symlink()}

    @property
    def wrong(self) -> str:
        path = self.config / WRONG
        return path.read_text() if path.exists() else ""


@pytest.fixture
def card(tmp_path: Path) -> Card:
    return Card(tmp_path)


def test_the_system_gets_what_the_owner_wrote(card: Card) -> None:
    card.starts(WHOLE)
    written = card.written()
    assert written["hostname"] == "scanner-3\n"
    assert written["authorized_keys"] == f"{KEY}\n"
    assert written["scan.env"] == f"WSI_PROFILE={card.config / 'mine.toml'}\nWSI_OPTIONS=--region 5,5,20,20\n"
    assert str((card.run / "localtime").readlink()) == "/usr/share/zoneinfo/Europe/Vienna"
    assert card.wrong == ""


def test_secrets_are_for_root_alone_and_no_password_is_written(card: Card) -> None:
    card.starts(WHOLE)
    for name in ("wpa_supplicant.conf", "authorized_keys"):
        assert stat.S_IMODE((card.run / name).stat().st_mode) == 0o600
    assert "correct horse" not in "".join(card.written().values())


def test_the_key_of_a_network_is_that_of_the_standard() -> None:
    """IEEE 802.11-2016, J.4.2, first test vector."""
    settings = Settings.model_validate({"wifi": {"network": "IEEE", "password": "password", "country": "AT"}})
    text = files_of(settings, Path())[-1].content.decode()
    assert "psk=f42c6fc52df0ebef9ebb4b90b38a5f902e83fe1b135a70e23aed762e9710a12e" in text
    assert "ssid=49454545" in text


def test_without_keys_nothing_lets_anybody_in(card: Card) -> None:
    card.starts("")
    assert set(card.written()) == {"hostname", "scan.env"}
    assert card.written()["scan.env"] == "WSI_PROFILE=emulated\nWSI_OPTIONS=\n"


def test_a_mistake_is_told_on_the_card_and_what_was_good_stays(card: Card) -> None:
    card.starts(WHOLE)
    before = card.written()
    for text in ("host_name = 'Ä'", "not toml", WHOLE.replace("mine.toml", "gone.toml")):
        assert card.starts(text).host_name == "scanner-3"
        assert card.wrong.startswith((FILE, "profile"))
        after = card.written()
        assert after.pop("scan.env") == f"WSI_PROFILE={card.last / 'mine.toml'}\nWSI_OPTIONS=--region 5,5,20,20\n"
        assert after == {name: content for name, content in before.items() if name != "scan.env"}
    card.starts(WHOLE)
    assert card.wrong == ""


def test_a_card_whose_first_settings_are_wrong_starts_all_the_same(card: Card) -> None:
    assert card.starts("ssh_keys = 3") == Settings()
    assert card.wrong.startswith(FILE)


def test_what_is_taken_out_is_gone_at_the_next_start(card: Card) -> None:
    card.starts(WHOLE)
    card.starts("host_name = 'other'")
    assert set(card.written()) == {"hostname", "scan.env"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("host_name = 'a b'", "host_name: "),
        ("host_name = '-a'", "host_name: "),
        ("time_zone = 'Vienna'", "'Vienna' is no time zone"),
        ("time_zone = '../../etc/shadow'", "no time zone"),
        ("ssh_keys = ['ssh-ed25519 AAAA']", "number 1 is no public key"),
        (f'ssh_keys = ["{KEY}\\n{KEY}"]', "number 1 is no public key"),
        (f"ssh_keys = ['command=\"x\" {KEY}']", "number 1 is no public key"),
        ("profile = '../x.toml'", "neither a shipped one"),
        ("profile = 'none'", "neither a shipped one"),
        ("options = ['--out', '$(reboot)']", "options.1: "),
        ("options = ['a b']", "options.0: "),
        ("network = 'x'", "network is not a known key (host_name, "),
        ("[wifi]\nnetwork = 'x'\ncountry = 'AT'", "wifi.password: field required"),
        ("[wifi]\nnetwork = 'x'\npassword = 'seven77'\ncountry = 'AT'", "wifi.password: "),
        (f"[wifi]\nnetwork = '{'ä' * 17}'\npassword = 'eight888'\ncountry = 'AT'", "at most 32 bytes"),
        ("[wifi]\nnetwork = 'x'\npassword = 'eight888'\ncountry = 'at'", "wifi.country: "),
    ],
)
def test_what_cannot_be_is_one_line_without_secrets(card: Card, text: str, words: str) -> None:
    (card.config / FILE).write_text(text)
    with pytest.raises(UsageError) as told:
        read_settings(card.config / FILE)
    assert words in str(told.value)
    assert "\n" not in str(told.value)
    assert "seven77" not in str(told.value)
