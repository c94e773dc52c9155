"""How do agents get whole fetched batches instead of single events?

A Faust transport on the aiokafka driver. Faust keeps the group protocol, flow control and
recovery; this file changes what one message is (a `Batch`), where partitions are sought after a
rebalance (where their owner's state says), and what counts as committed (what owners have made
durable). It reads no further ahead of the agents than `WAITING_BYTES` a topic, and the judge's
topic first. In the end offsets decide: owners skip what they have counted and ask for a re-seek
where records are missing. What the broker itself has deleted is an alarm, and a batch without
records stands for it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, cast

from aiokafka.errors import KafkaError
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage

from streams.agents.batch import Batch, Partition, Place
from streams.agents.polling import polled, size_of
from streams.errors import StalledError

if TYPE_CHECKING:
    from streams.agents.app import DavyApp
    from streams.agents.ownership import Ownership
    from streams.agents.retention import Losses

CONFIRM_S = 10.0


WAITING_BYTES = 16 << 20
"""Fetched and not yet folded, by topic, before a last batch of `BATCH_BYTES`."""
TURN_S = 0.25
"""While the judge has panes to look at, sources are fetched no more often than that."""
PRESSED_S = 0.02
"""How soon a topic is looked at again whose agent has enough to do."""


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """Fetches; knows from where to where each batch reaches."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._reached: dict[Partition, int] = {}
        self._deleted: dict[Partition, int] = {}
        """Where the log begins now, for partitions that were sought below it."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        # Faust knows read_committed only together with its own exactly_once mode.
        consumer._isolation_level = "read_committed"  # noqa: SLF001
        return consumer

    async def _seek_wait(self, consumer: Any, partitions: Mapping[TP, int]) -> None:
        wanted = {Partition(*tp): offset for tp, offset in partitions.items()}
        self._reached |= wanted
        for partition in wanted:
            self._deleted.pop(partition, None)
        self._deleted |= await self._losses.ask(consumer.beginning_offsets, wanted)
        there = {TP(*p): self._deleted.get(p, offset) for p, offset in wanted.items()}
        await super()._seek_wait(consumer, there)

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
            await consumer.commit({TopicPartition(*partition): OffsetAndMetadata(offset, "")})
        except KafkaError:
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
        fetched: dict[Any, Any] = {}
        for tps, pause_s in self._in_turn(active_partitions, timeout):
            fetch = super()._fetch_records
            fetched = await polled(fetch, consumer, tps, pause_s or 0.0, max_records or 1)
            if fetched:
                break  # the others' turn comes when these are on their way
        batches = {tp: self._batch(consumer, tp, list(records)) for tp, records in fetched.items()}
        for batch in batches.values():
            if batch.begins_with_hole and batch.partition not in self._deleted:
                self._losses.look(consumer.beginning_offsets, {batch.partition: batch.start})
        if self.consumer.flow_active:
            batches |= self._stand_ins(batches.keys(), active_partitions)
        return batches

    def _in_turn(self, active: Any, pause_s: float | None) -> Iterator[tuple[Any, float | None]]:
        """First what the judge waits for: however much there is to fold, it goes on."""
        judged = cast("DavyApp", self.app).judged_topic
        first = {tp for tp in active or () if tp.topic == judged}
        if first and len(first) < len(active):
            yield first, 0.0
        yield active, pause_s

    def _stand_ins(self, fetched: Collection[TP], active: Any) -> dict[TP, Batch]:
        """A batch without records for every deleted stretch that no record follows yet."""
        found = {}
        for partition in list(self._deleted):
            tp = TP(*partition)
            if active is not None and tp not in active:
                continue
            end = self._deleted.pop(partition)
            if tp not in fetched:
                start, self._reached[partition] = self._reached[partition], end
                found[tp] = Batch(partition=partition, start=start, end=end, records=[])
        return found

    def _batch(self, consumer: Any, tp: TP, records: list[Any]) -> Batch:
        partition = Partition(*tp)
        state = self._state(consumer, tp)
        end = records[-1].offset + 1 if records else 0
        if state is not None and state.has_valid_position:
            end = max(end, state.position)
        start = self._reached.get(partition, records[0].offset if records else end)
        self._reached[partition] = end
        size = sum(map(size_of, records))
        start = min(start, end)
        return Batch(partition=partition, start=start, end=end, records=records, size=size)


class Consumer(driver.Consumer):
    """Yields one message per fetched batch; seeks and commits by the owners' word."""

    _folded_at: float = 0.0
    """When a batch of a source was handed over last; loop time."""

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    @property
    def ownership(self) -> Ownership:
        """The owners of this worker's partitions."""
        return cast("DavyApp", self.app).ownership

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:  # noqa: ASYNC109
        """Fetch; yield a message per partition whose value is the whole batch."""
        pressed = self._pressed_topics()
        if pressed and not self._get_active_partitions():
            await asyncio.sleep(PRESSED_S)
            return
        fetched, active = await self._wait_next_records(PRESSED_S if pressed else timeout)
        batches = cast("dict[TP, Batch]", fetched)
        if not batches or self.should_stop or not self.flow_active:
            return  # an unseen batch shows as a gap to its owner, who asks for a re-seek
        for tp, batch in batches.items():
            if active is None or tp in active or tp in self._buffered_partitions:
                if tp.topic != self._judged_topic:
                    self._folded_at = asyncio.get_running_loop().time()
                self._read_offset[tp] = None  # owners drop what is old, not Faust
                self.app.monitor.track_tp_end_offset(tp, self.highwater(tp))
                yield tp, self._message(tp, batch)

    @property
    def _judged_topic(self) -> str:
        return cast("DavyApp", self.app).judged_topic

    def _pressed_topics(self) -> set[str]:
        """Topics of which enough waits; while the judge has something to do, all the others too.

        What is folded meanwhile would only be due and wait: verdicts on it would be no fresher.
        """
        waiting = Counter[str]()
        for message in self._unacked_messages:
            waiting[message.topic] += cast("Batch", message.value).size
        pressed = {topic for topic, size in waiting.items() if size >= WAITING_BYTES}
        turn_s = asyncio.get_running_loop().time() - self._folded_at
        if self._judged_topic in waiting and turn_s < TURN_S:
            pressed |= {tp.topic for tp in self.assignment()} - {self._judged_topic}
        return pressed

    def _get_active_partitions(self) -> set[TP]:
        active = super()._get_active_partitions()
        pressed = self._pressed_topics()
        return {tp for tp in active if tp.topic not in pressed} if pressed else active

    def _message(self, tp: TP, batch: Batch) -> ConsumerMessage:
        return ConsumerMessage(
            tp.topic,
            tp.partition,
            max(batch.start, batch.end - 1),
            0.0,
            0,
            [],
            None,
            cast("Any", batch),
            None,
            0,
            0,
            tp,
            generation_id=self.app.consumer_generation_id,
        )

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Let go of everything where nothing was assigned: Faust seeks nothing then."""
        await super().on_partitions_assigned(assigned, generation_id)
        if not assigned:
            await self.ownership.take(())

    async def perform_seek(self) -> None:
        """Load the state of every assigned partition, then seek to where it ends."""
        assigned = {Partition(*tp) for tp in self.assignment()}
        load_s = self.ownership.load_s
        try:
            async with asyncio.timeout(load_s):
                positions = await self.ownership.take(assigned)
                await self.seek_wait({TP(*p): offset for p, offset in positions.items()})
        except TimeoutError as error:  # Faust would go on without a word, and fetch nothing
            self.ownership.failure = StalledError(
                f"what is stored of {len(assigned)} partitions was not read within {load_s:g} s; "
                "set load_s higher if it is much, and see whether the broker answers"
            )
            raise self.ownership.failure from error

    def place(self, partition: Partition) -> Place | None:
        """How far this partition was fetched and handed on; None before its first seek."""
        return cast("ConsumerThread", self._thread).place(partition)

    async def wait_empty(self) -> None:
        """Runs on revocation and shutdown: make everything durable first."""
        await self.ownership.flush()
        await super().wait_empty()

    async def reseek(self, positions: Mapping[Partition, int]) -> None:
        """Seek again where an owner found records missing."""
        await self.seek_wait({TP(*p): offset for p, offset in positions.items()})

    async def confirm(self, partition: Partition, offset: int) -> bool:
        """See Confirm."""
        return await cast("ConsumerThread", self._thread).confirm(partition, offset)

    def ack(self, message: Any) -> bool:
        """Nothing but bookkeeping: durability is the owners' word, not an ack's."""
        if message.acked:
            return False
        message.acked = True
        self._unacked_messages.discard(message)
        waiting = self._waiting_for_ack
        if waiting is not None and not waiting.done():
            waiting.set_result(None)
        return True

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterator[TP]:
        for partition in self.ownership.partitions():
            tp = TP(*partition)
            if topics is None or tp in topics or tp.topic in topics:
                yield tp

    def _new_offset(self, tp: TP) -> int | None:
        return self.ownership.durable_offset(Partition(*tp))

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Offsets between batches need no list: owners keep one high-water mark."""


class Transport(driver.Transport):
    """`davy://host:port`: aiokafka underneath, batches on top."""

    Consumer: ClassVar[type[driver.Consumer]] = Consumer
