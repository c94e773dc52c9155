"""Since when is a log known to hold nothing older? A quiet log must not hold up the other.

Where a log is read to its end, whatever comes later is received later. Brokers' clocks differ a
little, so that is said only of times that were known for `APART_S` before the end was asked for.
"""

from __future__ import annotations

from collections import deque

APART_S = 0.5
"""How far the clocks of two partitions' leaders may differ."""
NEVER = -1


class Aged:
    """Times of the other log, each with the moment at which it was heard first.

    >>> aged = Aged()
    >>> aged.hear(7_000, now_s=1.0), aged.hear(7_400, now_s=1.3)
    (None, None)
    >>> aged.known(1.4), aged.known(1.6)
    (-1, 7000)
    """

    def __init__(self) -> None:
        self._heard: deque[tuple[float, int]] = deque()
        self._known = NEVER

    def hear(self, append_ms: int, now_s: float) -> None:
        """The other log was read up to a record that the broker received at `append_ms`."""
        if not self._heard or append_ms > self._heard[-1][1]:
            self._heard.append((now_s, append_ms))

    def known(self, now_s: float) -> int:
        """The latest time that was heard long enough ago, -1 if none was."""
        while self._heard and self._heard[0][0] <= now_s - APART_S:
            self._known = self._heard.popleft()[1]
        return self._known
