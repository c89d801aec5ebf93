"""What is written beside the loop: in order, all of it, and never silently not."""

from __future__ import annotations

import errno
import functools
import threading

import pytest

from firmware_host.clock import VirtualClock
from firmware_host.errors import Cancelled, HardwareError
from firmware_host.scan.writer import Writer


def full() -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_pieces_are_done_in_order_and_all_of_them_at_the_end() -> None:
    done: list[int] = []
    with Writer(VirtualClock()) as writer:
        for number in range(50):
            writer.hand_over(functools.partial(done.append, number))
    assert done == list(range(50))


def test_they_are_done_even_when_the_loop_is_stopped() -> None:
    done: list[int] = []

    def stopped() -> None:
        with Writer(VirtualClock()) as writer:
            for number in range(3):
                writer.hand_over(functools.partial(done.append, number))
            raise Cancelled("stopped: Ctrl-C")

    with pytest.raises(Cancelled):
        stopped()
    assert done == [0, 1, 2]


def test_a_full_disk_is_told_and_nothing_after_it_is_done() -> None:
    done: list[int] = []

    def scan() -> None:
        with Writer(VirtualClock()) as writer:
            writer.hand_over(full)
            for number in range(20):
                writer.hand_over(functools.partial(done.append, number))

    with pytest.raises(HardwareError, match="disk: a tile cannot be written: No space left on device; make room"):
        scan()
    assert done == []


def test_a_fault_of_the_last_piece_is_told_at_the_end() -> None:
    with pytest.raises(HardwareError, match="No space left"), Writer(VirtualClock()) as writer:
        writer.hand_over(full)


def test_a_mistake_of_ours_is_not_taken_for_the_disk() -> None:
    with pytest.raises(RuntimeError, match="could not be written"), Writer(VirtualClock()) as writer:
        writer.hand_over(lambda: {}["tile"])


@pytest.mark.parametrize("pieces", [1, 4], ids=["at the end", "while pieces wait"])
def test_a_disk_that_hangs_is_given_up(pieces: int) -> None:
    release = threading.Event()

    def scan() -> None:
        with Writer(VirtualClock(), timeout_s=0.05) as writer:
            for _ in range(pieces):
                writer.hand_over(release.wait)  # type: ignore[arg-type]

    with pytest.raises(HardwareError, match=r"not written within 0\.05 s"):
        scan()
    release.set()


class Stubborn:
    """A piece that the disk refuses so many times."""

    def __init__(self, done: list[str], times: int, number: int = errno.ENOSPC) -> None:
        self.done, self.left, self.number = done, times, number

    def __call__(self) -> None:
        self.left -= 1
        if self.left >= 0:
            raise OSError(self.number, errno.errorcode[self.number])
        self.done.append("late")


def test_a_refused_piece_is_tried_again_before_those_after_it() -> None:
    done: list[str] = []
    asked: list[tuple[int | None, int]] = []
    with Writer(VirtualClock(), lambda error, tried: asked.append((error.errno, tried))) as writer:
        writer.hand_over(Stubborn(done, 3))
        writer.hand_over(lambda: done.append("after"))
        writer.flush()
        assert done == ["late", "after"]
        writer.hand_over(Stubborn(done, 1))
    assert asked == [(errno.ENOSPC, 1), (errno.ENOSPC, 2), (errno.ENOSPC, 3), (errno.ENOSPC, 1)]
    assert done == ["late", "after", "late"]


def test_once_given_up_nothing_after_it_is_done() -> None:
    done: list[str] = []

    def mend(error: OSError, tried: int) -> None:
        if tried == 2:
            raise HardwareError("enough")

    def scan() -> None:
        with Writer(VirtualClock(), mend) as writer:
            writer.hand_over(Stubborn(done, 9))
            writer.hand_over(lambda: done.append("after"))
            writer.flush()

    with pytest.raises(HardwareError, match="enough"):
        scan()
    assert done == []
