"""How much is fetched at once? So many records, and so many bytes, whatever the records hold."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

BATCH_BYTES = 8 << 20
"""What the records of one poll take in memory, about."""
PROBE = 256
"""Records that are fetched before it is known how large they are."""
GROWTH = 4
"""At most so many times what was fetched is fetched next: sizes may grow within a log."""
RECORD_BYTES = 500
"""What aiokafka makes of a record takes besides key and value, about."""

Fetch = Callable[[Any, Any, float, int], Awaitable[Mapping[Any, Any]]]
"""Of a consumer, from these partitions, waiting so long (s), at most so many records."""


def size_of(record: Any) -> int:
    """Bytes that a fetched record takes in memory, about."""
    return RECORD_BYTES + len(record.value or b"") + len(record.key or b"")


async def polled(
    fetch: Fetch, consumer: Any, tps: Any, pause_s: float, most: int
) -> dict[Any, list[Any]]:
    """Records by partition, `most` at most and hardly more than `BATCH_BYTES`."""
    found = {
        tp: list(records)
        for tp, records in (await fetch(consumer, tps, pause_s, min(PROBE, most))).items()
    }
    count, size = _measured(found)
    while 0 < count < most and size < BATCH_BYTES:
        fitting = int((BATCH_BYTES - size) * count / size) + 1
        more = await fetch(consumer, tps, 0.0, min(most - count, fitting, GROWTH * count))
        if not more:
            break
        added = _measured(more)
        count, size = count + added[0], size + added[1]
        for tp, records in more.items():
            found.setdefault(tp, []).extend(records)
    return found


def _measured(found: Mapping[Any, Any]) -> tuple[int, int]:
    """How many records, and their size."""
    count = sum(map(len, found.values()))
    return count, sum(sum(map(size_of, records)) for records in found.values())
