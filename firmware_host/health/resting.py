"""Waiting while a scan pauses, so that a request to stop is seen at once."""

from __future__ import annotations

from firmware_host.cancel import CancelToken
from firmware_host.clock import Clock

SLICE_NS = 100_000_000
"""Within a pause a request to stop is seen after this."""


def rest_until(clock: Clock, cancel: CancelToken, until_ns: int) -> None:
    """Return at that time of the clock; booked as `wait`.

    :raises Cancelled: a stop was requested.
    """
    cancel.check()
    while (now_ns := clock.now_ns()) < until_ns:
        clock.wait_until(min(until_ns, now_ns + SLICE_NS), "wait")
        cancel.check()
