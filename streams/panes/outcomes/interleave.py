"""In which order do closings of panes and outcomes meet? By the brokers' time of receipt.

A closing is told with the append time of the prediction that caused it. Either side may be read
ahead of the other; nothing is passed on before the other side is known to hold nothing earlier.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from streams.wire.outcome_columns import OutcomeColumns

Ints = NDArray[np.int64]

NEVER = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """The predictions' panes are closed through `closed_through`."""

    append_ms: int
    """When the broker received the prediction that closed them."""
    closed_through: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OutcomeBatch:
    """Decoded outcomes; one entry a row of the columns."""

    columns: OutcomeColumns
    append_ms: Ints
    """When the broker received it; never less than any before (a clock may step back)."""
    offset: Ints
    start: int
    """First offset that it stands for."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rows:
    """Consecutive rows of a batch, as the fold takes them."""

    batch: OutcomeBatch
    first: int
    last: int


@dataclass(slots=True)
class Interleaving:
    """Closings and outcomes that wait for each other."""

    closings: deque[Closing] = field(default_factory=deque)
    waiting: deque[OutcomeBatch] = field(default_factory=deque)
    taken: int = 0
    """Rows of the first waiting batch that were passed on."""
    predictions_read_ms: int = NEVER
    """Append time of the last prediction folded; earlier ones have been folded too."""
    outcomes_read_ms: int = NEVER
    """Append time of the last outcome taken."""
    predictions_known_ms: int = NEVER
    """All predictions that were received up to here have been folded."""
    outcomes_known_ms: int = NEVER
    """All outcomes that were received up to here have been taken."""
    end: int = 0
    """First offset of `outcomes` that was not taken."""
    passed_ms: int = NEVER
    """Append time of the last outcome that was passed on."""

    @property
    def next_offset(self) -> int:
        """First offset of `outcomes` that was not passed on."""
        if not self.waiting:
            return self.end
        batch = self.waiting[0]
        return int(batch.offset[self.taken - 1]) + 1 if self.taken else batch.start

    @property
    def rows(self) -> int:
        """Outcomes that wait for predictions to be read."""
        return sum(batch.append_ms.size for batch in self.waiting) - self.taken

    def predictions_folded(self, append_ms: int, closings: Sequence[Closing]) -> None:
        """A batch of predictions was folded; the last was received at `append_ms`."""
        self.closings.extend(closings)
        self.predictions_read_ms = max(self.predictions_read_ms, append_ms)
        self.predictions_known_ms = max(self.predictions_known_ms, append_ms - 1)

    def outcomes_taken(
        self, columns: OutcomeColumns, append_ms: Ints, offsets: Ints, *, start: int, end: int
    ) -> None:
        """A batch was read; the broker's time and the offset of every record in it."""
        received = np.maximum.accumulate(np.maximum(append_ms, self.outcomes_read_ms))
        if columns.row.size:
            at = columns.row
            self.waiting.append(
                OutcomeBatch(
                    columns=columns, append_ms=received[at], offset=offsets[at], start=start
                )
            )
        self.end = end
        if received.size:
            self.outcomes_read_ms = int(received[-1])
            self.outcomes_known_ms = max(self.outcomes_known_ms, self.outcomes_read_ms - 1)

    def resume(
        self,
        *,
        next_offset: int,
        outcomes_read_ms: int,
        predictions_read_ms: int,
        closings: Iterable[Closing],
    ) -> None:
        """Go on where another one stood: offset and closings that were not passed on."""
        self.end, self.passed_ms = next_offset, outcomes_read_ms
        self.outcomes_read_ms, self.predictions_read_ms = outcomes_read_ms, predictions_read_ms
        self.outcomes_known_ms, self.predictions_known_ms = (
            outcomes_read_ms - 1,
            predictions_read_ms - 1,
        )
        self.closings.extend(closings)

    def forget(self) -> None:
        """Nobody asks any more: what waits is dropped, and reading may begin elsewhere."""
        self.end = self.next_offset
        self.closings.clear()
        self.waiting.clear()
        self.taken = 0

    def steps(self) -> Iterator[Closing | Rows]:
        """What is due, in order; each counts as passed on when the next is asked for."""
        while True:
            closing = self.closings[0] if self.closings else None
            before = self.predictions_known_ms
            if closing is not None:
                before = min(before, closing.append_ms - 1)
            yield from self._rows(before)
            if closing is None or self._earliest() < closing.append_ms:
                return
            self.closings.popleft()
            yield closing

    def _earliest(self) -> int:
        """No outcome that was received before this is still to come."""
        if self.waiting:
            return int(self.waiting[0].append_ms[self.taken])
        return self.outcomes_known_ms + 1

    def _rows(self, through_ms: int) -> Iterator[Rows]:
        """Waiting outcomes that were received up to a time."""
        while self.waiting:
            batch, first = self.waiting[0], self.taken
            last = int(np.searchsorted(batch.append_ms, through_ms, side="right"))
            if last > first:
                yield Rows(batch=batch, first=first, last=last)
                self.taken = last
                self.passed_ms = int(batch.append_ms[last - 1])
            if self.taken < batch.append_ms.size:
                return
            self.waiting.popleft()
            self.taken = 0
