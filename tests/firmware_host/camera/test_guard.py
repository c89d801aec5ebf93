"""One call at a time, and what the thread does while there is none."""

from __future__ import annotations

import threading

import pytest

from firmware_host.camera.guard import Guard
from firmware_host.errors import HardwareError

_WAIT_S = 10.0


def test_while_nobody_asks_the_thread_idles_until_that_says_no_and_again_after_the_next_call() -> None:
    answers = [True, True, False, True, False]
    parked = threading.Semaphore(0)
    threads = set()

    def idle() -> bool:
        threads.add(threading.get_ident())
        answer = answers.pop(0)
        if not answer:
            parked.release()
        return answer

    guard = Guard("camera", idle)
    assert parked.acquire(timeout=_WAIT_S)
    assert len(answers) == 2
    threads.add(guard.call(threading.get_ident, _WAIT_S))
    assert parked.acquire(timeout=_WAIT_S)
    assert not answers
    assert len(threads) == 1, "never two calls of the library at once"
    guard.close()


def test_a_call_is_not_kept_waiting_by_one_who_always_has_something_to_do() -> None:
    guard = Guard("camera", lambda: True)
    assert [guard.call(lambda: "answer", _WAIT_S) for _ in range(3)] == ["answer"] * 3
    guard.close()


def test_what_hangs_while_nobody_asks_is_noticed_by_the_next_call() -> None:
    released = threading.Event()
    guard = Guard("camera", lambda: not released.wait(_WAIT_S))
    with pytest.raises(HardwareError, match=r"camera: no answer within 0\.01 s"):
        guard.call(lambda: "answer", 0.01)
    with pytest.raises(HardwareError, match="does not answer; switch it off and on"):
        guard.call(lambda: "answer", 0.01)
    released.set()
    guard.close()
