"""A scan on the twin whose board gets hot, under a service manager: it pauses, then stops, and keeps its tiles."""

from __future__ import annotations

import csv
import html
import json
import select
import threading
from pathlib import Path
from typing import Any

import pytest
from test_heartbeat import Manager
from typer.testing import CliRunner

from firmware_host import hardware
from firmware_host.cli import app
from firmware_host.errors import SafetyStop
from firmware_host.health.sensors import Readings
from firmware_host.health.temperature import Temperature
from firmware_host.profile import load_profile
from firmware_host.scan import longest

REGION = "3.7,2.7,4.4,3.2"


class HeatsUp:
    """Cool while the slide is looked at, above the pause's limit after the third tile, too hot some looks later."""

    def __init__(self, tiles: Path) -> None:
        self._tiles = tiles
        self._hot_looks = 0

    def read(self) -> Readings:
        if len(list(self._tiles.glob("*.jpg"))) < 3:
            return Readings(Temperature(60, "cpu-thermal"))
        self._hot_looks += 1
        return Readings(Temperature(84 if self._hot_looks < 4 else 95, "cpu-thermal"))


class Listener(Manager):
    """Hears all the time, as the queue of a socket is short."""

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.all: list[dict[str, str]] = []
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def close(self) -> list[dict[str, str]]:
        self._thread.join(10)
        self.socket.close()
        return self.all

    def _listen(self) -> None:
        while not any("STOPPING" in message for message in self.all):
            if not select.select([self.socket], [], [], 60)[0]:
                return
            self.all += self.heard()


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any, list[dict[str, str]]]:
    """Folder, result of the command, and what systemd heard."""
    where = tmp_path_factory.mktemp("watched")
    out = where / "scan"
    listener = Listener(str(where / "notify"))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hardware, "NoSensors", lambda: HeatsUp(out / "tiles"))
        patch.setattr("firmware_host.health.watch._EVERY_NS", 500_000_000)
        patch.setenv("NOTIFY_SOCKET", str(where / "notify"))
        arguments = ["--no-calibration", "--region", REGION]
        result = CliRunner().invoke(app, ["scan", "--profile", "emulated", "--out", str(out), *arguments])
    return out, result, listener.close()


def test_it_stops_by_name_and_the_slide_is_written(scanned: tuple[Path, Any, list[dict[str, str]]]) -> None:
    out, result, _ = scanned
    assert isinstance(result.exception, SafetyStop)
    assert "processor at 95 C (cpu-thermal), limit 90 C" in str(result.exception)
    rows = list(csv.DictReader((out / "tiles.csv").read_text().splitlines()))
    assert 3 <= len(rows) < 12
    assert all((out / row["tile"]).exists() for row in rows)
    assert (out / "slide.tiff").exists()


def test_journal_and_report_tell_of_it(scanned: tuple[Path, Any, list[dict[str, str]]]) -> None:
    out = scanned[0]
    entries = [json.loads(line.split(" ", 1)[1]) for line in (out / "journal").read_text().splitlines()]
    found = [entry["text"] for entry in entries if entry.get("cause") == "processor hot"]
    assert len(found) == 2
    assert found[0].startswith("the scan pauses: processor at 84 C")
    assert found[1].startswith("the scan stops: processor at 95 C")
    assert entries[-1]["event"] == "stopped"
    report = html.unescape((out / "report.html").read_text())
    assert "at most 95 C (cpu-thermal); paused 1 times, " in report
    assert all(text in report for text in found)


def test_systemd_hears_of_every_phase(scanned: tuple[Path, Any, list[dict[str, str]]]) -> None:
    heard = scanned[2]
    homing_s = longest.homing_s(load_profile("emulated"))
    assert heard[0] == {
        "STATUS": "homing 0%",
        "EXTEND_TIMEOUT_USEC": str(round(homing_s * 1e6)),
        "WATCHDOG": "1",
    }
    ready = [number for number, message in enumerate(heard) if "READY" in message]
    assert len(ready) == 1
    assert heard[ready[0]]["STATUS"].startswith("looking for tissue")
    phases = dict.fromkeys(message["STATUS"].rsplit(" ", 1)[0] for message in heard[:-1])
    assert list(phases) == ["homing", "choosing the network", "looking for tissue", "scanning", "writing the slide"]
    assert heard[-1] == {"STOPPING": "1"}
