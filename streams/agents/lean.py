"""What is a fetched record of a source? What the parser made of it, and nothing around it.

aiokafka copies each record into an object that also says what all of its partition have in common.
For millions of events that takes longer than to decode and fold them, and a `Batch` says it once.
Where a producer's batch can be read as a whole, it comes as a pack.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.consumer.fetcher import READ_COMMITTED, PartitionRecords
from aiokafka.errors import CorruptRecordException

from streams.agents.packs import MOST_BYTES, BatchBytes, Pack, pack_or_records


class LeanRecords(PartitionRecords):  # type: ignore[misc]  # aiokafka has no types
    """Records of a partition; those of `topics` as they were parsed, or in packs."""

    topics: frozenset[str] = frozenset()
    """Full names. Their records have an offset, timestamp, key, value and headers."""
    most: int = 0
    """Records of a pack, at most."""
    next_fetch_offset: int

    def _unpack_records(self) -> Iterator[Any]:
        """As aiokafka's, batch by batch; offsets only rise, and stay within those of a batch."""
        if self._tp.topic not in self.topics:
            yield from super()._unpack_records()
            return
        while self._records.has_next():
            batch = self._records.next_batch()
            if self._check_crcs and not batch.validate_crc():
                raise CorruptRecordException(f"Invalid CRC - {self._tp}")
            if not self._skips(batch):
                for each in self._held(batch):
                    last = last_offset_of(each)
                    if self.next_fetch_offset <= last < batch.next_offset:
                        self.next_fetch_offset = last + 1
                        yield each
            self.next_fetch_offset = max(self.next_fetch_offset, batch.next_offset)

    def _skips(self, batch: Any) -> bool:
        """Whether it is of a transaction that was aborted, or the broker's own."""
        if self._isolation_level == READ_COMMITTED and batch.producer_id is not None:
            self._consume_aborted_up_to(batch.base_offset)
            if batch.is_control_batch and self._contains_abort_marker(batch):
                self._aborted_producers.discard(batch.producer_id)
            if batch.is_transactional and batch.producer_id in self._aborted_producers:
                return True
        return bool(batch.is_control_batch)

    def _held(self, batch: Any) -> Iterator[Any]:
        """What it holds from `next_fetch_offset` on, and perhaps what is before it."""
        first = self.next_fetch_offset
        return pack_or_records(self._records, batch, first_offset=first, most=self.most)


def count_of(found: Any) -> int:
    """How many records this is: those of a pack, or one."""
    return len(found) if isinstance(found, Pack) else 1


def last_offset_of(found: Any) -> int:
    """Of a pack's last record, or of the record."""
    return found.last_offset if isinstance(found, Pack) else int(found.offset)


def getall(self: Any, max_records: int | None = None) -> list[Any]:
    """As aiokafka's `FetchResult.getall`, where a pack counts as its records.

    They are more than asked for where the last pack is; and no more than `MOST_BYTES`, but for
    the last record or pack.
    """
    taken, count, size = list[Any](), 0, 0
    if not self.check_assignment(self._topic_partition) or not self.has_more():
        return taken
    for each in self._partition_records:
        taken.append(each)
        count += count_of(each)
        size += len(each.payload if isinstance(each, Pack) else each.value or b"")
        if (max_records is not None and count >= max_records) or size >= MOST_BYTES:
            self._update_position()
            return taken
    self._update_position()
    self._partition_records = None
    return taken


def keep_lean(topics: Collection[str], most: int) -> None:
    """Whoever reads these topics in this process gets lean records, and packs of so many at most.

    aiokafka has no other place for that: its fetcher names the classes that it unpacks with.
    """
    LeanRecords.topics, LeanRecords.most = frozenset(topics), most
    fetcher.FetchResult.getall = getall
    fetcher.PartitionRecords = LeanRecords
    fetcher.MemoryRecords = BatchBytes
