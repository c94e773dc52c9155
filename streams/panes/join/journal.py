"""What of a join index has changed since it was last written?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from heapq import heappop, heappush

import numpy as np

from streams.panes.join.facts import Hashes, Ints
from streams.panes.join.runs import Answers
from streams.panes.join.stored import ANSWERS, PENDING, ROWS, packed_answers, pairs, pending_pieces

Rows = Callable[[int], tuple[Hashes, Hashes]]


class Journal:
    """Which keys the store holds, and what it does not know yet."""

    def __init__(self, *, recorded: bool) -> None:
        self._recorded = recorded
        self.next_number = 0
        self.pending_changed = False
        self._pieces: dict[int, int] = {}
        """Pane -> pieces stored."""
        self._panes: list[int] = []
        """Those panes, as a heap."""
        self._numbers: list[tuple[int, int, int]] = []
        """Newest exposure pane, number and pieces of stored answers, as a heap."""
        self._pending = 0
        """Pieces stored."""
        self._changed: set[int] = set()
        self._answers: list[tuple[Hashes, Hashes]] = []
        self._newest = 0

    @property
    def nbytes(self) -> int:
        """Answers that wait to be written."""
        return sum(a.nbytes + b.nbytes for a, b in self._answers)

    def grew(self, pane: int) -> None:
        """A pane has rows that the store does not have, or not in this order."""
        if self._recorded:
            self._changed.add(pane)

    def answered(self, hashes: Hashes, panes: Ints, metric: Ints, tag: Answers) -> None:
        """Exposures were answered."""
        if self._recorded and hashes.size:
            self._answers.append((hashes, packed_answers(panes, metric, tag)))
            self._newest = max(self._newest, int(panes.max()))

    def loaded(
        self, panes: dict[int, int], numbers: list[tuple[int, int, int]], pending: int
    ) -> None:
        """Know what a store holds: pieces by pane, (newest pane, number, pieces) of answers."""
        self._pieces, self._panes, self._numbers = panes, sorted(panes), sorted(numbers)
        self._pending = pending

    def take(self, rows: Rows, pending: Ints, kept_from: int) -> tuple[dict[str, bytes], list[str]]:
        """What must be written and which keys must go; after that nothing is changed.

        Raises:
            ValueError: changes were not recorded.
        """
        if not self._recorded:
            raise ValueError("changes were not recorded: make the index with recorded=True")
        gone = [*self._expired(kept_from)]
        written: dict[str, bytes] = {}
        for pane in sorted(pane for pane in self._changed if pane >= kept_from):
            parts = dict(pairs(f"{ROWS}/{pane}", *rows(pane)))
            if pane not in self._pieces:
                heappush(self._panes, pane)
            self._pieces[pane] = len(parts)
            written |= parts
        self._changed.clear()
        written |= self._take_answers(kept_from)
        if self.pending_changed:
            parts = dict(pending_pieces(pending))
            gone += [f"{PENDING}/{piece}" for piece in range(len(parts), self._pending)]
            self._pending, self.pending_changed = len(parts), False
            written |= parts
        return written, gone

    def _take_answers(self, kept_from: int) -> dict[str, bytes]:
        if not self._answers or self._newest < kept_from:
            self._answers, self._newest = [], 0
            return {}
        hashes, packed = (np.concatenate(column) for column in zip(*self._answers, strict=True))
        parts = dict(pairs(f"{ANSWERS}/{self.next_number}", hashes, packed))
        heappush(self._numbers, (self._newest, self.next_number, len(parts)))
        self._answers, self._newest = [], 0
        self.next_number += 1
        return parts

    def _expired(self, kept_from: int) -> Iterator[str]:
        while self._panes and self._panes[0] < kept_from:
            pane = heappop(self._panes)
            yield from (f"{ROWS}/{pane}/{piece}" for piece in range(self._pieces.pop(pane)))
        while self._numbers and self._numbers[0][0] < kept_from:
            _, number, pieces = heappop(self._numbers)
            yield from (f"{ANSWERS}/{number}/{piece}" for piece in range(pieces))
