"""Looks at every frame before anybody believes it: is it the one that was asked for, whole, and of light?

What takes more than one frame to tell stands here: numbers, time stamps, repeated buffers, and the second look at what
may be the slide after all. What one frame tells by itself stands in `flaws`; what is done about it, in `steady`.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from firmware_host.camera.flaws import Flaw, Sample, find_flaw, repeated_share
from firmware_host.camera.port import Frame

Place = tuple[float, float, float]
"""(x, y, z) where the stage stood, um."""

_STAMP_AHEAD_NS = 1_000_000  # rounding
_REMEMBERED = 12  # frames that a buffer may still hold
_WHOLE = 0.9  # of what can repeat itself in a frame: all of it is an older one
_DOUBTED, _EXCUSED = 8, 16  # frames with a flaw that may be the slide, and those which were seen to be
_ALIKE_TAKES = 3  # before this one
_SAME_ROW_PX, _SAME_ROW_PLACES = 2, 3  # a slide does not break at one row at so many places
_DARK_LEVEL, _DARK_SHARE = 16.0, 1 / 8  # no light: nothing brighter than this, or than so much of the brightest frame
_LIT = 1.0  # levels that light adds to the mean of a dark frame


@dataclass(frozen=True)
class _Seen:
    place: Place
    sample: Sample
    flaw: Flaw | None = None


class Inspector:
    """Judges frames in the order in which they come.

    :param shape: (height, width) of a frame, pixels.
    :param noisy: every frame has noise of its own. Recordings have not: they repeat themselves, and may hold areas of
        one level.
    """

    def __init__(self, shape: tuple[int, int], noisy: bool = True) -> None:
        self._shape = shape
        self._noisy = noisy
        self._sequence = -1
        self._good: deque[_Seen] = deque(maxlen=_REMEMBERED)
        self._doubted: deque[_Seen] = deque(maxlen=_DOUBTED)
        self._excused: deque[_Seen] = deque(maxlen=_EXCUSED)
        self._brightest = 0.0
        self._dark_mean: float | None = None

    def restarted(self) -> None:
        """The camera may count its frames anew."""
        self._sequence = -1

    def learn_dark(self, frame: Frame) -> None:
        """:param frame: taken with the lamp off."""
        self._dark_mean = Sample.of(frame.image).mean

    def flaw(self, frame: Frame, place: Place, not_before_ns: int, now_ns: int) -> Flaw | None:
        """What is the matter with a frame; None when it can be trusted, and is remembered.

        :param not_before_ns: what was asked for; :param now_ns: it has been delivered.
        """
        if frame.image.shape != (*self._shape, 3):
            return Flaw("frame damaged", f"the frame has the shape {frame.image.shape} instead of {(*self._shape, 3)}")
        seen = _Seen(place, Sample.of(frame.image))
        flaw = (
            self._out_of_time(frame, not_before_ns, now_ns)
            or self._dark(seen.sample)
            or self._repeated(seen)
            or self._broken(frame, seen)
        )
        if flaw is None:
            self._sequence = frame.sequence
            self._good.append(seen)
            self._brightest = max(self._brightest, seen.sample.brightest)
        return flaw

    def _out_of_time(self, frame: Frame, not_before_ns: int, now_ns: int) -> Flaw | None:
        early_ns = not_before_ns - frame.exposure_start_ns
        ahead_ns = frame.exposure_start_ns + frame.exposure_ns - now_ns
        if early_ns > 0:
            return Flaw("frame stale", f"the frame was exposed {early_ns / 1e6:.1f} ms too early")
        if ahead_ns > _STAMP_AHEAD_NS:
            return Flaw("frame stale", f"the frame's time stamp is {ahead_ns / 1e6:.1f} ms ahead of the clock")
        if frame.sequence <= self._sequence:
            return Flaw("frame stale", f"the frame is number {frame.sequence}, after number {self._sequence}")
        return None

    def _dark(self, sample: Sample) -> Flaw | None:
        if sample.brightest > max(_DARK_LEVEL, _DARK_SHARE * self._brightest):
            return None
        if self._dark_mean is not None and sample.mean > self._dark_mean + _LIT:
            return None
        return Flaw("frame black", f"the frame is black, with a mean level of {sample.mean:.1f} of 255")

    def _repeated(self, seen: _Seen) -> Flaw | None:
        """Bytes of an earlier frame. At the same place that would do no harm."""
        if not self._noisy:
            return None
        for earlier in self._good:
            share = repeated_share(seen.sample, earlier.sample) if earlier.place != seen.place else 0.0
            if share > 0:
                if share >= _WHOLE * repeated_share(seen.sample, seen.sample):
                    return Flaw("frame stale", "the frame is an earlier one once more")
                return Flaw("frame half", f"{share:.0%} of the frame are of an earlier one")
        return None

    def _broken(self, frame: Frame, seen: _Seen) -> Flaw | None:
        flaw = find_flaw(frame.image, seen.sample)
        if flaw is None or self._is_slide(flaw, seen):
            return None
        self._doubted.append(_Seen(seen.place, seen.sample, flaw))
        return flaw

    def _is_slide(self, flaw: Flaw, seen: _Seen) -> bool:
        """Whether the same was seen in frame after frame from there, and so lies on the slide."""
        if flaw.row is None:
            return not self._noisy
        alike = [
            earlier
            for earlier in self._doubted
            if earlier.place == seen.place
            and _is_near(earlier.flaw, flaw.row)
            and seen.sample.agrees_with(earlier.sample)
        ]
        if len(alike) < _ALIKE_TAKES or self._breaks_everywhere(seen.place, flaw.row):
            return False
        self._excused.append(_Seen(seen.place, seen.sample, flaw))
        return True

    def _breaks_everywhere(self, place: Place, row: int) -> bool:
        others = {each.place for each in self._excused if _is_near(each.flaw, row)} - {place}
        return len(others) >= _SAME_ROW_PLACES


def _is_near(flaw: Flaw | None, row: int) -> bool:
    return flaw is not None and flaw.row is not None and abs(flaw.row - row) <= _SAME_ROW_PX
