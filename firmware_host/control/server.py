"""The scan's end of the socket: one thread for all who ask. Whatever they send, or do not, the scan goes on."""

from __future__ import annotations

import os
import selectors
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from firmware_host.control import address, protocol
from firmware_host.control.desk import Desk
from firmware_host.errors import HardwareError

_TIMEOUT_S = 2.0  # for a question to come, and for its answer to be read
_NO_DESCRIPTORS_S = 0.1
_CLIENTS = 8  # at a time; one more, and the oldest has to leave
_WAITING = 32  # before they are clients


@contextmanager
def listening(desk: Desk, warn: Callable[[str], None], candidates: list[Path] | None = None) -> Iterator[None]:
    """Let the scan be asked while the body runs. Where that is not possible it is said, and the scan goes on.

    :param candidates: folders for the socket; default: those of `address.folders`.
    """
    try:
        server = Server(desk, address.own_socket(address.folders() if candidates is None else candidates))
    except HardwareError as error:
        warn(f"{error}; wsi-host status, pause, resume and stop do not reach this scan")
        yield
        return
    try:
        yield
    finally:
        server.close()


class Server:
    """Answers on a socket file of mode 0600, to this user and root alone.

    :raises HardwareError: the socket cannot be made there.
    """

    def __init__(self, desk: Desk, path: Path, timeout_s: float = _TIMEOUT_S) -> None:
        self.path = path
        self._desk = desk
        self._timeout_s = timeout_s
        self._clients: dict[socket.socket, _Client] = {}
        self._listener = _listen(path)
        self._wake, self._woken = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        for each in (self._listener, self._woken):
            self._selector.register(each, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._serve, name="control", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """The socket file goes away, whoever is being answered is cut off."""
        self.path.unlink(missing_ok=True)
        self._wake.send(b"\0")
        self._thread.join(self._timeout_s)
        for each in (*self._clients, self._listener, self._wake, self._woken):
            each.close()
        self._selector.close()

    def _serve(self) -> None:
        while True:
            now_s = time.monotonic()
            for line, client in list(self._clients.items()):
                if client.until_s <= now_s:
                    self._drop(line)
            left_s = min((client.until_s for client in self._clients.values()), default=None)
            for key, _ in self._selector.select(None if left_s is None else max(left_s - time.monotonic(), 0)):
                if key.fileobj is self._woken:
                    return
                if key.fileobj is self._listener:
                    self._accept()
                elif isinstance(key.fileobj, socket.socket) and key.fileobj in self._clients:
                    self._go_on(key.fileobj)

    def _accept(self) -> None:
        try:
            line, _ = self._listener.accept()
        except OSError:  # gone again already; or no descriptors are left, which would be tried again at once
            time.sleep(_NO_DESCRIPTORS_S)
            return
        if _user_of(line) not in (os.geteuid(), 0):
            line.close()
            return
        if len(self._clients) >= _CLIENTS:
            self._drop(next(iter(self._clients)))
        line.setblocking(False)
        self._clients[line] = _Client(time.monotonic() + self._timeout_s)
        self._selector.register(line, selectors.EVENT_READ)

    def _go_on(self, line: socket.socket) -> None:
        """Read more of the question, or write more of the answer."""
        client = self._clients[line]
        try:
            if not client.answer:
                client.asked += line.recv(protocol.LONGEST_REQUEST) or b"\n"
                if b"\n" not in client.asked and len(client.asked) < protocol.LONGEST_REQUEST:
                    return
                client.answer = protocol.answer(self._desk, client.asked.split(b"\n", 1)[0])
                self._selector.modify(line, selectors.EVENT_WRITE)
            client.answer = client.answer[line.send(client.answer) :]
        except BlockingIOError:
            return
        except OSError:
            client.answer = b""
        if not client.answer:
            self._drop(line)

    def _drop(self, line: socket.socket) -> None:
        self._selector.unregister(line)
        del self._clients[line]
        line.close()


class _Client:
    """:param until_s: when its time is up, on the monotonic clock."""

    def __init__(self, until_s: float) -> None:
        self.until_s = until_s
        self.asked = b""
        self.answer = b""


def _listen(path: Path) -> socket.socket:
    """A socket that listens before its name is there, so that nobody takes it for one of a scan that has ended."""
    part = path.with_name(f"{path.name}.part")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        part.unlink(missing_ok=True)
        listener.bind(str(part))
        part.chmod(0o600)
        listener.listen(_WAITING)
        listener.setblocking(False)
        part.replace(path)
    except OSError as error:
        listener.close()
        part.unlink(missing_ok=True)
        raise HardwareError(f"control: cannot listen at {path}: {error.strerror or error}") from error
    return listener


def _user_of(line: socket.socket) -> int:
    """Number of the user at the other end, who was that when it connected (man 7 unix)."""
    told = line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", told)[1])
