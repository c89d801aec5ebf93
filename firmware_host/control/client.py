"""Finding the scans that run on this machine, and asking one of them."""

from __future__ import annotations

import contextlib
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from firmware_host.control import address, protocol
from firmware_host.control.protocol import Command
from firmware_host.control.status import Status
from firmware_host.errors import HardwareError, UsageError

_TIMEOUT_S = 5.0
_POLL_S = 0.2


@dataclass(frozen=True)
class Running:
    """A scan that answers at this socket; what it told when it was found."""

    path: Path
    status: Status


def find(out: Path | None = None, candidates: list[Path] | None = None) -> Running:
    """The scan into this folder; without one, the only scan that runs.

    Sockets of scans that have ended are taken away.

    :raises UsageError: there is none, or there are several and none was named. :raises HardwareError: it does not
        answer.
    """
    found, silent = [], []
    for path in address.sockets(address.folders() if candidates is None else candidates):
        try:
            status = ask(path, "status")
        except HardwareError as error:
            silent.append(error)
            continue
        if status is not None and out in (None, Path(status.folder)):
            found.append(Running(path, status))
    if len(found) == 1:
        return found[0]
    if found:
        told = ", ".join(each.status.folder for each in found)
        raise UsageError(f"control: {len(found)} scans run: {told}; name one with --out")
    if silent:
        raise silent[0]
    raise UsageError(f"control: no scan of this user runs {'here' if out is None else f'into {out}'}")


def ask(path: Path, command: Command, timeout_s: float = _TIMEOUT_S) -> Status | None:
    """Ask the scan at this socket; its status afterwards. None: that scan has ended.

    :raises UsageError: it refused. :raises HardwareError: it does not answer in time, or not as it should.
    """
    end_s = time.monotonic() + timeout_s
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            # A connect with Python's own timeout does not wait for a place in the queue (EAGAIN, man 2 connect).
            line.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", *_timeval(timeout_s)))
            line.connect(str(path))
            line.settimeout(max(end_s - time.monotonic(), 0.001))
            line.sendall(protocol.request(command))
            heard = b""
            while b"\n" not in heard and len(heard) < protocol.LONGEST_ANSWER:
                line.settimeout(max(end_s - time.monotonic(), 0.001))
                if not (more := line.recv(protocol.LONGEST_ANSWER)):
                    break
                heard += more
    except ConnectionRefusedError:  # nobody listens there any more
        with contextlib.suppress(OSError):
            path.unlink()
        return None
    except (FileNotFoundError, ConnectionResetError, BrokenPipeError):
        return None
    except (TimeoutError, BlockingIOError) as error:
        raise HardwareError(
            f"control: the scan at {path} does not answer within {timeout_s:g} s; is its process stopped, or hung?"
        ) from error
    except OSError as error:
        raise HardwareError(f"control: the scan at {path} cannot be asked: {error.strerror or error}") from error
    return protocol.status_of(heard) if heard else None


def wait_for(
    running: Running,
    done: Callable[[Status | None], bool],
    wait_s: float,
    sleep: Callable[[float], None] = time.sleep,
) -> Status | None:
    """Ask again and again until it is so; what was told last, None once the scan has ended.

    :raises HardwareError: it is not so in time.
    """
    end_s = time.monotonic() + wait_s
    while not done(status := ask(running.path, "status")):
        if time.monotonic() >= end_s:
            state = "ended" if status is None else status.state
            raise HardwareError(f"{running.status.folder}: still {state} after {wait_s:g} s; see wsi-host status")
        sleep(_POLL_S)
    return status


def _timeval(seconds: float) -> tuple[int, int]:
    return int(seconds), int(seconds % 1 * 1e6)
