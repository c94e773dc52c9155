"""How much is fetched at once? So many records, and so many bytes, whatever the records hold."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from streams.agents.packs import Pack
from streams.agents.records import Records

BATCH_BYTES = 8 << 20
"""What the records of one poll take in memory, about."""
PROBE = 4
"""Records, or packs of them, that are fetched before it is known how large they are."""
GROWTH = 4
"""At most so many times what was fetched is fetched next: sizes may grow within a log."""
RECORD_BYTES = 500
"""What aiokafka makes of a record takes besides key and value, at most about."""
ROW_BYTES = 150
"""What is made of a record that comes in a pack, besides what its values hold."""

Fetch = Callable[[Any, Any, float, int], Awaitable[Mapping[Any, Any]]]
"""Of a consumer, from these partitions, waiting so long (s), at most so many records or packs."""


def size_of(record: Any) -> int:
    """Bytes that a fetched record, or a pack, takes in memory, about."""
    if isinstance(record, Pack):
        return 2 * len(record.payload) + ROW_BYTES * len(record)
    return RECORD_BYTES + len(record.value or b"") + len(record.key or b"")


@dataclass(slots=True)
class Polled:
    """What one poll found of a partition."""

    found: list[Any] = field(default_factory=list)
    """Records and packs."""
    count: int = 0
    """Records, those in packs among them."""
    size: int = 0
    """Bytes that they take in memory, about."""

    def add(self, records: Sequence[Any]) -> None:
        """Take what another fetch found."""
        self.found += records
        self.count += sum(len(each) if isinstance(each, Pack) else 1 for each in records)
        self.size += sum(map(size_of, records))

    @property
    def records(self) -> Records:
        """All of them."""
        return Records(self.found)


async def polled(
    fetch: Fetch, consumer: Any, tps: Any, pause_s: float, most: int
) -> dict[Any, Polled]:
    """By partition; of records hardly more than `most`, of bytes than `BATCH_BYTES`."""
    polls: dict[Any, Polled] = {}
    more = await fetch(consumer, tps, pause_s, min(PROBE, most))
    while more:
        for tp, records in more.items():
            polls.setdefault(tp, Polled()).add(records)
        count = sum(each.count for each in polls.values())
        size = sum(each.size for each in polls.values())
        if count >= most or size >= BATCH_BYTES:
            break
        fetched = sum(len(each.found) for each in polls.values())
        share = min((most - count) / count, (BATCH_BYTES - size) / size, GROWTH)
        more = await fetch(consumer, tps, 0.0, max(1, int(share * fetched)))
    return polls


async def from_consumer(
    consumer: Any, tps: Sequence[Any], pause_s: float, most: int
) -> Mapping[Any, Any]:
    """Fetch; of a consumer of aiokafka's own."""
    found: Mapping[Any, Any] = await consumer.getmany(
        *tps, timeout_ms=int(pause_s * 1000), max_records=most
    )
    return found
