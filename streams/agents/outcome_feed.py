"""How does the owner of a partition of `predictions` read the same partition of `outcomes`?

Assigned by hand, from where its join stands, and no faster than outcomes can be joined: so both
partitions always have one owner, whatever the group does.
"""

from __future__ import annotations

from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.agents.batch import Batch, Partition
from streams.agents.ending import disconnect
from streams.agents.polling import Polled, from_consumer, polled

FETCH_MS = 100
MOST_RECORDS = 10_000


class OutcomeFeed:
    """Committed records of one partition, batch by batch."""

    def __init__(self, connection: dict[str, Any], partition: Partition) -> None:
        self._consumer = AIOKafkaConsumer(
            **connection,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            fetch_max_wait_ms=FETCH_MS,
            max_partition_fetch_bytes=8 << 20,
        )
        self._partition = partition
        self._tp = TopicPartition(*partition)
        self._started = False
        self._at = 0
        """Where reading goes on; the consumer steps over what was deleted by itself."""

    async def start(self) -> None:
        """Connect; nothing is read before `seek`."""
        await self._consumer.start()
        self._started = True
        self._consumer.assign([self._tp])

    async def stop(self) -> None:
        """Disconnect."""
        if self._started:
            await disconnect(self._consumer)

    async def first_since(self, append_ms: int) -> int:
        """Offset of the first record that the broker received at this time or later."""
        if append_ms < 0:
            return await self.begin()
        found = (await self._consumer.offsets_for_times({self._tp: append_ms}))[self._tp]
        return await self.end() if found is None else int(found.offset)

    async def begin(self) -> int:
        """Offset of the first record that is left."""
        return int((await self._consumer.beginning_offsets([self._tp]))[self._tp])

    async def seek(self, offset: int) -> int:
        """Go on from here, or from the first record that is left; returns from where."""
        at = max(offset, await self.begin())
        self._consumer.seek(self._tp, at)
        self._at = at
        return at

    async def fetch(self) -> Batch:
        """The next records; none after a while without."""
        start = self._at
        fetched = await polled(
            from_consumer, self._consumer, [self._tp], FETCH_MS / 1000, MOST_RECORDS
        )
        self._at = await self._consumer.position(self._tp)
        records = fetched.get(self._tp, Polled()).records
        return Batch(partition=self._partition, start=start, end=self._at, records=records)

    async def end(self) -> int:
        """Where the partition ends now, for readers of committed records."""
        return int((await self._consumer.end_offsets([self._tp]))[self._tp])

    async def is_read(self) -> bool:
        """Whether nothing is left to read, transactions under way included."""
        position = await self._consumer.position(self._tp)
        written = self._consumer.highwater(self._tp)
        return await self.end() <= position and (written is None or written <= position)
