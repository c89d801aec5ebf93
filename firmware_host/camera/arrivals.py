"""When a frame's exposure began at the earliest, for a camera whose driver does not say.

What is known of a frame is when the program got it. It may have lain in a queue before that. Pure: no camera, no clock.
"""

from __future__ import annotations

from collections import deque

PERIOD_TOLERANCE = 0.04
"""By how much a camera's period may differ from what the profile says."""

HELD_UP_NS = 10_000_000
"""A thread that gets a frame waits for the interpreter: two of its switch intervals. Who waits for longer than that has
waited for the frame, so none was queued."""

_CALM = 5  # frames in a row until the reader is believed to keep up
_OLDEST_STAMP_NS = 30_000_000_000
_STAMP_AHEAD_NS = 1_000_000  # rounding


class Arrivals:
    """Lower bounds of the beginnings of exposures, frame after frame, in the order of the stream.

    A frame is delivered `exposure + readout` after its exposure began, so an exposure began no earlier than that long
    before the delivery. Of the delivery, the best of these is used:

    1. the stamp that the kernel gave the frame when it came, where it is credible: after the one before, and not after
       the frame's arrival here nor long before;
    2. the arrival here, less `HELD_UP_NS`, if the reader keeps up: this frame and the four before were waited for. That
       one of the five was noticed in time is relied on, so the earliest of what they say counts;
    3. one period after the bound of the frame before. A sensor never exposes sooner, so this holds for frames that
       were queued, and come back to back, too.

    :param readout_ns: from the end of an exposure to the delivery, buffers inside the camera included.
    :param opened_ns: no frame was delivered before.
    """

    def __init__(self, exposure_ns: int, readout_ns: int, period_ns: int, opened_ns: int) -> None:
        self._latency_ns = exposure_ns + readout_ns
        self._shortest_ns = round(period_ns * (1 - PERIOD_TOLERANCE))
        self._delivered_ns = opened_ns - self._shortest_ns
        self._stamp_ns = 0
        self._waited: deque[bool] = deque(maxlen=_CALM)
        self._arrived_ns: deque[int] = deque(maxlen=_CALM)

    def earliest_start_ns(self, asked_ns: int, arrived_ns: int, stamp_ns: int = 0) -> int:
        """The bound for the next frame of the stream.

        :param asked_ns: when the reader began to wait for it; :param arrived_ns: when it had it.
        :param stamp_ns: the kernel's, on the same clock; 0: there is none.
        """
        self._waited.append(arrived_ns - asked_ns > HELD_UP_NS)
        self._arrived_ns.append(arrived_ns)
        self._delivered_ns += self._shortest_ns
        if self._is_credible(stamp_ns, arrived_ns):
            self._stamp_ns = stamp_ns
            self._delivered_ns = max(self._delivered_ns, stamp_ns)
        elif len(self._waited) == _CALM and all(self._waited):
            of_each = (at + back * self._shortest_ns for back, at in enumerate(reversed(self._arrived_ns)))
            self._delivered_ns = max(self._delivered_ns, min(of_each) - HELD_UP_NS)
        self._delivered_ns = min(self._delivered_ns, arrived_ns)
        return self._delivered_ns - self._latency_ns

    def _is_credible(self, stamp_ns: int, arrived_ns: int) -> bool:
        age_ns = arrived_ns - stamp_ns
        return stamp_ns > self._stamp_ns and -_STAMP_AHEAD_NS <= age_ns <= _OLDEST_STAMP_NS
