"""What does the transport hand to an agent? A fetched record batch, whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from streams.agents.records import Records


class Partition(NamedTuple):
    """A partition of a topic (full name, prefix included)."""

    topic: str
    partition: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """How far the transport has come with a partition."""

    handed: int
    """End of the last batch that was handed to an agent."""
    fetched: int
    """Where it fetches next; above `handed` where nothing but markers lies between, until the
    next poll."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Consecutive records of one partition, and the stretch of the log that they stand for.

    `end - start` may exceed the number of records, and there may be none: aborted transactions,
    their markers, compaction and retention leave holes. `start` equals the `end` of the batch
    before, or the offset that was sought.
    """

    partition: Partition
    start: int
    end: int
    records: Records
    size: int = 0
    """Bytes that it takes in memory, about; only the transport asks."""

    @property
    def first_offset(self) -> int:
        """Of the first record; the end where there is none."""
        return self.records.first_offset if self.records else self.end

    @property
    def begins_with_hole(self) -> bool:
        """Whether offsets before the first record, or all of them, have none."""
        return self.first_offset > self.start

    def since(self, offset: int) -> Batch:
        """Return the part from `offset` on; records below it were counted before."""
        if offset <= self.start:
            return self
        return Batch(
            partition=self.partition,
            start=offset,
            end=self.end,
            records=self.records.since(offset),
        )
