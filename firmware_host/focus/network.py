"""A network that is not trusted to answer: where it fails a field is focused by contrast, and the scan goes on.

A network that fails again and again is left alone for a while and then asked once more. Whether an answer is right is
not judged here: the spread of its patches tells, a second pair, and the quality of the tile.
"""

from __future__ import annotations

from firmware_host.camera.flaws import Image
from firmware_host.clock import Clock
from firmware_host.errors import HardwareError
from firmware_host.focus.estimator import Estimate, TwoShotEstimator
from firmware_host.incidents import Incident, Note

SLOW_S = 3.0
"""An answer that takes longer is no quicker than a contrast sweep."""

IN_A_ROW, REST_FIELDS = 3, 20
"""After so many failures in a row, so many fields are focused without it."""


class Network:
    """The estimator, as the focus loop asks it.

    :param note: told of each failure, and of each beginning and end of a rest.
    """

    def __init__(self, estimator: TwoShotEstimator, clock: Clock, note: Note) -> None:
        self._estimator = estimator
        self._clock = clock
        self._note = note
        self._failures = 0
        self._rest = 0

    def is_wanted(self) -> bool:
        """Whether the next field is to be focused with it. To be asked once for each field."""
        if not self._rest:
            return True
        self._rest -= 1
        return False

    def estimate(self, first: Image, second: Image) -> Estimate | None:
        """As of the estimator; None when it failed. The time is booked under `infer`."""
        began_ns = self._clock.now_ns()
        try:
            with self._clock.work("infer"):
                estimate = self._estimator.estimate(first, second)
        except HardwareError as error:
            self._failed("network failed", f"{error}; the field is focused by contrast")
            return None
        took_s = (self._clock.now_ns() - began_ns) / 1e9
        if took_s > SLOW_S:
            self._failed("network slow", f"an answer took {took_s:.1f} s")
        else:
            if self._failures >= IN_A_ROW:
                self._note(Incident("network back", "network: it answers again"))
            self._failures = 0
        return estimate

    def _failed(self, cause: str, text: str) -> None:
        self._note(Incident(cause, f"network: {text}"))
        self._failures += 1
        if self._failures >= IN_A_ROW:
            self._rest = REST_FIELDS
            self._note(
                Incident("network left out", f"network: the next {REST_FIELDS} fields are focused by contrast alone")
            )
