"""How are batches fetched, and what does one know of where it begins and ends?

Faust's consumer thread on aiokafka: it runs in a loop of its own. A batch knows from where to
where it reaches, and one without records stands for what no reader gets. What the broker itself
has deleted is an alarm. Partitions are fetched in turn, the judge's topic first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

from aiokafka.errors import IllegalStateError, KafkaError
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from mode.threads import MethodQueue

from streams.agents.batch import Batch, Partition, Place
from streams.agents.ending import cut, in_time
from streams.agents.lean import keep_lean
from streams.agents.patience import impatient
from streams.agents.polling import Polled, polled
from streams.settings import REQUEST_MS

if TYPE_CHECKING:
    from streams.agents.app import DavyApp
    from streams.agents.retention import Losses
    from streams.agents.transport import Consumer

CONFIRM_S = 10.0
POLL_ENDS_S = 5.0
"""How long a seek waits for a poll, which takes much less."""
CALLS = 8
"""How many calls of the main loop are answered at a time."""


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """Fetches; knows from where to where each batch reaches."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._reached: dict[Partition, int] = {}
        self._sought: dict[Partition, Any] = {}
        """aiokafka's state of each partition that was sought: of one assignment, no other."""
        self._told: set[Partition] = set()
        """Partitions that were sought below where their log begins now: it is told already."""
        self._moving = asyncio.Lock()
        """Held while a batch is fetched, and while positions change: a batch is of one stretch."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        app = cast("DavyApp", self.app)
        keep_lean(app.folded_topics, app.conf.broker_max_poll_records)
        consumer = super()._create_worker_consumer(transport)
        # Faust knows read_committed only together with its own exactly_once mode.
        consumer._isolation_level = "read_committed"  # noqa: SLF001
        client = consumer._client  # noqa: SLF001
        client.send = impatient(client, REQUEST_MS / 1000)
        return consumer

    async def on_thread_stop(self) -> None:
        """Leave the group and disconnect.

        aiokafka first ends what it is about, and other members may hold that up; and where a fetch
        waits for its next try, it cancels itself. The main loop waits for this thread all the same.
        """
        left_s = cast("DavyApp", self.app).deadline.left_s
        late = "the consumer did not end in order; the group finds out by itself"
        if not await in_time(super().on_thread_stop(), left_s, late) and self._consumer is not None:
            await cut(self._consumer)

    @property
    def method_queue(self) -> MethodQueue:
        """Calls from the main loop, several at a time.

        Mode answers two. A seek or a commit that waits for the broker must not hold up the commit
        without which a rebalance does not go on, and perhaps never the other either.
        """
        if self._method_queue is None:
            self._method_queue = MethodQueue(CALLS, loop=self.thread_loop, beacon=self.beacon)
        return self._method_queue

    async def _seek_wait(self, consumer: Any, partitions: Mapping[TP, int]) -> None:
        """Seek. Unlike Faust's: it holds for this assignment, and waits for no other.

        Raises:
            IllegalStateError: the partitions are being assigned anew: a poll waits for that, and
                whoever asked for the seek must not.
        """
        wanted = {Partition(*tp): offset for tp, offset in partitions.items()}
        deleted = await self._losses.ask(consumer.beginning_offsets, wanted)
        try:
            async with asyncio.timeout(POLL_ENDS_S):
                await self._moving.acquire()
        except TimeoutError:
            raise IllegalStateError(
                f"no seek: a poll has not ended for {POLL_ENDS_S:g} s"
            ) from None
        try:
            self._move(consumer, wanted, deleted)
        finally:
            self._moving.release()

    def _move(
        self, consumer: Any, wanted: Mapping[Partition, int], deleted: Mapping[Partition, int]
    ) -> None:
        """Each to where it is wanted, or to where the log begins now."""
        read = cast("Consumer", self.consumer)._read_offset  # noqa: SLF001
        for partition, offset in wanted.items():
            tp, there = TP(*partition), deleted.get(partition, offset)
            consumer.seek(tp, there)
            self._sought[partition] = self._state(consumer, tp)
            self._reached[partition] = offset
            self._told.discard(partition)
            if there > 0:
                read[tp] = there
            else:
                read.pop(tp, None)
        self._told |= deleted.keys()

    async def confirm(self, partition: Partition, offset: int) -> bool:
        """Whether the coordinator takes a commit of this member, which it must know for that."""
        try:
            async with asyncio.timeout(CONFIRM_S):
                return bool(await self.call_thread(self._confirm, partition, offset))
        except TimeoutError:
            return False

    async def _confirm(self, partition: Partition, offset: int) -> bool:
        consumer = self._ensure_consumer()
        try:
            async with asyncio.timeout(CONFIRM_S):  # here too: the thread must not go on with it
                await consumer.commit({TopicPartition(*partition): OffsetAndMetadata(offset, "")})
        except (KafkaError, TimeoutError):
            return False  # the stock commit would end the worker
        return True

    def place(self, partition: Partition) -> Place | None:
        """How far this partition was fetched and handed on; None before its first seek."""
        handed = self._reached.get(partition)
        state = self._state(self._consumer, TP(*partition)) if self._consumer else None
        if handed is None or state is None or not state.has_valid_position:
            return None
        return Place(handed=handed, fetched=state.position)

    @staticmethod
    def _state(consumer: Any, tp: TP) -> Any:
        subscription = consumer._subscription.subscription  # noqa: SLF001
        there = subscription is not None and subscription.assignment is not None
        return subscription.assignment.state_value(tp) if there else None

    @property
    def _losses(self) -> Losses:
        return cast("Consumer", self.consumer).ownership.losses

    async def _fetch_records(
        self,
        consumer: Any,
        active_partitions: Any,
        timeout: float | None = None,  # noqa: ASYNC109 - the driver's signature
        max_records: int | None = None,
    ) -> Any:
        async with self._moving:
            batches = await self._fetched(consumer, active_partitions, timeout, max_records or 1)
            if self.consumer.flow_active:
                batches |= self._stand_ins(consumer, batches.keys(), active_partitions or ())
        for batch in batches.values():
            if batch.begins_with_hole and batch.partition not in self._told:
                where = batch.partition, batch.start, batch.first_offset
                self._losses.look(consumer.beginning_offsets, *where)
            self._told.discard(batch.partition)
        return batches

    async def _fetched(
        self, consumer: Any, active_partitions: Any, pause_s: float | None, most: int
    ) -> dict[TP, Batch]:
        """One batch of each partition that has any; a poll is several fetches."""
        fetched: dict[Any, Polled] = {}
        for tps, turn_s in self._in_turn(active_partitions, pause_s):
            fetched = await polled(super()._fetch_records, consumer, tps, turn_s or 0.0, most)
            if fetched:
                break  # the others' turn comes when these are on their way
        self._send_back(consumer, fetched)
        return {tp: self._batch(consumer, tp, found) for tp, found in fetched.items()}

    @staticmethod
    def _send_back(consumer: Any, fetched: Iterable[Any]) -> None:
        """The fetcher empties its partitions in order: who had a turn goes behind all others."""
        waiting = consumer._fetcher._records  # noqa: SLF001
        for tp in fetched:
            if tp in waiting:
                waiting.move_to_end(tp)

    def _in_turn(self, active: Any, pause_s: float | None) -> Iterator[tuple[Any, float | None]]:
        """First what the judge waits for: however much there is to fold, it goes on."""
        judged = cast("DavyApp", self.app).judged_topic
        first = {tp for tp in active or () if tp.topic == judged}
        if first and len(first) < len(active):
            yield first, 0.0
        yield active, pause_s

    def _stand_ins(
        self, consumer: Any, fetched: Collection[TP], active: Iterable[TP]
    ) -> dict[TP, Batch]:
        """A batch without records for every stretch that was passed, and no record follows yet.

        Aborted transactions, markers, what was deleted: a log that ends in them is read to its end.
        """
        passed = [tp for tp in active if tp not in fetched and self._has_passed(consumer, tp)]
        return {tp: self._batch(consumer, tp, Polled()) for tp in passed}

    def _has_passed(self, consumer: Any, tp: TP) -> bool:
        """Whether aiokafka stands, in the assignment that was sought, behind what was handed on."""
        partition, state = Partition(*tp), self._state(consumer, tp)
        if self._sought.get(partition) is not state or state is None:
            return False
        return bool(state.has_valid_position and state.position > self._reached[partition])

    def _batch(self, consumer: Any, tp: TP, found: Polled) -> Batch:
        partition, records = Partition(*tp), found.records
        state = self._state(consumer, tp)
        end = records.last_offset + 1 if records else 0
        if state is not None and state.has_valid_position:
            end = max(end, state.position)
        first = records.first_offset if records else end
        known = self._sought.get(partition) is state  # a new assignment begins anywhere
        start = min(self._reached.get(partition, first), first, end) if known else first
        self._reached[partition] = end
        return Batch(partition=partition, start=start, end=end, records=records, size=found.size)
