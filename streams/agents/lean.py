"""What is a fetched record of a source? What the parser made of it, and nothing around it.

aiokafka copies each record into an object that also says what all of its partition have in common.
For millions of events that takes longer than to decode and fold them, and a `Batch` says it once.
Where a producer's batch can be read as a whole, it comes as a pack.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.consumer.fetcher import PartitionRecords

from streams.agents.packs import PackedRecords


class LeanRecords(PartitionRecords):  # type: ignore[misc]  # aiokafka has no types
    """Records of a partition; those of `topics` as they were parsed."""

    topics: frozenset[str] = frozenset()
    """Full names. Their records have an offset, timestamp, key, value and headers."""
    most: int = 0
    """Records of a pack, at most."""

    def __init__(self, tp: Any, records: PackedRecords, *rest: Any) -> None:
        super().__init__(tp, records, *rest)
        if tp.topic in self.topics:
            records.pack(self.next_fetch_offset, self.most)

    def _consumer_record(self, tp: Any, record: Any) -> Any:
        return record if tp.topic in self.topics else super()._consumer_record(tp, record)


def keep_lean(topics: Collection[str], most: int) -> None:
    """Whoever reads these topics in this process gets lean records, and packs of so many at most.

    aiokafka has no other place for that: its fetcher names the classes that it unpacks with.
    """
    LeanRecords.topics, LeanRecords.most = frozenset(topics), most
    fetcher.PartitionRecords = LeanRecords
    fetcher.MemoryRecords = PackedRecords
