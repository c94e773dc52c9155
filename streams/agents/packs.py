"""How does a batch of a producer, as the broker holds it, become a pack: one object for all of it?

Only where nothing is to be said of single records that is not said of all: offsets one after the
other, and the time at which the broker received the batch. All other batches come record by record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from aiokafka.errors import CorruptRecordException
from aiokafka.record.memory_records import MemoryRecords

from streams.agents.batch_format import Head, end_of, head_of, rows

LEAST = 4
"""Records from which on a pack takes no more time than they do one by one, as measured."""
MOST_BYTES = 1 << 20
"""Of a pack's records. The batches of librdkafka and Java have fewer, unless they are told to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """Consecutive records, none missing (streams.wire.packs.Pack)."""

    head: Head
    payload: bytes = field(repr=False)

    def __len__(self) -> int:
        return self.head.records

    @property
    def first_offset(self) -> int:
        """Of the first record."""
        return self.head.base_offset

    @property
    def last_offset(self) -> int:
        """Of the last record."""
        return self.head.base_offset + self.head.last_delta

    @property
    def append_ms(self) -> int:
        """When the broker received all of it."""
        return self.head.last_ms

    def __iter__(self) -> Iterator[Any]:
        """Records with an offset, timestamp, key, value and headers."""
        batch = MemoryRecords(self.head.over(self.payload)).next_batch()
        return records_of(self.head, batch, lambda: self.payload)

    def values(self) -> list[bytes | None]:
        """Their values, one by one."""
        return [record.value for record in self]


def records_of(head: Head, batch: Iterable[Any], payload: Callable[[], bytes]) -> Iterator[Any]:
    """Records of a batch: as aiokafka reads them, by ourselves from one on that it cannot read.

    Where none is missing an offset is what the broker counts: how far a producer says a record is
    from the first, no broker needs to look at.
    """
    place = 0
    try:
        for record in batch:
            if head.whole and record.offset != head.base_offset + place:
                break
            yield record
            place += 1
        else:
            return
    except (UnicodeDecodeError, CorruptRecordException):  # the name of a header, most likely
        pass
    try:
        for number, row in islice(enumerate(rows(payload(), head.records)), place, None):
            time_ms = head.last_ms if head.append_time else head.first_ms + row.timestamp
            delta = number if head.whole else row.offset
            yield row._replace(offset=head.base_offset + delta, timestamp=time_ms)
    except (IndexError, ValueError) as error:
        raise CorruptRecordException(f"batch at offset {head.base_offset}: {error}") from error


class BatchBytes:
    """The batches that one fetch brought of a partition; in place of aiokafka's MemoryRecords."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._batches = MemoryRecords(data)
        self._begin = self._end = 0

    def size_in_bytes(self) -> int:
        """As aiokafka's."""
        return int(self._batches.size_in_bytes())

    def has_next(self) -> bool:
        """As aiokafka's."""
        return bool(self._batches.has_next())

    def next_batch(self) -> Any:
        """As aiokafka's."""
        batch = self._batches.next_batch()
        if batch is not None:
            self._begin, self._end = self._end, end_of(self._data, self._end)
        return batch

    @property
    def head(self) -> Head | None:
        """Of the last batch; None where that is of another version."""
        return head_of(self._data, self._begin)

    @property
    def last(self) -> bytes:
        """The last batch."""
        return self._data[self._begin : self._end]


def pack_or_records(
    fetched: BatchBytes, batch: Any, *, first_offset: int, most: int
) -> Iterator[Any]:
    """What the last batch holds.

    A pack if none of it is below this offset and it has no more records than `most`; else records.
    """
    head = fetched.head
    if head is None:
        return iter(batch)
    fits = head.base_offset >= first_offset and LEAST <= head.records <= most
    if not (fits and head.whole and head.append_time):
        return records_of(head, batch, lambda: head.unpacked(fetched.last))
    pack = Pack(head=head, payload=head.unpacked(fetched.last))
    return iter(pack) if len(pack.payload) > MOST_BYTES else iter((pack,))
