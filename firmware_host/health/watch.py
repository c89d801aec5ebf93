"""The watch over temperature, supply and memory, which a scan asks between fields: go on, say so, pause, or stop."""

from __future__ import annotations

from collections.abc import Callable

from firmware_host.cancel import CancelToken
from firmware_host.clock import Clock
from firmware_host.errors import SafetyStop
from firmware_host.health.judgement import Cause, Verdict, judge
from firmware_host.health.memory import Memory, give_back
from firmware_host.health.resting import rest_until
from firmware_host.health.sensors import Readings, Sensors
from firmware_host.health.temperature import Temperature
from firmware_host.incidents import Incident, Note
from firmware_host.profile_tables import HealthTable

_EVERY_NS = 5_000_000_000  # sensors are asked no more often
_UNDER_VOLTAGE_S = 60.0  # a supply that does not recover while the scanner rests will not do so later


class Watch:
    """Asked often, it reads the sensors every five seconds.

    :param note: told when something is first the matter, once for each cause.
    :param give_back: frees memory that lies idle; called within a pause for want of memory.
    """

    def __init__(
        self,
        limits: HealthTable,
        sensors: Sensors,
        clock: Clock,
        cancel: CancelToken,
        note: Note,
        give_back: Callable[[], None] = give_back,
    ) -> None:
        self._limits = limits
        self._sensors = sensors
        self._clock = clock
        self._cancel = cancel
        self._note = note
        self._give_back = give_back
        self._said: dict[tuple[str, Cause], str] = {}
        self._first: Readings | None = None
        self._next_ns = clock.now_ns()
        self._verdict = Verdict()
        self._paused: Cause = "none"
        self._hottest: Temperature | None = None
        self._scarcest: Memory | None = None
        self._pauses, self._paused_ns = 0, 0

    def look(self) -> Verdict:
        """The gravest of what is the matter. What is new is said; nothing is done about it."""
        if self._clock.now_ns() < self._next_ns:
            return self._verdict
        readings = self._sensors.read()
        self._next_ns = self._clock.now_ns() + _EVERY_NS
        self._first = self._first or readings
        if readings.temperature is not None:
            hotter = self._hottest is None or readings.temperature.celsius > self._hottest.celsius
            self._hottest = readings.temperature if hotter else self._hottest
        if readings.memory is not None:
            scarcer = self._scarcest is None or readings.memory.available_mb < self._scarcest.available_mb
            self._scarcest = readings.memory if scarcer else self._scarcest
        verdicts = judge(self._limits, readings, self._first, self._paused)
        for verdict in verdicts:
            self._tell(verdict)
        self._verdict = verdicts[0]
        return self._verdict

    def hold(self, beat: Callable[[], None]) -> None:
        """Return at once when all is well; pause, booked as `wait`, while heat, supply or memory are beyond a limit.

        :param beat: called when a pause begins, and after each look within it.
        :raises SafetyStop: beyond what a pause can mend, or it did not in time. :raises Cancelled: asked to.
        """
        verdict = self.look()
        if verdict.state == "slow":
            verdict = self._pause(verdict, beat)
        if verdict.state == "stop":
            raise SafetyStop(f"stopped: {verdict.text}")

    def line(self) -> str:
        """How it went, for the report."""
        parts = ["temperature is not told here" if self._hottest is None else f"at most {self._hottest}"]
        if self._scarcest is not None:
            parts.append(f"at least {self._scarcest} of memory left")
        if self._pauses:
            parts.append(f"paused {self._pauses} times, {self._paused_ns * 1e-9:.0f} s in all")
        return "; ".join([*parts, *self._said.values()])

    def _pause(self, verdict: Verdict, beat: Callable[[], None]) -> Verdict:
        """Until it is better or worse than slow."""
        began_ns = self._clock.now_ns()
        self._pauses += 1
        beat()
        try:
            while verdict.state == "slow":
                most_s = _UNDER_VOLTAGE_S if verdict.cause == "under-voltage" else self._limits.pause_s
                until_ns = began_ns + round(most_s * 1e9)
                if self._clock.now_ns() >= until_ns:
                    raise SafetyStop(f"paused for {most_s:g} s in vain: {verdict.text}")
                self._paused = verdict.cause
                if verdict.cause == "memory low":
                    self._give_back()
                rest_until(self._clock, self._cancel, min(self._next_ns, until_ns))
                verdict = self.look()
                beat()
        finally:
            self._paused = "none"
            self._paused_ns += self._clock.now_ns() - began_ns
        return verdict

    def _tell(self, verdict: Verdict) -> None:
        if verdict.cause == "none" or (verdict.state, verdict.cause) in self._said:
            return
        what = {"slow": "the scan pauses: ", "stop": "the scan stops: "}.get(verdict.state, "")
        self._said[verdict.state, verdict.cause] = f"{what}{verdict.text}"
        self._note(Incident(verdict.cause, f"{what}{verdict.text}"))
