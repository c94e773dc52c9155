"""What waits until the weights that held are confirmed, so that it may speak for promotion?

The queue is bounded: when routing stays unconfirmed for too long, the oldest are dropped from
promotion's evidence (never from harm's), and that is said.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from streams.judge.weights import Placement, Weights, WeightTimeline

MOST_WAITING = 256
Waiting = TypeVar("Waiting")


class ConfirmationQueue(Generic[Waiting]):
    """Panes or cohorts in order, oldest first."""

    def __init__(self) -> None:
        self._waiting: deque[Waiting] = deque()
        self.dropped = 0
        """Those of the current stage that were given up unconfirmed."""

    def push(self, waiting: Waiting) -> None:
        """Let one wait; the oldest is dropped beyond `MOST_WAITING`."""
        self._waiting.append(waiting)
        if len(self._waiting) > MOST_WAITING:
            self._waiting.popleft()
            self.dropped += 1

    def _settled(
        self, timeline: WeightTimeline, span_ms: Callable[[Waiting], tuple[int, int]]
    ) -> Iterator[tuple[Waiting, Weights]]:
        """Take out, in order, those that are settled; yield the steady ones with their weights.

        `span_ms`: when one starts, and the first millisecond after it.
        """
        while self._waiting:
            head = self._waiting[0]
            placement, weights = timeline.place(*span_ms(head))
            if placement is Placement.WAITING:
                return
            self._waiting.popleft()
            if placement is Placement.STEADY and weights is not None:
                yield head, weights

    def enter_stage(self) -> None:
        """What waits from before the stage says nothing in it; count what is given up from zero."""
        self._waiting.clear()
        self.dropped = 0
