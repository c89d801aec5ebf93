"""A piece of work in a process of its own, forked from one that has everything loaded already, and killed at will.

The process that forks must run one thread of Python only: of others the child inherits the locks, and nobody to open
them.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType


class Forked:
    """The process. As a context manager it is killed at the end, if it has not ended.

    :param log: what it prints, and why it failed, is added there.
    """

    def __init__(self, work: Callable[[], object], log: Path) -> None:
        self._status: int | None = None
        self._pid = os.fork()
        if self._pid == 0:
            _work(work, log)
        self._ended = os.pidfd_open(self._pid)

    def __enter__(self) -> Forked:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.kill()
        os.close(self._ended)

    def wait(self, timeout_s: float, *others: int) -> bool:
        """Wait until it ends, or one of the other file descriptors can be read. :returns: whether it has ended."""
        ready, _, _ = select.select([self._ended, *others], [], [], timeout_s)
        if self._ended in ready and self._status is None:
            _, self._status = os.waitpid(self._pid, 0)
        return self._status is not None

    def kill(self) -> None:
        """End it at once, and wait until it is gone."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._ended, signal.SIGKILL)
        if not self.wait(60):
            raise RuntimeError(f"process {self._pid}: it hangs in the kernel")

    @property
    def succeeded(self) -> bool:
        return self._status == 0

    @property
    def killed(self) -> bool:
        return self._status is not None and os.WIFSIGNALED(self._status)


def _work(work: Callable[[], object], log: Path) -> None:
    """In the child: never returns."""
    code = 1
    try:
        handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(handle, 1)
        os.dup2(handle, 2)
        sys.stdout = sys.stderr = os.fdopen(handle, "w", buffering=1)
        work()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
