"""How do agents get whole fetched batches instead of single events?

A Faust transport on the aiokafka driver. Faust keeps the group protocol, flow control and
recovery; this file changes what one message is (a `Batch`), where partitions are sought after a
rebalance (where their owner's state says), and what counts as committed (what owners have made
durable). It reads no further ahead of the agents than `WAITING_BYTES` a topic. In the end offsets
decide: owners skip what they have counted and ask for a re-seek where records are missing.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, cast

from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage

from streams.agents.batch import Batch, Partition, Place
from streams.agents.ending import in_time
from streams.agents.fetching import ConsumerThread
from streams.errors import StalledError

if TYPE_CHECKING:
    from streams.agents.app import DavyApp
    from streams.agents.ownership import Ownership

WAITING_BYTES = 16 << 20
"""Fetched and not yet folded, by topic, before a last batch of `BATCH_BYTES`."""
TURN_S = 0.25
"""While the judge has panes to look at, sources are fetched no more often than that."""
PRESSED_S = 0.02
"""How soon a topic is looked at again whose agent has enough to do."""


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
        fetched, active = await self._wait_next_records(timeout)
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

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:  # noqa: ASYNC109
        """Fetch, but nothing of a pressed topic.

        Faust changes its set of active partitions from this thread while the other one fetches:
        that one gets a copy, without pressed topics.
        """
        pressed = self._pressed_topics()
        wanted = {tp for tp in active_partitions or () if tp.topic not in pressed}
        if wanted:
            return await super()._getmany(wanted, PRESSED_S if pressed else timeout)
        await asyncio.sleep(PRESSED_S)
        return {}

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
        if not assigned and not self.app.should_stop:
            time = self.ownership.move()
            await self.ownership.take(())
            self.ownership.moved(time)

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Make everything durable before others own it; Faust sees to that until it stops."""
        self.ownership.move()
        await super().on_partitions_revoked(revoked)
        if self.app.should_stop:
            await self._finish(self.ownership.flush())

    async def perform_seek(self) -> None:
        """Load the state of every assigned partition, then seek to where it ends."""
        time = self.ownership.move()
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
        finally:
            self.ownership.moved(time)

    def place(self, partition: Partition) -> Place | None:
        """How far this partition was fetched and handed on; None before its first seek."""
        return cast("ConsumerThread", self._thread).place(partition)

    async def wait_empty(self) -> None:
        """Runs on revocation and shutdown: make everything durable first."""
        if self.app.should_stop:
            await self._finish(self._empty())
        else:
            await self._empty()

    async def _empty(self) -> None:
        await self.ownership.flush()
        await super().wait_empty()

    async def _finish(self, step: Coroutine[Any, Any, None]) -> None:
        """What a worker that stops still does, as long as there is time."""
        deadline = cast("DavyApp", self.app).deadline
        deadline.begin()
        late = "not all was made durable; the rest is folded again by the next owner"
        await in_time(step, deadline.left_s, late)

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
