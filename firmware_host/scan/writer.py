"""Tiles are corrected, encoded and written beside the loop, while the stage goes on to the next field."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from types import TracebackType

from firmware_host.clock import Clock
from firmware_host.errors import HardwareError, ScannerError

_QUEUED = 2  # pieces that may wait: fields that a power cut costs, and their frames in memory
_TIMEOUT_S = 60.0

Piece = Callable[[], None]


class Writer:
    """One thread that does pieces of work in the order in which they were handed over.

    As a context manager: at its end all pieces are done. What a piece raises is raised by the next call, or at the
    end; pieces after it are dropped.
    """

    def __init__(self, clock: Clock, timeout_s: float = _TIMEOUT_S) -> None:
        self._clock = clock
        self._timeout_s = timeout_s
        self._pieces: queue.Queue[Piece | None] = queue.Queue(_QUEUED)
        self._fault: Exception | None = None
        self._thread = threading.Thread(target=self._work, name="tiles", daemon=True)

    def __enter__(self) -> Writer:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._put(None)
        self._thread.join(self._timeout_s)
        if self._thread.is_alive():
            raise HardwareError(f"disk: a tile was not written within {self._timeout_s:g} s; check the disk")
        self._raise_fault()

    def hand_over(self, piece: Piece) -> None:
        """Do this later, beside the loop; waits while too many pieces wait already.

        :raises ScannerError: an earlier piece failed, or takes too long.
        """
        self._raise_fault()
        with self._clock.beside("write", _QUEUED):
            self._put(piece)

    def _put(self, piece: Piece | None) -> None:
        try:
            self._pieces.put(piece, timeout=self._timeout_s)
        except queue.Full as error:
            raise HardwareError(f"disk: a tile was not written within {self._timeout_s:g} s; check the disk") from error

    def _work(self) -> None:
        while (piece := self._pieces.get()) is not None:
            if self._fault is None:
                try:
                    piece()
                except Exception as error:
                    self._fault = error

    def _raise_fault(self) -> None:
        if self._fault is None:
            return
        if isinstance(self._fault, OSError):
            reason = self._fault.strerror or str(self._fault)
            raise HardwareError(
                f"disk: a tile cannot be written: {reason}; make room, then scan again"
            ) from self._fault
        if isinstance(self._fault, ScannerError):
            raise self._fault
        raise RuntimeError("a tile could not be written") from self._fault
