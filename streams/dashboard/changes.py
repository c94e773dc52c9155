"""Which weights held when? Kept as changes, the oldest forgotten first."""

from __future__ import annotations

from bisect import bisect_right

from streams.actuator.ports import Segments

MOST = 500


class Changes:
    """Weights by segment and arm, each from a time on.

    >>> changes = Changes()
    >>> changes.put(10.0, {"all": {"baseline": 9000, "b": 1000}})
    >>> changes.put(11.0, {"all": {"baseline": 9000, "b": 1000}})
    >>> changes.times, changes.at(9.0), changes.at(99.0)
    ([10.0], None, {'all': {'baseline': 9000, 'b': 1000}})
    """

    def __init__(self, most: int = MOST) -> None:
        self.times: list[float] = []
        """When weights changed, seconds since the epoch, ascending."""
        self._weights: list[Segments] = []
        self._most = most

    def put(self, at_s: float, weights: Segments) -> None:
        """Weights that hold from `at_s` on; what is told late counts from the last change on."""
        if self._weights and self._weights[-1] == weights:
            return
        self.times.append(max(at_s, self.times[-1]) if self.times else at_s)
        self._weights.append(weights)
        del self.times[: -self._most], self._weights[: -self._most]

    def at(self, at_s: float) -> Segments | None:
        """What held then; None before the first change that is remembered."""
        place = bisect_right(self.times, at_s)
        return self._weights[place - 1] if place else None

    @property
    def last(self) -> Segments | None:
        """What holds now."""
        return self._weights[-1] if self._weights else None
