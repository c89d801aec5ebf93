"""Calls into a vendor's library that may never come back."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from firmware_host.errors import HardwareError

Answer = TypeVar("Answer")
_Asked = tuple[Callable[[], Any], "queue.SimpleQueue[tuple[Any, Exception | None]]"]


class Guard:
    """One thread that makes the calls, one at a time; the caller waits for each with a timeout.

    A call that has timed out cannot be taken back: until it returns, every other one is refused. `close` leaves it
    behind.

    :param what: for messages, e.g. "camera".
    :param idle: what the same thread does again and again while nobody asks, until it says False; after the next call
        it may again. It raises nothing.
    """

    def __init__(self, what: str, idle: Callable[[], bool] | None = None) -> None:
        self._what = what
        self._idle = idle
        self._calls: queue.SimpleQueue[_Asked | None] = queue.SimpleQueue()
        self._late: queue.SimpleQueue[tuple[Any, Exception | None]] | None = None
        threading.Thread(target=self._work, name=what, daemon=True).start()

    def call(self, function: Callable[[], Answer], timeout_s: float) -> Answer:
        """What the function returns, or raises.

        :raises HardwareError: no answer within `timeout_s`, or a call before this one has still not returned.
        """
        if self._late is not None:
            if self._late.empty():
                raise HardwareError(f"{self._what}: it does not answer; switch it off and on, then start again")
            self._late = None
        answers: queue.SimpleQueue[tuple[Any, Exception | None]] = queue.SimpleQueue()
        self._calls.put((function, answers))
        try:
            answer, error = answers.get(timeout=timeout_s)
        except queue.Empty:
            self._late = answers
            raise HardwareError(f"{self._what}: no answer within {timeout_s:g} s") from None
        if error is not None:
            raise error
        result: Answer = answer
        return result

    def close(self) -> None:
        """End the thread after the call in flight. Safe to call twice."""
        self._calls.put(None)

    def _work(self) -> None:
        while (asked := self._next()) is not None:
            function, answers = asked
            try:
                answers.put((function(), None))
            except Exception as error:
                answers.put((None, error))

    def _next(self) -> _Asked | None:
        idle = self._idle
        while idle is not None:
            try:
                return self._calls.get_nowait()
            except queue.Empty:
                if not idle():
                    break
        return self._calls.get()
