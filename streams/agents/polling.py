"""How much is fetched at once? So many records, and so many bytes, whatever the records hold."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from aiokafka.errors import KafkaError

from streams.agents.lean import count_of
from streams.agents.packs import Pack
from streams.agents.records import Records

BATCH_BYTES = 8 << 20
"""What the records of one poll take in memory, about."""
GROWTH = 4
"""At most so many times what a partition gave is asked of it next: sizes may grow within a log."""
RECORD_BYTES = 500
"""What aiokafka makes of a record takes besides key and value, at most about."""
ROW_BYTES = 150
"""What is made of a record that comes in a pack, besides what its values hold."""

Fetch = Callable[[Any, Any, float, int], Awaitable[Mapping[Any, Any]]]
"""Of a consumer, from these partitions, waiting so long (s), at most so many records; the last of a
partition may be a pack with more (`lean.getall`)."""


def size_of(found: Any) -> int:
    """Bytes that a fetched record, or a pack, takes in memory, about."""
    if isinstance(found, Pack):
        return 2 * len(found.payload) + ROW_BYTES * len(found)
    return RECORD_BYTES + len(found.value or b"") + len(found.key or b"")


@dataclass(slots=True)
class Polled:
    """What one poll found of a partition."""

    found: list[Any] = field(default_factory=list)
    """Records and packs."""
    count: int = 0
    """Records, those in packs among them."""
    size: int = 0
    """Bytes that they take in memory, about."""

    def add(self, found: Sequence[Any]) -> None:
        """Take what another fetch found."""
        self.found += found
        self.count += sum(map(count_of, found))
        self.size += sum(map(size_of, found))

    @property
    def records(self) -> Records:
        """All of them."""
        return Records(self.found)


async def polled(
    fetch: Fetch, consumer: Any, tps: Any, pause_s: float, most: int
) -> dict[Any, Polled]:
    """By partition; hardly more than `most` records, or than `BATCH_BYTES`: what `Fetch` may give.

    One partition after the other, as far as each has something: what one gives tells what to ask
    of it next, and nothing of others. Where fetching fails, what came before is there; a failure
    that stays comes again.
    """
    polls: dict[Any, Polled] = {}
    try:
        while more := await fetch(consumer, tps, pause_s, 1):
            for tp, first in more.items():  # a single one, as no more was asked for
                poll = polls.setdefault(tp, Polled())
                poll.add(first)
                await _add_rest(poll, polls.values(), partial(fetch, consumer, {tp}, 0.0), tp, most)
            if not _asked(poll, polls.values(), most):
                break
            pause_s = 0.0
    except KafkaError:
        if not polls:
            raise
    return polls


async def _add_rest(
    poll: Polled,
    polls: Collection[Polled],
    fetch: Callable[[int], Awaitable[Mapping[Any, Any]]],
    tp: Any,
    most: int,
) -> None:
    """What else there is of a partition, as far as there is room for it."""
    while asked := _asked(poll, polls, most):
        rest = (await fetch(asked)).get(tp)
        if not rest:
            return
        poll.add(rest)


def _asked(poll: Polled, polls: Collection[Polled], most: int) -> int:
    """How many more records of a partition there is room for; 0 where there is none."""
    left = most - sum(each.count for each in polls)
    left_bytes = BATCH_BYTES - sum(each.size for each in polls)
    if left <= 0 or left_bytes <= 0:
        return 0
    share = min(left / poll.count, left_bytes / poll.size, GROWTH)
    return max(1, int(share * poll.count))


async def from_consumer(
    consumer: Any, tps: Collection[Any], pause_s: float, most: int
) -> Mapping[Any, Any]:
    """Fetch; of a consumer of aiokafka's own."""
    found: Mapping[Any, Any] = await consumer.getmany(
        *tps, timeout_ms=int(pause_s * 1000), max_records=most
    )
    return found
