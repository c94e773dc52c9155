"""How does one partition of a source become panes, exactly once?

Batches are decoded and folded in memory; one flush writes changed cells, closed panes, progress,
dead-letters and the marker as one (rule 3). What is not flushed is folded again after a restart.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

from streams.agents import cells
from streams.agents.batch import Batch, Partition
from streams.agents.breaches import Breaches
from streams.agents.careful import fold_carefully
from streams.agents.cell_log import CellLog
from streams.agents.context import Context
from streams.agents.flusher import Flusher
from streams.agents.progress import FoldFacts
from streams.agents.records import Records
from streams.agents.sketch_records import SketchRecords
from streams.agents.sources import AnyFold, AnyForm
from streams.agents.tail import answered, read_into, read_range
from streams.agents.writer import OutRecord, handed_on, size_of
from streams.errors import LogError, RegistryError, StateError
from streams.panes.facts import ClosedPane, LiveRollout, Marker
from streams.panes.source_fold import Refused
from streams.spec.model import RolloutSpec
from streams.tracing.context import Headers
from streams.tracing.trail import Facts
from streams.wire.deadletter import dead_letter
from streams.wire.reasons import Reason
from streams.wire.sparing import Sparing

logger = logging.getLogger(__name__)

PATIENCE = 3
"""Failures of one batch before its records are suspected."""
BACKLOG = 5000
"""Closed panes and dead-letters that may wait while a flush is under way."""
LETTER_BYTES = 16 << 20
"""What those dead-letters may take in memory, about, before a last batch of them."""


class SketchOwner:
    """Folds one partition of a source; the only writer of what follows from it."""

    def __init__(self, partition: Partition, context: Context, form: AnyForm) -> None:
        self.partition = partition
        self.durable_offset = 0
        self.idle = False
        self._context = context
        self._form = form
        self._number = partition.partition
        self._name = f"{form.source}-{self._number}"
        self._clock = form.clock(context.settings)
        self._fold: AnyFold = form.new_fold(self._clock, Marker())
        self._records = SketchRecords(context, form, self._number)
        self._writer = context.writer(self._name)
        self._flusher = Flusher(self.flush, self._tick, context.settings.flush_ms / 1000)
        self._closed: list[ClosedPane[Any]] = []
        self._letters: list[OutRecord] = []
        self._activated: list[LiveRollout] = []
        self._ended: list[tuple[LiveRollout, list[tuple[str, int]]]] = []
        self._breaches = Breaches(form.source, partition, context)
        self._specs_version = -1
        self._sparing = Sparing(logger.warning)
        self._trail = context.trail()
        self._dirty_since: float | None = None
        self._fed_at = time.monotonic()
        self._quiet_end: int | None = None
        """Where the log ended at some time after the last record."""
        self._feeding = asyncio.Lock()
        self._flushing = asyncio.Lock()
        self._failure: BaseException | None = None

    @property
    def next_offset(self) -> int:
        """First offset not folded yet."""
        return self._fold.marker.next_offset

    @property
    def _standing(self) -> tuple[int, bool]:
        """What every judge is told of: up to which pane all has closed, or that nothing comes."""
        return self._fold.marker.closed_through, self.idle

    @property
    def failure(self) -> BaseException | None:
        """Why this owner can no longer be trusted, if so."""
        return self._failure or self._flusher.failure

    @property
    def facts(self) -> FoldFacts:
        """What it tells of itself."""
        since = self._dirty_since
        return FoldFacts(
            marker=self._fold.marker,
            unsaved_s=0.0 if since is None else time.monotonic() - since,
            epoch=self._records.epoch,
        )

    def fail(self, error: BaseException) -> None:
        """Trust this owner no longer: it writes nothing more. The first reason stays."""
        self._failure = self._failure or error

    async def load(self) -> None:
        """Fence the former owner, then read back what it made durable."""
        await self._writer.start()
        where = Partition(self._context.settings.topic("cells"), self._number)
        log = CellLog(self._form.source.value, fenced=self._context.transactional)
        await read_into(self._context.connection, where, log.take)
        stored = cells.restore(self._records.stored(log.records))
        self._check_clock(stored)
        begin = await self._breaches.begin(stored.marker.next_offset, stored.live)
        stored.marker = replace(stored.marker, next_offset=begin)
        self._fold = self._form.new_fold(self._clock, stored.marker)
        self._fold.open = stored.open
        for rollout in stored.live:
            self._fold.restore(rollout)
        self._fold.restore_parts(stored.parts, again=not self._context.transactional)
        self.idle = stored.idle
        self.durable_offset = stored.marker.next_offset
        await self._recall(stored)
        self._records.resume(stored)
        if not self._context.transactional:
            self._fold.dirty = set(stored.open)
        self._flusher.start()
        if self._breaches.waiting:
            self._changed(news=True)

    async def _recall(self, stored: cells.StoredState) -> None:
        """Read again what may still be repeated; without a known horizon there is nothing."""
        start, end = stored.horizon_offset, stored.marker.next_offset
        if not self._clock.dedupe or not 0 <= start < end:
            return
        connection = self._context.connection
        async for records in read_range(connection, self.partition, start, end):
            columns = await self._decoded_in_time(records)
            self._fold.recall(columns, *records.told_by_broker)

    async def _decoded_in_time(self, records: Records) -> Any:
        while True:
            try:
                return self._decoded(records)
            except RegistryError as error:
                await answered(error, f"{self._name}: {error}", self._sparing)

    async def feed(self, batch: Batch, failures: int = 0) -> None:
        """Decode and fold a batch that starts at `next_offset`."""
        async with self._feeding:
            await self._follow_specs()
            before = self._standing
            self._breaches.count(self._fold.live)
            self._breaches.look(batch, self._fold.live)
            if failures < PATIENCE:
                self._fold_batch(self._fold, batch)
            else:
                self._fold = fold_carefully(self._fold, batch, self._fold_batch, self._give_up)
            self._trail.hear(batch.records)
            if batch.records:
                self._fed_at, self._quiet_end, self.idle = time.monotonic(), None, False
            self._changed(news=self._standing != before or self._breaches.waiting)
        many = len(self._closed) + len(self._letters) > BACKLOG
        if many or sum(map(size_of, self._letters)) > LETTER_BYTES:
            await self.flush()

    def _changed(self, *, news: bool) -> None:
        """Something is to be saved; `news` do not wait until a flush is due."""
        if self._dirty_since is None:
            self._dirty_since = time.monotonic()
        if news:
            self._flusher.wake()

    async def flush(self) -> None:
        """Write what changed since the last flush as one; returns when the broker has it.

        After a flush that failed nothing may follow: its panes would be behind the next marker.

        Raises:
            LogError: this owner has failed.
        """
        async with self._flushing:
            if self.failure is not None:
                raise LogError(f"{self._name}: not flushed after a failure")
            if self._dirty_since is not None:
                try:
                    await self._flush()
                except BaseException as error:
                    self.fail(error)
                    raise

    async def close(self) -> None:
        """Stop in the background; nothing more is written."""
        await self._flusher.stop()
        await self._writer.stop()

    async def _flush(self) -> None:
        await self._breaches.ask()
        self._dirty_since = None
        position = self.next_offset
        first, last = self._render()
        took = self._context.meters.flush_seconds.labels(self._form.source)
        with took.time(), self._span() as headers:
            panes = self._context.settings.topic("panes")
            await self._writer.write(handed_on(first, panes, headers), last)
        self.durable_offset = position

    def _span(self) -> AbstractContextManager[Headers]:
        """Around a flush: traces of events, once panes up to their receipt have closed."""
        facts: Facts = {"davy.source": self._form.source.value, "davy.partition": self._number}
        closed_ms = (self._fold.marker.closed_through + 1) * self._clock.pane_ms
        return self._trail.step("davy.fold", facts, until_ms=closed_ms)

    def _fold_batch(self, fold: AnyFold, batch: Batch) -> None:
        records = batch.records
        columns = self._decoded(records)
        closed, refused = fold.fold(columns, *records.told_by_broker, end_offset=batch.end)
        letters = [self._letter(self.partition, records[r.row], r) for r in refused]
        self._closed += closed
        self._letters += letters
        self._context.meters.panes_closed.labels(*self.partition).inc(len(closed))

    def _decoded(self, records: Records) -> Any:
        most = self._context.settings.max_event_bytes
        return self._form.decode(records.values, self._context.codec, most)

    def _give_up(self, record: Any) -> None:
        detail = "see the worker's log for the exception"
        refused = Refused(row=0, reason=Reason.UNPROCESSABLE, detail=detail)
        self._letters.append(self._letter(self.partition, record, refused))

    def _letter(self, source: Partition, record: Any, refused: Refused) -> OutRecord:
        topic = self._context.settings.topic("dead-letters")
        self._context.meters.dead_letters.labels(source.topic, refused.reason).inc()
        letter = dead_letter(topic, source, record, refused.reason, refused.detail)
        return OutRecord(
            topic=letter.topic, key=letter.key, value=letter.value, headers=letter.headers
        )

    async def _follow_specs(self) -> None:
        """Make specs live (or end them) at this offset; durable before anything is folded."""
        if self._specs_version == self._context.specs.version:
            return
        self._specs_version = self._context.specs.version
        wanted = self._context.specs.live()
        for name in sorted(wanted.keys() - self._fold.live.keys()):
            self._activated.append(await self._activate(wanted[name]))
            self._changed(news=False)
        for name in sorted(self._fold.live.keys() - wanted.keys()):
            rollout = self._fold.live[name]
            self._ended.append((rollout, self._fold.deactivate(name)))
            self._changed(news=False)
        await self.flush()

    async def _activate(self, spec: RolloutSpec) -> LiveRollout:
        """Count for a rollout from the next offset on."""
        return self._fold.activate(spec)

    async def _tick(self) -> None:
        async with self._feeding:
            await self._follow_specs()
            if self._breaches.count(self._fold.live):
                self._changed(news=True)
            await self._notice_idleness()

    async def _notice_idleness(self) -> None:
        """Declare idleness only once all is read that the broker had when it had become quiet.

        What is aborted again and again moves the log's end, and is no event.
        """
        quiet_s = time.monotonic() - self._fed_at
        if self.idle or quiet_s < self._context.settings.idle_ms / 1000:
            return
        if self._quiet_end is None:
            self._quiet_end = await self._context.end_offset(self.partition)
        if self._quiet_end <= self.next_offset:
            self.idle = True
            self._changed(news=True)

    def _render(self) -> tuple[list[OutRecord], list[OutRecord]]:
        closed, self._closed = self._closed, []
        letters, self._letters = self._letters, []
        activated, self._activated = self._activated, []
        ended, self._ended = self._ended, []
        dirty, self._fold.dirty = self._fold.dirty, set()
        return self._records.render(
            self._fold,
            idle=self.idle,
            closed=closed,
            letters=letters,
            activated=activated,
            breaches=self._breaches.take(),
            ended=ended,
            dirty=dirty,
        )

    def _check_clock(self, stored: cells.StoredState) -> None:
        clock = self._clock
        before = (stored.pane_ms, stored.lateness_ms)
        if stored.live and before != (clock.pane_ms, clock.lateness_ms):
            raise StateError(
                f"{self._name}: live rollouts were folded with pane_ms, lateness_ms = "
                f"{before}, the settings say {(clock.pane_ms, clock.lateness_ms)}; keep the old "
                "values until the live rollouts have ended"
            )
