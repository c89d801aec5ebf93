"""The log of a service: one line a record, in UTC, bounded, and never the end of a scan."""

from __future__ import annotations

import logging
import re
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firmware_host.errors import UsageError
from firmware_host.incidents import Incident
from firmware_host.log import log_to

LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (INFO|WARNING) .*")


def no_warning(text: str) -> None:
    raise AssertionError(text)


def test_what_happened_and_how_far_it_got_is_written(tmp_path: Path) -> None:
    path = tmp_path / "wsi.log"
    with log_to(path, no_warning) as log:
        log.say("scan into /scans/a")
        log.note(Incident("disk nearly full", "2 GB free"))
        for share in (0.0, 0.05, 0.099, 0.1, 0.51, 0.51):
            log.tell("scanning", share, 754.4)
        log.tell("writing the slide", 0.5, None)
    lines = path.read_text().splitlines()
    assert all(LINE.fullmatch(line) for line in lines)
    assert [line.split("Z ", 1)[1] for line in lines] == [
        "INFO scan into /scans/a",
        "WARNING disk nearly full: 2 GB free",
        "INFO scanning 0%, 754 s left",
        "INFO scanning 10%, 754 s left",
        "INFO scanning 51%, 754 s left",
        "INFO writing the slide 50%",
    ]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)
@given(text=st.text(max_size=60))
def test_whatever_is_said_it_stays_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "any.log"
    path.unlink(missing_ok=True)
    with log_to(path, no_warning) as log:
        log.note(Incident("disk nearly full", f"{text}\n2000-01-01T00:00:00.000Z INFO forged\r\n\x1b[31m\u2028"))
    assert len(path.read_bytes().splitlines()) == 1
    (line,) = path.read_text(encoding="utf-8").splitlines()
    assert LINE.fullmatch(line)
    assert line.isprintable()


def test_its_size_is_bounded_and_the_newest_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "wsi.log"
    with log_to(path, no_warning, file_bytes=1000, older_files=3) as log:
        for number in range(1000):
            log.say(f"line {number}")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["wsi.log", "wsi.log.1", "wsi.log.2", "wsi.log.3"]
    assert all(each.stat().st_size <= 1000 for each in tmp_path.iterdir())
    assert path.read_text().splitlines()[-1].endswith("line 999")


def test_it_goes_on_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "wsi.log"
    for text in ("first", "second"):
        with log_to(path, no_warning) as log:
            log.say(text)
    assert [line.split()[-1] for line in path.read_text().splitlines()] == ["first", "second"]


def test_without_a_file_nothing_is_written(capfd: pytest.CaptureFixture[str]) -> None:
    with log_to(None, no_warning) as log:
        log.say("nothing")
        log.note(Incident("disk nearly full", "2 GB free"))
    assert capfd.readouterr() == ("", "")


def test_a_file_that_cannot_be_opened_is_one_clear_line(tmp_path: Path) -> None:
    with (
        pytest.raises(UsageError, match=r"log .*missing/wsi.log: cannot be written: No such file or directory"),
        log_to(tmp_path / "missing" / "wsi.log", no_warning),
    ):
        pass


def test_a_disk_that_is_full_is_said_once_and_ends_nothing(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    warned: list[str] = []
    monkeypatch.setattr(logging, "raiseExceptions", True)
    with log_to(Path("/dev/full"), warned.append) as log:
        for _ in range(5):
            log.say("nothing")
    assert warned == ["log /dev/full: takes no more, the scan goes on without it; check its disk"]
    assert capfd.readouterr() == ("", "")


def test_threads_may_write_at_once(tmp_path: Path) -> None:
    path = tmp_path / "wsi.log"
    with log_to(path, no_warning, file_bytes=2000, older_files=100) as log:
        threads = [
            threading.Thread(target=lambda name=name: [log.say(f"{name} {n}") for n in range(50)]) for name in "abcd"
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
    lines = [line for each in tmp_path.iterdir() for line in each.read_text().splitlines()]
    assert len(lines) == 200
    assert all(LINE.fullmatch(line) for line in lines)
