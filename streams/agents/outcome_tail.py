"""Reads outcomes for an owner, no further ahead of its predictions than fits into memory."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from aiokafka.errors import KafkaError

from streams.agents.batch import Batch, Partition
from streams.agents.context import Context
from streams.agents.outcome_feed import FETCH_MS, OutcomeFeed
from streams.agents.quiet import NEVER, Aged
from streams.agents.records import Records
from streams.agents.retention import Deleted
from streams.agents.tail import answered
from streams.errors import RegistryError
from streams.wire.outcome_columns import OutcomeColumns, decode_outcomes
from streams.wire.sparing import Sparing

if TYPE_CHECKING:
    from streams.agents.prediction_owner import PredictionOwner

logger = logging.getLogger(__name__)


class OutcomeTail:
    """Follows one partition of `outcomes` for as long as a live rollout awaits them."""

    def __init__(self, owner: PredictionOwner, partition: Partition, context: Context) -> None:
        self._owner, self._partition, self._context = owner, partition, context
        self._feed: OutcomeFeed | None = None
        self._task: asyncio.Task[None] | None = None
        self._moved = asyncio.Event()
        self._predictions, self._outcomes = Aged(), Aged()
        self._sparing = Sparing(logger.warning)

    @property
    def failure(self) -> BaseException | None:
        """Why reading stopped by itself, if it did."""
        ended = self._task is not None and self._task.done() and not self._task.cancelled()
        return self._task.exception() if self._task is not None and ended else None

    def wake(self) -> None:
        """Predictions were read."""
        self._moved.set()

    async def first_since(self, append_ms: int) -> int:
        """Offset of the first outcome that was received at this time or later."""
        return await (await self._connected()).first_since(append_ms)

    async def follow(self, offset: int) -> None:
        """Read from here on, as long as outcomes are awaited."""
        await self._rest()
        feed = await self._connected()
        self._lost(offset, await feed.seek(offset))
        self._task = asyncio.create_task(self._run(feed), name="outcomes")

    async def stop(self) -> None:
        """Stop reading and disconnect."""
        await self._rest()
        if self._feed is not None:
            await self._feed.stop()

    async def _rest(self) -> None:
        """Read no more for now."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _connected(self) -> OutcomeFeed:
        if self._feed is None:
            self._feed = OutcomeFeed(self._context.connection, self._partition)
            await self._feed.start()
        return self._feed

    async def _run(self, feed: OutcomeFeed) -> None:
        while self._owner.outcomes.wanted:
            if not self._owner.outcomes_wait:
                batch = await self._fetched(feed)
                if batch.begins_with_hole:
                    self._lost(batch.start, min(batch.first_offset, await self._begin(feed)))
                if batch.end > batch.start:
                    await self._owner.take_outcomes(batch, await self._decoded(batch))
                    continue
            else:
                await self._wait()
            await self._settle(feed)

    def _lost(self, wanted: int, begin: int) -> None:
        """Outcomes before `begin` were deleted unread."""
        if wanted < begin:
            gap = Deleted(partition=self._partition, wanted=wanted, earliest=begin)
            self._context.losses.tell(gap)
            self._owner.lose_outcomes(wanted, begin)

    async def _fetched(self, feed: OutcomeFeed) -> Batch:
        try:
            return await feed.fetch()
        except KafkaError as error:
            if not error.retriable:
                raise
            await self._wait()  # the broker is away; the next try tells
            return Batch(partition=self._partition, start=0, end=0, records=Records())

    async def _begin(self, feed: OutcomeFeed) -> int:
        """Where the log begins now; a broker that is away is waited for."""
        while True:
            try:
                return await feed.begin()
            except KafkaError as error:
                if not error.retriable:
                    raise
                await self._wait()

    async def _wait(self) -> None:
        """Until predictions were read, or for a while."""
        self._moved.clear()
        try:
            async with asyncio.timeout(FETCH_MS / 1000):
                await self._moved.wait()
        except TimeoutError:
            return

    async def _decoded(self, batch: Batch) -> OutcomeColumns:
        values = batch.records.values
        most = self._context.settings.max_event_bytes
        while True:
            try:
                return decode_outcomes(values, self._context.codec, max_event_bytes=most)
            except RegistryError as error:
                where = "{}-{}".format(*self._partition)
                await answered(error, f"{where}: {error}", self._sparing)

    async def _settle(self, feed: OutcomeFeed) -> None:
        """Where one log is read to its end, the other goes on."""
        order, now_s = self._owner.outcomes.order, asyncio.get_running_loop().time()
        self._predictions.hear(order.predictions_read_ms, now_s)
        self._outcomes.hear(order.outcomes_read_ms, now_s)
        predictions_ms = outcomes_ms = NEVER
        try:
            if order.waiting and await self._predictions_are_read():
                predictions_ms = self._outcomes.known(now_s)
            if order.closings and not order.waiting and await feed.is_read():
                outcomes_ms = self._predictions.known(now_s)
        except KafkaError as error:
            if not error.retriable:
                raise
        await self._owner.settle(predictions_ms=predictions_ms, outcomes_ms=outcomes_ms)

    async def _predictions_are_read(self) -> bool:
        end = await self._context.end_offset(self._owner.partition)
        return end <= self._owner.next_offset
