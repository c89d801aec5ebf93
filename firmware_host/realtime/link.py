"""Messages between the host and the process that owns the pins: JSON, one object a line, over a socket pair.

Plus one byte of shared memory, through which the host asks for a stop that is seen before the next step.
"""

from __future__ import annotations

import json
import mmap
import os
import select
import socket
import time
from typing import Any

_PIECE = 65536
Message = dict[str, Any]


class LinkClosed(Exception):
    """The other side is gone."""


class Link:
    """One end of the connection."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._end.setblocking(True)
        self._received = b""

    def send(self, message: Message) -> None:
        """:raises LinkClosed: nobody is there any more."""
        try:
            self._end.sendall(json.dumps(message).encode() + b"\n")
        except OSError as error:
            raise LinkClosed from error

    def receive(self, timeout_s: float) -> Message:
        """:raises LinkClosed: the other side is gone. :raises TimeoutError: no message within `timeout_s`."""
        deadline_s = time.monotonic() + timeout_s
        while b"\n" not in self._received:
            left_s = deadline_s - time.monotonic()
            if left_s <= 0 or not select.select([self._end], [], [], left_s)[0]:
                raise TimeoutError
            try:
                piece = self._end.recv(_PIECE)
            except OSError as error:
                raise LinkClosed from error
            if not piece:
                raise LinkClosed
            self._received += piece
        line, _, self._received = self._received.partition(b"\n")
        message: Message = json.loads(line)
        return message

    def close(self) -> None:
        self._end.close()


class StopByte:
    """The byte: 0 until a stop is asked for.

    :param descriptor: of the memory; it is not closed here.
    """

    def __init__(self, descriptor: int) -> None:
        self._memory = mmap.mmap(descriptor, 1)

    @staticmethod
    def memory() -> int:
        """A descriptor of new memory, to be handed to the other process too."""
        descriptor = os.memfd_create("wsi-stop")
        os.truncate(descriptor, 1)
        return descriptor

    def set(self) -> None:
        self._memory[0] = 1

    def is_set(self) -> bool:
        return self._memory[0] != 0
