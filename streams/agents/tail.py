"""How does a process follow partitions that no group distributes?

Assigned by hand, read from the beginning with read_committed, in log order. `catch_up` is the
barrier: it returns when everything that was on the broker at the call has been delivered.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from streams.agents.batch import Partition
from streams.agents.ending import disconnect
from streams.agents.polling import from_consumer, polled
from streams.agents.records import Records
from streams.errors import LogError, RegistryError
from streams.wire.sparing import Sparing

logger = logging.getLogger(__name__)

READ_S = 60.0
MOST_RECORDS = 5000
STORE_RETRY_S = 1.0

Sink = Callable[[Partition, Any], None]
"""Takes one aiokafka ConsumerRecord; gets it again after a RegistryError: it may be good."""


class LogTail:
    """Delivers every record of some partitions to a sink, and says how far it has read."""

    def __init__(
        self, connection: dict[str, Any], partitions: Sequence[Partition], sink: Sink
    ) -> None:
        self._consumer = AIOKafkaConsumer(
            **connection,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            fetch_max_wait_ms=200,
        )
        self._partitions = [TopicPartition(*partition) for partition in partitions]
        self._sink = sink
        self._position: dict[Partition, int] = {}
        self._moved = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None
        self._sparing = Sparing(logger.warning)
        self._waits: str | None = None
        """For what, where it is not the broker that is slow."""

    async def start(self, until: dict[TopicPartition, int] | None = None) -> None:
        """Connect, and read from the beginning to where the end is now, or `until` there.

        Raises:
            LogError: reading failed, or did not get there in time.
        """
        await self._consumer.start()
        self._consumer.assign(self._partitions)
        await self._consumer.seek_to_beginning(*self._partitions)
        self._position = await self._positions()
        # Asked before the first fetch: behind one it would wait for that fetch to return.
        ends = until or await self._consumer.end_offsets(self._partitions)
        self._task = asyncio.create_task(self._follow(), name="log-tail")
        await self._reach(ends, READ_S)

    async def stop(self) -> None:
        """Stop reading and disconnect."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await disconnect(self._consumer)

    @property
    def failure(self) -> BaseException | None:
        """Why reading stopped by itself, if it did."""
        ended = self._task is not None and self._task.done() and not self._task.cancelled()
        return self._task.exception() if self._task is not None and ended else None

    def position(self, partition: Partition) -> int:
        """Next offset to be delivered."""
        return self._position[partition]

    async def ends(self, partitions: Sequence[Partition]) -> dict[Partition, int]:
        """Where any partitions end on the broker now; KafkaError where it does not answer."""
        asked = [TopicPartition(*partition) for partition in partitions]
        return {
            Partition(*tp): end for tp, end in (await self._consumer.end_offsets(asked)).items()
        }

    async def catch_up(self, *, timeout_s: float = READ_S) -> None:
        """Wait until all that is on the broker now has been delivered.

        Raises:
            LogError: reading failed, or did not get there in time.
        """
        await self._reach(await self._consumer.end_offsets(self._partitions), timeout_s)

    async def _reach(self, ends: dict[TopicPartition, int], timeout_s: float) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                async with self._moved:
                    await self._moved.wait_for(lambda: self._reached(ends))
        except TimeoutError as error:
            names = ", ".join(f"{tp.topic}-{tp.partition}" for tp in self._partitions)
            why = self._waits or "is the broker reachable?"
            raise LogError(f"{names}: not read to the end within {timeout_s:g} s; {why}") from error
        self._raise_failure()

    def _reached(self, ends: dict[TopicPartition, int]) -> bool:
        done = self._task is not None and self._task.done()
        return done or all(self._position[Partition(*tp)] >= end for tp, end in ends.items())

    def _raise_failure(self) -> None:
        if self.failure is not None:
            raise LogError(f"reading stopped: {self.failure!r}") from self.failure

    async def _follow(self) -> None:
        try:
            while True:
                try:
                    fetched = await self._consumer.getmany(timeout_ms=200, max_records=5000)
                except KafkaError as error:
                    if not error.retriable:
                        raise
                    await asyncio.sleep(0.2)  # the broker is away; the next try tells
                    continue
                for tp, records in fetched.items():
                    for record in records:
                        await self._deliver(Partition(*tp), record)
                positions = await self._positions()
                async with self._moved:
                    self._position = positions
                    self._moved.notify_all()
        finally:
            async with self._moved:
                self._moved.notify_all()

    async def _deliver(self, partition: Partition, record: Any) -> None:
        while True:
            try:
                return self._sink(partition, record)
            except RegistryError as error:
                self._waits = f"{partition.topic}-{partition.partition}@{record.offset}: {error}"
                await answered(error, self._waits, self._sparing)
                self._waits = None

    async def _positions(self) -> dict[Partition, int]:
        return {Partition(*tp): await self._consumer.position(tp) for tp in self._partitions}


async def answered(error: RegistryError, what: str, sparing: Sparing) -> None:
    """Wait until a schema store that did not answer does; everything else goes on meanwhile."""
    while True:
        sparing.say(str(error), f"{what}; waiting for it")
        await asyncio.sleep(STORE_RETRY_S)
        if not await asyncio.to_thread(error.still):
            return


async def read_range(
    connection: dict[str, Any], partition: Partition, start: int, end: int
) -> AsyncIterator[Records]:
    """Committed records with offsets in [start, end), as they are fetched; as far as still held.

    Raises:
        LogError: nothing came for `READ_S`.
    """
    consumer = AIOKafkaConsumer(
        **connection,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    )
    try:
        await consumer.start()
        tp = TopicPartition(*partition)
        consumer.assign([tp])
        first = (await consumer.beginning_offsets([tp]))[tp]
        last = min(end, (await consumer.end_offsets([tp]))[tp])
        consumer.seek(tp, max(start, first))
        while await consumer.position(tp) < last:
            yield (await _fetched(consumer, tp)).before(last)
    finally:
        await disconnect(consumer)


async def _fetched(consumer: AIOKafkaConsumer, tp: TopicPartition) -> Records:
    """The next records, or none where the position moved over what is not for readers."""
    before = await consumer.position(tp)
    for _ in range(round(READ_S)):
        fetched = await polled(from_consumer, consumer, [tp], 1.0, MOST_RECORDS)
        if fetched or await consumer.position(tp) > before:
            return fetched[tp].records if fetched else Records()
    raise LogError(
        f"{tp.topic}-{tp.partition}: nothing came for {READ_S:g} s; is the broker reachable?"
    )


async def read_all(connection: dict[str, Any], partition: Partition) -> list[Any]:
    """Return every committed record of a partition as of now, in log order.

    Behind a transaction of somebody else that is open readers of committed records see nothing,
    what was committed since included: its end is waited for.

    Raises:
        LogError: reading failed, or did not get there in time.
    """
    records: list[Any] = []
    await read_into(connection, partition, records.append)
    return records


async def read_into(
    connection: dict[str, Any], partition: Partition, take: Callable[[Any], None]
) -> None:
    """The same, one by one."""
    tail = LogTail(connection, [partition], lambda _, record: take(record))
    try:
        await tail.start(until=await _written(connection, partition))
    finally:
        await tail.stop()


async def _written(connection: dict[str, Any], partition: Partition) -> dict[TopicPartition, int]:
    """Where a partition ends, transactions that are open included."""
    asker = AIOKafkaConsumer(
        **connection, group_id=None, enable_auto_commit=False, isolation_level="read_uncommitted"
    )
    try:
        await asker.start()
        return dict(await asker.end_offsets([TopicPartition(*partition)]))
    finally:
        await disconnect(asker)
