"""A disk image as the only file of a FUSE file system, kept in memory by a `VolatileStore`.

Run as a program of its own: `python -m benchmarks.power.device FOLDER IMAGE SEED OFF`. It mounts itself on FOLDER,
where `disk` then appears, and answers orders on standard input, a line each: `cut N`, `cut`, `power_up`, `writes`.
When the power goes it writes a line to the file descriptor OFF. It ends when it is unmounted, or when standard input
ends.

Speaks to the kernel without a library: the few requests that a loop device makes of one file, version 7.31 of
include/uapi/linux/fuse.h. Needs root.
"""

from __future__ import annotations

import ctypes
import errno
import os
import select
import stat
import struct
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.power.store import VolatileStore

NAME, SOURCE = "disk", "wsi-cutting-device"
_ROOT, _FILE = 1, 2
_MOST_BYTES = 128 << 10
_REQUEST_BYTES = _MOST_BYTES + 4096
_REQUEST = struct.Struct("<IIQQIIIHH")
_REPLY = struct.Struct("<IiQ")
_INIT_IN, _INIT_OUT = struct.Struct("<IIII"), struct.Struct("<IIIIHHIIHHI7I")
_ATTRIBUTES = struct.Struct("<6Q10I")
_ENTRY, _ATTR = struct.Struct("<QQQQII"), struct.Struct("<QII")
_OPENED = struct.Struct("<QII")
_AT = struct.Struct("<QQIIQII")  # of a read or a write: handle, offset, size, ...
_WRITTEN = struct.Struct("<II")
_STATFS = struct.Struct("<5Q4I6I")
_BIG_WRITES, _MAX_PAGES, _DIRECT = 1 << 5, 1 << 22, 1
_FORGET, _BATCH_FORGET, _INTERRUPT = 2, 42, 36


class Device:
    """Answers the kernel's requests about the one file.

    :param tell_off: called when the power goes in the middle of a write.
    """

    def __init__(self, store: VolatileStore, tell_off: Callable[[], object]) -> None:
        self._store = store
        self._tell_off = tell_off
        self._answers: dict[int, Callable[[int, memoryview], bytes]] = {
            1: self._lookup,
            3: lambda node, _: _ATTR.pack(1, 0, 0) + self._attributes(node),
            14: lambda *_: _OPENED.pack(0, _DIRECT, 0),
            15: self._read,
            16: self._write,
            17: lambda *_: _STATFS.pack(0, 0, 0, 0, 0, 4096, 255, 4096, *(0,) * 7),
            18: lambda *_: b"",  # release
            20: self._sync,
            25: lambda *_: b"",  # flush: a handle was closed
            26: self._begin,
        }

    def answer(self, request: memoryview) -> bytes | None:
        """The reply to one request; None where none is wanted."""
        _, kind, unique, node, *_ = _REQUEST.unpack_from(request)
        if kind in (_FORGET, _BATCH_FORGET, _INTERRUPT):
            return None
        error, body = 0, b""
        try:
            body = self._answers[kind](node, request[_REQUEST.size :])
        except KeyError:
            error = errno.ENOSYS
        except OSError as refused:
            error = refused.errno or errno.EIO
        return _REPLY.pack(_REPLY.size + len(body), -error, unique) + body

    def _begin(self, _: int, body: memoryview) -> bytes:
        _, _, ahead, offered = _INIT_IN.unpack_from(body)
        flags = offered & (_BIG_WRITES | _MAX_PAGES)
        return _INIT_OUT.pack(7, 31, ahead, flags, 12, 9, _MOST_BYTES, 1, _MOST_BYTES >> 12, 0, 0, *(0,) * 7)

    def _lookup(self, _: int, body: memoryview) -> bytes:
        if bytes(body).rstrip(b"\0") != NAME.encode():
            raise OSError(errno.ENOENT, "no such file")
        return _ENTRY.pack(_FILE, 0, 1, 1, 0, 0) + self._attributes(_FILE)

    def _attributes(self, node: int) -> bytes:
        mode = stat.S_IFDIR | 0o700 if node == _ROOT else stat.S_IFREG | 0o600
        size = 0 if node == _ROOT else len(self._store)
        return _ATTRIBUTES.pack(node, size, size >> 9, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)

    def _read(self, _: int, body: memoryview) -> bytes:
        offset, size = _AT.unpack_from(body)[1:3]
        return self._store.read(offset, size)

    def _write(self, _: int, body: memoryview) -> bytes:
        offset, size = _AT.unpack_from(body)[1:3]
        was_off = self._store.is_off
        try:
            self._store.write(offset, bytes(body[_AT.size : _AT.size + size]))
        except ValueError as error:
            raise OSError(errno.ENOSPC, str(error)) from error
        if self._store.is_off and not was_off:
            self._tell_off()
        return _WRITTEN.pack(size, 0)

    def _sync(self, *_: object) -> bytes:
        self._store.flush()
        return b""


def obey(store: VolatileStore, tell_off: Callable[[], object], order: str) -> str:
    """Do what one line of standard input says; the answer."""
    match order.split():
        case ["cut"]:
            store.cut()
            tell_off()
        case ["cut", writes]:
            store.cut_after(int(writes))
        case ["power_up"]:
            store.power_up()
        case ["writes"]:
            return str(store.writes)
        case _:
            return f"unknown order {order!r}"
    return "done"


def serve(folder: Path, store: VolatileStore, off: int) -> None:
    """Mount on the folder and answer until it is unmounted, or nobody gives orders any more."""
    kernel = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={kernel},rootmode=40000,user_id=0,group_id=0,allow_other"
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(SOURCE.encode(), bytes(folder), b"fuse", 0, options.encode()) != 0:
        raise OSError(ctypes.get_errno(), f"{folder}: {os.strerror(ctypes.get_errno())}")
    print("mounted", flush=True)

    def tell_off() -> None:
        os.write(off, b"off\n")

    device, orders = Device(store, tell_off), sys.stdin.fileno()
    while True:
        ready, _, _ = select.select([kernel, orders], [], [])
        if kernel in ready:
            try:
                request = memoryview(os.read(kernel, _REQUEST_BYTES))
            except OSError as error:
                if error.errno == errno.ENODEV:
                    return
                if error.errno in (errno.EINTR, errno.ENOENT):  # the request was taken back
                    continue
                raise
            if (reply := device.answer(request)) is not None:
                os.write(kernel, reply)
        elif not (order := os.read(orders, 100)):
            return
        else:
            print(obey(store, tell_off, order.decode()), flush=True)


if __name__ == "__main__":
    serve(Path(sys.argv[1]), VolatileStore(Path(sys.argv[2]).read_bytes(), int(sys.argv[3])), int(sys.argv[4]))
