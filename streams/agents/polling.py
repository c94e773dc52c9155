"""How much is fetched at once? So many records, and so many bytes, whatever the records hold."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

BATCH_BYTES = 8 << 20
"""What the records of one poll take in memory, about."""
PROBE = 256
"""Records that are fetched before it is known how large they are."""
GROWTH = 4
"""At most so many times what was fetched is fetched next: sizes may grow within a log."""
RECORD_BYTES = 500
"""What aiokafka makes of a record takes besides key and value, at most about."""

Fetch = Callable[[Any, Any, float, int], Awaitable[Mapping[Any, Any]]]
"""Of a consumer, from these partitions, waiting so long (s), at most so many records."""


def size_of(record: Any) -> int:
    """Bytes that a fetched record takes in memory, about."""
    return RECORD_BYTES + len(record.value or b"") + len(record.key or b"")


@dataclass(slots=True)
class Polled:
    """What one poll found of a partition."""

    records: list[Any] = field(default_factory=list)
    size: int = 0
    """Bytes that they take in memory, about."""

    def add(self, records: Sequence[Any]) -> None:
        """Take what another fetch found."""
        self.records += records
        self.size += sum(map(size_of, records))


async def polled(
    fetch: Fetch, consumer: Any, tps: Any, pause_s: float, most: int
) -> dict[Any, Polled]:
    """Records by partition, `most` at most and hardly more than `BATCH_BYTES`."""
    found: dict[Any, Polled] = {}
    more = await fetch(consumer, tps, pause_s, min(PROBE, most))
    while more:
        for tp, records in more.items():
            found.setdefault(tp, Polled()).add(records)
        count = sum(len(each.records) for each in found.values())
        size = sum(each.size for each in found.values())
        if count >= most or size >= BATCH_BYTES:
            break
        fitting = int((BATCH_BYTES - size) * count / size) + 1
        more = await fetch(consumer, tps, 0.0, min(most - count, fitting, GROWTH * count))
    return found
