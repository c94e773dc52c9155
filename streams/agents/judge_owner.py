"""How do closed panes become decisions, each exactly once?

Owns one partition of `panes` and so every rollout whose key falls there. It steps pane by pane;
state and decision go out as one. The state carries its decision in an outbox, so that a broker
without transactions loses none and repeats none either.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from typing import Any

from streams.agents.at_once import at_once
from streams.agents.batch import Batch, Partition
from streams.agents.context import Context
from streams.agents.controls import ControlTail
from streams.agents.desk import Desk, ended_at
from streams.agents.flusher import Flusher
from streams.agents.judge_records import JudgeRecords
from streams.agents.leases import Leases
from streams.agents.pane_batches import PaneBatches
from streams.agents.progress import JudgedFacts
from streams.agents.writer import OutRecord, PlainWriter
from streams.errors import LogError
from streams.judge.decision_facts import Decision
from streams.spec.model import RolloutSpec
from streams.tracing.context import Headers
from streams.tracing.trail import Facts, Trail
from streams.wire.own import NOBODYS, Unreadable

logger = logging.getLogger(__name__)

TOGETHER = 8
"""Rollouts in a transaction: a slow broker must take them before it gives the transaction up."""

Made = tuple[Desk, Decision]
"""A desk, and the decision that it has just come to."""


class JudgeOwner:
    """Judges the rollouts of one partition; the only writer of their decisions."""

    def __init__(self, partition: Partition, context: Context) -> None:
        self.partition = partition
        self.next_offset = 0
        self._context = context
        self._number = partition.partition
        self._id = f"judge-{self._number}"
        self._writer = context.writer(self._id)
        self._records = JudgeRecords(context, self._number)
        self._panes = PaneBatches(context.codec)
        self._controls = ControlTail(context, self._number)
        self._leases = Leases(context, self._number, PlainWriter(context.connection))
        interval_s = context.settings.flush_ms / 1000
        self._beats = Flusher(self.flush, self._beat, interval_s)
        self._goes_on = Flusher(self.flush, self._go_on, interval_s)
        self._desks: dict[str, Desk] = {}
        self._ended: set[str] = set()
        self._last: dict[str, Decision] = {}
        """Rollout -> the last decision made here."""
        self._trails: dict[str, Trail] = {}
        """Rollout -> traces that led to its next decision."""
        self._knows_specs = False
        self._stepping = asyncio.Lock()
        self._failure: BaseException | None = None

    @property
    def durable_offset(self) -> int:
        """First offset of `panes` that a restart would read again."""
        return min((d.durable_offset for d in self._desks.values()), default=self.next_offset)

    @property
    def failure(self) -> BaseException | None:
        """Why this owner can no longer be trusted, if so."""
        found = (self._beats.failure, self._goes_on.failure, self._controls.failure)
        return self._failure or next(filter(None, found), None)

    @property
    def facts(self) -> tuple[JudgedFacts, ...]:
        """What it tells of each rollout that it judges."""
        return tuple(
            JudgedFacts(
                rollout=rollout,
                service=desk.spec.service,
                pane=desk.cut.pane,
                lease_s=self._leases.age_s(rollout),
                last=self._last.get(rollout),
            )
            for rollout, desk in sorted(self._desks.items())
        )

    def fail(self, error: BaseException) -> None:
        """Trust this owner no longer. The first reason stays."""
        self._failure = self._failure or error

    async def load(self) -> None:
        """Fence the former owner, read back every rollout's state, finish its outbox."""
        await self._writer.start()  # first: nothing may be written behind what is read now
        states, *_ = await at_once(
            self._records.stored(), self._controls.start(), self._leases.start()
        )
        for rollout, record in sorted(states.items()):
            await self._restore(rollout, record)
        if not self._context.transactional:
            await self._writer.write(await self._records.missing(states))
        live = [desk.resume_offset for desk in self._desks.values()]
        self.next_offset = min(
            live, default=max((r["panes_offset"] for r in states.values()), default=0)
        )
        self._beats.start()
        self._goes_on.start()

    async def feed(self, batch: Batch, failures: int = 0) -> None:  # noqa: ARG002
        """Take panes and progress, then judge what is due; a bad record blocks, loudly.

        A batch may hold minutes of panes. Where partitions change hands the group waits for this
        worker: what is left is fetched again, and the record under way goes on where it was left.
        """
        async with self._stepping:
            if self.failure is not None:  # it may have decided what it could not write
                raise LogError(f"{self._id}: not fed after a failure") from self.failure
            self._knows_specs = False
            if not await self._step_all():  # what was left due comes before what is new
                return
            for record, read in self._panes.read(batch.records):
                await self._take(record, read)  # and step by record: batches must leave no trace
                if not await self._step_all():
                    return
                self.next_offset = record.offset + 1
                await asyncio.sleep(0)  # leases and health get their turn in a long batch
            self.next_offset = batch.end

    async def flush(self) -> None:
        """Nothing waits here: state goes out with each decision."""

    async def close(self) -> None:
        """Stop in the background and disconnect."""
        await asyncio.gather(self._beats.stop(), self._goes_on.stop())
        await self._controls.stop()
        await self._leases.stop()
        await self._writer.stop()

    async def _beat(self) -> None:
        """Heartbeats, while panes can be judged; decisions come from panes alone."""
        if self.failure is None:
            await self._leases.beat(self._judged)

    async def _go_on(self) -> None:
        """Judge what a former owner left due when it let go: no further record may ever come."""
        if self._stepping.locked() or self._lets_go:
            return
        async with self._stepping:
            try:
                await self._step_all()
            except BaseException as error:
                self.fail(error)
                raise

    @property
    def _lets_go(self) -> bool:
        """Whether nothing further may be begun."""
        return self._context.leaving() or self.failure is not None

    def _judged(self) -> list[tuple[RolloutSpec, int]]:
        """Live rollouts, each with its last pane."""
        return [(desk.spec, desk.cut.pane) for desk in self._desks.values()]

    async def _take(self, record: Any, read: Mapping[str, Any] | None) -> None:
        decoded = read or await self._read(record)
        if decoded is None:
            return
        name, body = decoded["body"]
        if name == "davy.Activation" and body["until_offset"] is None:
            await self._open_desk(body["rollout"], record.offset)
        for desk in self._desks.values():
            take = partial(desk.take, record.offset, decoded)
            self._context.own.used("panes", record, take)
        if trail := self._trails.get(body.get("rollout", "")):
            trail.hear((record,))

    async def _read(self, record: Any) -> dict[str, Any] | None:
        """The decoded record; None where it is of nobody whom this owner judges."""
        try:
            return self._context.own.read("panes", record)
        except Unreadable:
            if not self._knows_specs:  # once per batch: its records are older than this
                await self._context.specs.catch_up()
                self._knows_specs = True
            if self._records.concerns(record):
                raise
            self._context.own.skip(record, NOBODYS)
            return None

    async def _open_desk(self, rollout: str, offset: int) -> None:
        """Begin to judge a rollout; its spec was on the log before its activation."""
        if rollout in self._desks or rollout in self._ended:
            return
        spec = self._context.specs.get(rollout)
        if spec is None:
            await self._context.specs.catch_up()
            spec = self._context.specs.get(rollout)
        if spec is None:
            logger.error("rollout %s: activated, but `rollouts` holds no spec of it", rollout)
            return
        desk = Desk(spec, offset)
        self._adopt(desk)
        await self._save([(desk, [])])

    def _adopt(self, desk: Desk) -> None:
        self._desks[desk.spec.rollout] = desk
        self._trails[desk.spec.rollout] = self._context.trail()
        self._controls.adopt(desk)

    async def _step_all(self) -> bool:
        """Judge what is due; False where the worker lets go before all of it is."""
        while made := await self._made():
            await self._publish(made)
            if self._lets_go:
                return False
        return not self._lets_go

    async def _made(self) -> list[Made]:
        """The next decision of each rollout that comes to one, of so many; they go out as one.

        Many rollouts decide at the same panes: a transaction for each would take most of the time.
        """
        made: list[Made] = []
        for name in sorted(self._desks):
            if len(made) == TOGETHER or (made and self._lets_go):
                break
            desk = self._desks[name]
            if (decision := self._step(desk)) is not None:
                made.append((desk, decision))
                await asyncio.sleep(0)  # to judge takes milliseconds
        return made

    def _step(self, desk: Desk) -> Decision | None:
        """As far as the controls are read; where retention has emptied one, as far as ever."""
        read, cut = self._controls.read, desk.cut
        return desk.step(
            rollouts=max(read["rollouts"], cut.rollouts_offset),
            commands=max(read["commands"], cut.commands_offset),
            routing=max(read["routing"], cut.routing_offset),
        )

    async def _publish(self, made: Sequence[Made]) -> None:
        """Write decisions, at most one of a rollout, and the states that they lead to."""
        states, decisions = [], []
        with ExitStack() as spans:
            for desk, decision in made:
                headers = spans.enter_context(self._span(decision))
                value = self._records.value(desk.body)
                states.append((desk, [value]))
                decisions.append(self._records.decision(decision.rollout, value, headers))
            await self._save(states, decisions)
        for desk, decision in made:
            self._decided(desk, decision)
        for desk, _ in made:
            if desk.ended:
                await self._leases.end(desk.spec, desk.cut.pane)

    def _span(self, decision: Decision) -> AbstractContextManager[Headers]:
        facts: Facts = {"davy.rollout": decision.rollout, "davy.seq": decision.seq}
        return self._trails[decision.rollout].step("davy.judge", facts)

    def _decided(self, desk: Desk, decision: Decision) -> None:
        """Tell of a decision that is on the log; after the last one let go of the rollout."""
        rollout = decision.rollout
        self._context.meters.decided(decision)
        self._last[rollout] = decision
        logger.info(
            "rollout %s: #%d %s: %s",
            rollout,
            decision.seq,
            decision.action,
            decision.reason,
        )
        if desk.ended:
            self._desks.pop(rollout)
            self._controls.release(rollout)
            self._ended.add(rollout)
            del self._last[rollout], self._trails[rollout]

    async def _save(
        self, states: Sequence[tuple[Desk, list[bytes]]], decisions: Sequence[OutRecord] = ()
    ) -> None:
        """Write where desks stand, with the values of their decisions, and these as one."""
        offsets = [desk.resume_offset for desk, _ in states]
        await self._writer.write([self._records.state(*each) for each in states], decisions)
        for (desk, _), offset in zip(states, offsets, strict=True):
            desk.durable_offset = offset

    async def _restore(self, rollout: str, record: dict[str, Any]) -> None:
        spec = self._context.specs.get(rollout)
        last_pane = ended_at(record)
        if last_pane is not None:
            self._ended.add(rollout)
            self._controls.release(rollout)
            if rollout in self._context.specs.live() and spec is not None:
                await self._leases.end(spec, last_pane)
        elif spec is not None:
            self._adopt(Desk.from_record(spec, record))
        else:
            logger.error("rollout %s: is being judged, but `rollouts` holds no spec", rollout)
