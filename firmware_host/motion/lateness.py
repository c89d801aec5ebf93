"""How late edges came: a count for each microsecond, cheap enough to be kept between two edges."""

from __future__ import annotations

_BINS = 20_000  # us; what is later shares the last one


class Lateness:
    """Counts of lateness, one bin a microsecond."""

    def __init__(self) -> None:
        self.most_ns = 0
        self._counts = [0] * (_BINS + 1)

    @property
    def edges(self) -> int:
        return sum(self._counts)

    def add(self, late_ns: int) -> None:
        """One edge that came so long after its deadline, ns; >= 0."""
        self._counts[min(late_ns // 1000, _BINS)] += 1
        self.most_ns = max(self.most_ns, late_ns)

    def later_than(self, late_us: int) -> int:
        """How many edges were later than so many whole us; at most 20,000."""
        return sum(self._counts[min(late_us, _BINS) :])

    def percentile_us(self, percent: float) -> float:
        """Lateness that so many percent of the edges did not exceed, us, to the next whole one; 0 without edges."""
        left = percent / 100 * self.edges
        for late_us, count in enumerate(self._counts):
            left -= count
            if left <= 0 and count:
                return min(late_us + 1, self.most_ns / 1000)
        return 0.0
