"""The socket of a running scan: who may ask, what a client may do to it, and how scans are found."""

from __future__ import annotations

import json
import os
import socket
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_host.cancel import CancelToken
from firmware_host.control import address, protocol, server
from firmware_host.control.client import ask, find, wait_for
from firmware_host.control.desk import Desk
from firmware_host.control.server import Server, listening
from firmware_host.control.status import Status
from firmware_host.errors import HardwareError, UsageError

ASSEMBLY = "writing the slide"


def desk(folder: str = "/scans/a") -> Desk:
    return Desk(Path(folder), "emulated", CancelToken(), ASSEMBLY)


@pytest.fixture
def folder(short_path: Path) -> Path:
    path = short_path / "wsi-scanner"
    path.mkdir(mode=0o700)
    return path


@pytest.fixture
def running(folder: Path) -> Iterator[tuple[Server, Desk]]:
    asked = desk()
    running = Server(asked, folder / "scan-1.sock", timeout_s=0.2)
    yield running, asked
    running.close()


def talk(path: Path, sent: bytes) -> bytes:
    """What comes back until the scan hangs up."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(10)
        line.connect(str(path))
        line.sendall(sent)
        heard = b""
        while more := line.recv(65536):
            heard += more
        return heard


def error_of(line: bytes) -> str:
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    read = json.loads(line)
    assert read["ok"] is False
    return str(read["error"])


# --- what is said ----------------------------------------------------------------------------------------------------


def test_the_lines_are_those_of_the_page() -> None:
    assert protocol.request("pause") == b'{"version": 1, "command": "pause"}\n'
    read = json.loads(protocol.answer(desk(), protocol.request("status")))
    assert (read["version"], read["ok"]) == (1, True)
    assert set(read["status"]) == set(Status.model_fields)


def test_each_command_does_what_it_says() -> None:
    asked = desk()
    for command, state in (("pause", "pausing"), ("status", "pausing"), ("resume", "running"), ("stop", "stopping")):
        line = protocol.request(command)  # type: ignore[arg-type]
        assert protocol.status_of(protocol.answer(asked, line)).state == state


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"", "expected a line such as"),
        (b"status", "expected a line such as"),
        (b"[]", "expected a line such as"),
        (b'{"command": "status"}', "expected a line such as"),
        (b'{"version": "1", "command": "status"}', "expected a line such as"),
        (b'{"version": 2, "command": "status"}', "version 2 was asked, this scan speaks version 1"),
        (b'{"version": 1, "command": "scan"}', "unknown command; there are status, pause, resume, stop"),
        (b'{"version": 1, "command": "resume"}', "it is not paused"),
        (b"\xff\xfe\x00", "expected a line such as"),
    ],
)
def test_what_is_no_question_is_answered_by_one_line(line: bytes, words: str) -> None:
    asked = desk()
    assert words in error_of(protocol.answer(asked, line))
    assert asked.status().state == "running"


@given(line=st.binary(max_size=200))
def test_whatever_is_asked_there_is_one_answer(line: bytes) -> None:
    assert json.loads(protocol.answer(desk(), line))["version"] == 1


def test_an_unknown_key_is_passed_over_in_questions_and_answers() -> None:
    """A newer program may say more."""
    assert json.loads(protocol.answer(desk(), b'{"version": 1, "command": "status", "by": "web"}'))["ok"]
    told = json.loads(protocol.answer(desk(), protocol.request("status")))
    told["status"]["speed"] = told["more"] = 5
    assert protocol.status_of(json.dumps(told).encode()).folder == "/scans/a"


@pytest.mark.parametrize("line", [b"", b"rubbish", b'{"version": 1, "ok": true, "status": {"pid": "x"}}'])
def test_an_answer_that_is_none_is_one_clear_line(line: bytes) -> None:
    with pytest.raises(HardwareError, match="the scan's answer is none"):
        protocol.status_of(line)


# --- the scan's end ------------------------------------------------------------------------------------------------


def test_only_its_user_can_reach_the_socket(running: tuple[Server, Desk]) -> None:
    found = running[0].path.lstat()
    assert stat.S_ISSOCK(found.st_mode)
    assert stat.S_IMODE(found.st_mode) == 0o600


def test_another_user_is_hung_up_on(running: tuple[Server, Desk], monkeypatch: pytest.MonkeyPatch) -> None:
    """As if it had got through: the kernel says who is at the other end."""
    monkeypatch.setattr(server, "_user_of", lambda _: os.geteuid() + 1)
    assert ask(running[0].path, "stop") is None
    monkeypatch.undo()
    status = ask(running[0].path, "status")
    assert status is not None
    assert status.state == "running"


def test_the_kernel_says_who_asks(tmp_path: Path) -> None:
    left, right = socket.socketpair()
    assert server._user_of(left) == os.geteuid()
    left.close()
    right.close()


@pytest.mark.parametrize(
    "sent",
    [b"rubbish\n", b"\n", b"x" * 1024, b"\0" * 100 + b"\n", protocol.request("status")[:-2] + b"\n"],
    ids=["rubbish", "nothing", "too long", "zeros", "cut off"],
)
def test_a_client_that_sends_rubbish_harms_nothing(running: tuple[Server, Desk], sent: bytes) -> None:
    assert "expected a line" in error_of(talk(running[0].path, sent))
    assert ask(running[0].path, "status") is not None


def test_a_client_that_says_nothing_is_hung_up_on(running: tuple[Server, Desk]) -> None:
    assert talk(running[0].path, b"") == b""
    assert talk(running[0].path, b'{"version": 1') == b""
    assert ask(running[0].path, "status") is not None


def test_clients_that_stay_do_not_keep_others_out(running: tuple[Server, Desk]) -> None:
    lines = [socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) for _ in range(50)]
    for line in lines:
        line.settimeout(10)
        line.connect(str(running[0].path))
        assert ask(running[0].path, "status") is not None
        assert len(running[0]._clients) <= 8
    for line in lines:
        line.close()


def test_a_client_that_never_reads_is_hung_up_on(running: tuple[Server, Desk], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "answer", lambda *_: b"x" * 10_000_000)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(10)
        line.connect(str(running[0].path))
        line.sendall(protocol.request("status"))
        monkeypatch.undo()
        assert ask(running[0].path, "status") is not None
        while running[0]._clients:  # the first has 0.2 s
            assert ask(running[0].path, "status") is not None
        heard = 0
        while more := line.recv(1 << 20):
            heard += len(more)
        assert 0 < heard < 10_000_000


def test_a_client_that_leaves_before_its_answer_harms_nothing(running: tuple[Server, Desk]) -> None:
    for _ in range(20):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.connect(str(running[0].path))
            line.sendall(protocol.request("pause"))
    status = ask(running[0].path, "status")
    assert status is not None
    assert status.state == "pausing"


def test_many_may_ask_at_once(running: tuple[Server, Desk]) -> None:
    states: list[str | None] = []

    def asks() -> None:
        for _ in range(20):
            status = ask(running[0].path, "status")
            states.append(status and status.state)

    threads = [threading.Thread(target=asks) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert states == ["running"] * 80


def test_at_the_end_socket_and_thread_are_gone(folder: Path) -> None:
    before = threading.active_count()
    ended = Server(desk(), folder / "scan-1.sock")
    ended.close()
    assert list(folder.iterdir()) == []
    assert threading.active_count() == before
    assert ask(ended.path, "status") is None


def test_where_it_cannot_listen_the_scan_goes_on(tmp_path: Path) -> None:
    warned: list[str] = []
    with listening(desk(), warned.append, [tmp_path / "missing" / "deeper"]):
        pass
    assert len(warned) == 1
    assert warned[0].startswith("control: no folder for the scan's socket among")


def test_a_socket_that_cannot_be_made_is_said_by_name(tmp_path: Path) -> None:
    with pytest.raises(HardwareError, match=r"control: cannot listen at .*: No such file"):
        Server(desk(), tmp_path / "missing" / "scan-1.sock")


# --- where sockets lie ---------------------------------------------------------------------------------------------


def test_a_session_has_a_folder_of_its_own_and_a_service_another(tmp_path: Path) -> None:
    user = os.geteuid()
    assert address.folders({"XDG_RUNTIME_DIR": "/run/user/7"}, Path("/run"), Path("/tmp")) == [
        Path("/run/user/7/wsi-scanner"),
        Path(f"/run/user/{user}/wsi-scanner"),
        Path("/run/wsi-scanner"),
        Path(f"/tmp/wsi-scanner-{user}"),
    ]
    assert address.folders({"XDG_RUNTIME_DIR": "relative"}, Path("/run"), Path("/tmp"))[0].parent.parent == Path(
        "/run/user"
    )


def test_the_first_folder_that_can_be_had_is_made_private(tmp_path: Path) -> None:
    path = address.own_socket([tmp_path / "missing" / "wsi-scanner", tmp_path / "wsi-scanner", tmp_path / "later"])
    assert path == tmp_path / "wsi-scanner" / f"scan-{os.getpid()}.sock"
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert not (tmp_path / "later").exists()


def a_link(path: Path) -> None:
    (path.parent / "elsewhere").mkdir()
    path.symlink_to(path.parent / "elsewhere")


def a_file(path: Path) -> None:
    path.write_text("")


def open_to_all(path: Path) -> None:
    path.mkdir()
    path.chmod(0o777)


def of_another_user(path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root, to make a folder of another user")
    path.mkdir()
    os.chown(path, 12345, 12345)


@pytest.mark.parametrize("put", [a_link, a_file, open_to_all, of_another_user])
def test_a_folder_that_another_user_may_have_prepared_is_passed_over(
    tmp_path: Path, put: Callable[[Path], None]
) -> None:
    put(tmp_path / "wsi-scanner")
    assert address.own_socket([tmp_path / "wsi-scanner", tmp_path / "next"]).parent == tmp_path / "next"
    assert address.sockets([tmp_path / "wsi-scanner"]) == []


def test_a_path_that_is_too_long_for_a_socket_is_passed_over(tmp_path: Path) -> None:
    assert address.own_socket([tmp_path / ("x" * 100), tmp_path / "short"]).parent == tmp_path / "short"


# --- finding scans -------------------------------------------------------------------------------------------------


def test_the_only_scan_is_found_and_one_of_several_by_its_folder(folder: Path) -> None:
    with pytest.raises(UsageError, match="control: no scan of this user runs here"):
        find(None, [folder])
    first, second = Server(desk("/scans/a"), folder / "scan-1.sock"), Server(desk("/scans/b"), folder / "scan-2.sock")
    with pytest.raises(UsageError, match="control: 2 scans run: /scans/a, /scans/b; name one with --out"):
        find(None, [folder])
    assert find(Path("/scans/b"), [folder]).path == second.path
    with pytest.raises(UsageError, match="no scan of this user runs into /scans/c"):
        find(Path("/scans/c"), [folder])
    first.close()
    assert find(None, [folder]).status.folder == "/scans/b"
    second.close()


def test_the_socket_of_a_killed_scan_is_taken_away(folder: Path, running: tuple[Server, Desk]) -> None:
    left_over = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    left_over.bind(str(folder / "scan-9.sock"))
    left_over.close()
    (folder / "scan-8.sock").write_text("no socket")
    assert find(None, [folder]).path == running[0].path
    assert not (folder / "scan-9.sock").exists()
    assert (folder / "scan-8.sock").exists()


def test_a_scan_that_does_not_answer_is_told_of(folder: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as silent:
        silent.bind(str(folder / "scan-5.sock"))
        silent.listen(1)
        with pytest.raises(HardwareError, match=r"scan-5\.sock does not answer within 0\.1 s"):
            ask(folder / "scan-5.sock", "status", timeout_s=0.1)


def test_a_scan_whose_queue_is_full_is_told_of(folder: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as silent, socket.socket(socket.AF_UNIX) as first:
        silent.bind(str(folder / "scan-5.sock"))
        silent.listen(0)
        first.connect(str(folder / "scan-5.sock"))
        with pytest.raises(HardwareError, match="does not answer within"):
            ask(folder / "scan-5.sock", "status", timeout_s=0.1)


def test_a_scan_that_ended_meanwhile_is_no_error(folder: Path) -> None:
    ended = Server(desk(), folder / "scan-1.sock")
    found = find(None, [folder])
    ended.close()
    assert wait_for(found, lambda now: now is None, 5) is None


def test_waiting_has_an_end(running: tuple[Server, Desk], folder: Path) -> None:
    slept: list[float] = []
    running[1].pause()
    with pytest.raises(HardwareError, match="/scans/a: still pausing after 0 s"):
        wait_for(find(None, [folder]), lambda now: now is not None and now.state == "paused", 0, slept.append)
    assert slept == []
