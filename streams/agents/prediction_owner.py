"""How do predictions and their outcomes become panes and cohorts, exactly once?

One owner folds partition p of `predictions` and of `outcomes`; both go out in its flush.
"""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import replace

from streams.agents.batch import Batch, Partition
from streams.agents.context import Context
from streams.agents.outcome_records import OutcomeRecords
from streams.agents.outcome_tail import OutcomeTail
from streams.agents.partitioner import misplaced, remedy
from streams.agents.progress import FoldFacts
from streams.agents.sketch_owner import BACKLOG, LETTER_BYTES, SketchOwner
from streams.agents.sources import PREDICTIONS
from streams.agents.writer import OutRecord, size_of
from streams.panes.cohorts import Cohort
from streams.panes.facts import LiveRollout, Source
from streams.panes.fold import PartitionFold
from streams.panes.outcomes.fold import OutcomeFold
from streams.panes.source_fold import Refused
from streams.spec.model import RolloutSpec
from streams.wire.outcome_columns import OutcomeColumns
from streams.wire.sparing import Sparing

logger = logging.getLogger(__name__)

MOST_WAITING = 50_000
"""Outcomes that may wait for predictions to be read."""


class PredictionOwner(SketchOwner):
    """Folds one partition of `predictions`, and joins the same partition of `outcomes`."""

    _fold: PartitionFold

    def __init__(self, partition: Partition, context: Context) -> None:
        super().__init__(partition, context, PREDICTIONS)
        where = Partition(context.settings.topic("outcomes"), partition.partition)
        self._tail = OutcomeTail(self, where, context)
        self._told: list[Cohort] = []
        self._unread: deque[tuple[int, OutRecord]] = deque()
        """Dead letters of outcomes by offset; they go out once the join has passed them."""
        self._outcome_records = OutcomeRecords(self._records)
        self._sparing = Sparing(logger.error)

    @property
    def outcomes(self) -> OutcomeFold:
        """The joins of this partition, as far as folded."""
        return self._fold.outcomes

    @property
    def outcomes_wait(self) -> bool:
        """Whether enough outcomes, or dead letters of them, wait for predictions to be read."""
        many = self.outcomes.order.rows + len(self._unread) >= MOST_WAITING
        return many or sum(size_of(letter) for _, letter in self._unread) > LETTER_BYTES

    @property
    def failure(self) -> BaseException | None:
        """Why this owner can no longer be trusted, if so."""
        return super().failure or self._tail.failure

    @property
    def facts(self) -> FoldFacts:
        """What it tells of itself, and what became of its outcomes."""
        return replace(super().facts, outcomes=dict(self.outcomes.counts))

    async def load(self) -> None:
        """Fence the former owner, read back what it made durable, go on where its join stands."""
        await super().load()
        if self.outcomes.wanted:
            await self._tail.follow(self.outcomes.order.next_offset)

    async def feed(self, batch: Batch, failures: int = 0) -> None:
        """Decode and fold a batch that starts at `next_offset`, and join what it lets join."""
        await super().feed(batch, failures)
        async with self._feeding:
            self._check_keys(batch)
            self._merge()
        self._tail.wake()

    async def close(self) -> None:
        """Stop in the background; nothing more is written."""
        await self._tail.stop()
        await super().close()

    async def take_outcomes(self, batch: Batch, columns: OutcomeColumns) -> None:
        """Take decoded outcomes, and join as far as both logs are known."""
        async with self._feeding:
            append_ms, offsets = batch.records.told_by_broker
            for each in columns.rejected:
                refused = Refused(row=each.row, reason=each.reason, detail=each.detail)
                letter = self._letter(batch.partition, batch.records[each.row], refused)
                self._unread.append((int(offsets[each.row]), letter))
                self._changed(news=False)
            self._trail.hear(batch.records)
            self.outcomes.order.outcomes_taken(
                columns, append_ms, offsets, start=batch.start, end=batch.end
            )
            self._check_keys(batch)
            self._merge()
        await self._flush_backlog()

    def lose_outcomes(self, first: int, end: int) -> None:
        """Outcomes from `first` on, `end` excluded, were deleted before they were read."""
        self.outcomes.ended["lost"] += end - first
        self._breaches.lost(Source.OUTCOMES, first, end, self._fold.live.values())
        self._changed(news=True)

    async def settle(self, *, predictions_ms: int, outcomes_ms: int) -> None:
        """All that was received up to these times has been read; join what waited for that."""
        async with self._feeding:
            order = self.outcomes.order
            order.predictions_known_ms = max(order.predictions_known_ms, predictions_ms)
            order.outcomes_known_ms = max(order.outcomes_known_ms, outcomes_ms)
            self._merge()
        await self._flush_backlog()

    async def _flush_backlog(self) -> None:
        if len(self._told) > BACKLOG:
            await self.flush()

    def _merge(self) -> None:
        fold = self.outcomes
        offset, joined = fold.order.next_offset, fold.joined_through
        self._told += fold.merge()
        news = bool(self._told or self._unread) or fold.joined_through != joined
        if news or fold.order.next_offset != offset:
            self._changed(news=news)

    async def _activate(self, spec: RolloutSpec) -> LiveRollout:
        """Count for a rollout from here on; where nobody awaited outcomes, begin to read them."""
        order = self.outcomes.order
        if spec.outcomes and not self.outcomes.wanted:
            self._unread.clear()  # what was not passed on is read again, or counts for nobody
            first = await self._tail.first_since(order.predictions_read_ms)
            order.end = max(first, order.end)
            await self._tail.follow(order.end)
        return self._fold.activate(spec, order.next_offset)

    def _render(self) -> tuple[list[OutRecord], list[OutRecord]]:
        again = bool(self._activated)
        letters = self._passed_letters()
        first, last = super()._render()
        told, self._told = self._told, []
        records = [*first, *self._outcome_records.cohorts(told), *letters]
        if self.outcomes.wanted:
            idle = self.idle and not self.outcomes.order.closings
            records += self._outcome_records.progress(
                self.outcomes.joined_through, self.outcomes.counts, idle=idle, again=again
            )
        return records, last

    def _passed_letters(self) -> list[OutRecord]:
        """Dead letters that a restart would not find again."""
        found, passed = [], self.outcomes.order.next_offset
        while self._unread and self._unread[0][0] < passed:
            found.append(self._unread.popleft()[1])
        self.outcomes.ended["dead"] += len(found)
        return found

    def _check_keys(self, batch: Batch) -> None:
        if not self.outcomes.wanted:
            return
        partitions = self._context.settings.source_partitions
        wrong = misplaced(batch.records, batch.partition.partition, partitions)
        if wrong:
            self.outcomes.ended["mispartitioned"] += wrong
            self._sparing.say(batch.partition.topic, remedy(batch.partition.topic))
