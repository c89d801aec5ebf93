"""Tiles are corrected, encoded and written beside the loop, while the stage goes on to the next field."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from types import TracebackType

from firmware_host.clock import Clock
from firmware_host.errors import HardwareError, ScannerError

_QUEUED = 2  # pieces that may wait: fields that a power cut costs, and their frames in memory
_TIMEOUT_S = 60.0

Piece = Callable[[], None]
Mend = Callable[[OSError, int], None]
"""Called in the caller's thread with what the disk said to a piece, and how often it has been tried. It returns when
the piece is to be tried again, and raises a ScannerError when it is not."""


def give_up(error: OSError, tried: int) -> None:  # noqa: ARG001
    """The `Mend` that does not."""
    reason = error.strerror or str(error)
    raise HardwareError(f"disk: a tile cannot be written: {reason}; make room, then go on with --resume") from error


class Writer:
    """One thread that does pieces of work in the order in which they were handed over.

    As a context manager: at its end all pieces are done. What a piece raises is raised by the next call, or at the
    end; pieces after it are dropped. One that the disk does not take is tried again, as long as `mend` wants.
    """

    def __init__(self, clock: Clock, mend: Mend = give_up, timeout_s: float = _TIMEOUT_S) -> None:
        self._clock = clock
        self._mend = mend
        self._timeout_s = timeout_s
        self._changed = threading.Condition()
        self._pieces: deque[Piece] = deque()
        self._refused: OSError | None = None
        self._tried = 0
        self._fault: Exception | None = None
        self._ends = False
        self._thread = threading.Thread(target=self._work, name="tiles", daemon=True)

    def __enter__(self) -> Writer:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if error is not None:
            self._mend = give_up
        try:
            self.flush()
        finally:  # a thread that hangs is left behind
            with self._changed:
                self._ends = True
                self._changed.notify_all()

    def hand_over(self, piece: Piece) -> None:
        """Do this later, beside the loop; waits while too many pieces wait already.

        :raises ScannerError: an earlier piece failed, or takes too long.
        """
        with self._clock.beside("write", _QUEUED):
            self._wait_for(lambda: len(self._pieces) <= _QUEUED)
            with self._changed:
                self._pieces.append(piece)
                self._changed.notify_all()

    def flush(self, but: int = 0) -> None:
        """Return when all pieces are done, but the last so many. :raises ScannerError: as `hand_over`."""
        self._wait_for(lambda: len(self._pieces) <= but)

    def _wait_for(self, ready: Callable[[], bool]) -> None:
        while True:
            with self._changed:
                while not (self._fault or self._refused or ready()):
                    if not self._changed.wait(self._timeout_s):
                        raise HardwareError(
                            f"disk: a tile was not written within {self._timeout_s:g} s; check the disk"
                        )
                if self._fault is not None:
                    self._raise(self._fault)
                refused = self._refused
            if refused is None:
                return
            self._try_again(refused)

    def _try_again(self, refused: OSError) -> None:
        try:
            self._mend(refused, self._tried)
        except ScannerError as fault:
            self._fault = fault
        with self._changed:
            self._refused = None
            self._changed.notify_all()

    def _work(self) -> None:
        """A piece stays in the queue until it is done."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: not self._refused and (self._pieces or self._ends))
                if not self._pieces:
                    return
                piece, fault = self._pieces[0], self._fault
            outcome = _outcome(piece) if fault is None else None
            with self._changed:
                if isinstance(outcome, OSError):
                    self._refused, self._tried = outcome, self._tried + 1
                else:
                    self._fault = self._fault or outcome
                    self._tried = 0
                    self._pieces.popleft()
                self._changed.notify_all()

    def _raise(self, fault: Exception) -> None:
        if isinstance(fault, ScannerError):
            raise fault
        raise RuntimeError("a tile could not be written") from fault


def _outcome(piece: Piece) -> Exception | None:
    try:
        piece()
    except Exception as error:
        return error
    return None
