"""One flush is one truth: after one that failed, nothing follows."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, cast

import pytest

from streams.agents.batch import Batch, Partition
from streams.agents.context import Context
from streams.agents.counts import CountWatch
from streams.agents.records import Records
from streams.agents.retention import Losses
from streams.agents.sketch_owner import SketchOwner
from streams.agents.sources import PREDICTIONS
from streams.agents.writer import LogWriter, OutRecord
from streams.errors import LogError
from streams.settings import Settings
from streams.spec.model import RolloutSpec
from streams.wire.codec import Codec
from streams.wire.own import OwnRecords
from streams.wire.sparing import Sparing
from streams.wire.store import LocalSchemaStore
from tests.agents.pipeline import START_MS, Traffic, spec

CODEC = Codec(LocalSchemaStore())
SOURCE = Partition("predictions", 0)


@dataclass(frozen=True)
class Record:
    """A consumed record, as far as an owner reads it."""

    offset: int
    value: bytes | None
    timestamp: int
    key: bytes | None = None
    topic: str = SOURCE.topic
    partition: int = SOURCE.partition


@dataclass
class MemoryWriter:
    """Keeps flushes; fails as often as it is told to."""

    failures: int = 0
    flushes: list[list[OutRecord]] = field(default_factory=list)
    flushed: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self) -> None:
        pass

    async def write(self, first: Sequence[OutRecord], last: Sequence[OutRecord] = ()) -> None:
        if self.failures:
            self.failures -= 1
            raise LogError("the flush did not commit")
        self.flushes.append([*first, *last])
        self.flushed.set()

    async def stop(self) -> None:
        pass

    async def next_bodies(self, topic: str) -> list[tuple[str, dict[str, Any]]]:
        """Bodies of a topic, once there is a flush since `forget`."""
        async with asyncio.timeout(30):
            await self.flushed.wait()
        return self.bodies(topic)

    def forget(self) -> None:
        """What was flushed so far is of no interest."""
        self.flushes.clear()
        self.flushed.clear()

    def bodies(self, topic: str) -> list[tuple[str, dict[str, Any]]]:
        """Bodies of all records of a topic, in order."""
        written = (record for flush in self.flushes for record in flush)
        values = (record.value for record in written if record.topic == topic and record.value)
        return [CODEC.decode(topic, value)["body"] for value in values]


@dataclass
class MemorySpecs:
    """Live specs without a log."""

    specs: dict[str, RolloutSpec] = field(default_factory=dict)
    version: int = 0

    def home(self, rollout: str) -> int:  # noqa: ARG002 - all in one place
        return 0

    def live(self) -> dict[str, RolloutSpec]:
        return dict(self.specs)

    def apply(self, rollout: RolloutSpec) -> None:
        self.specs[rollout.rollout] = rollout
        self.version += 1


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryContext(Context):
    """Hands its one writer to every owner."""

    out: MemoryWriter

    def writer(self, what: str) -> LogWriter:  # noqa: ARG002 - one for all
        return self.out


async def nothing_to_read(_: Partition) -> int:
    return 0


def context_of(
    out: MemoryWriter, specs: MemorySpecs, settings: Settings, *, transactional: bool = True
) -> MemoryContext:
    """What an owner gets, all in memory."""
    return MemoryContext(
        settings=settings,
        codec=CODEC,
        own=OwnRecords(CODEC, Sparing(print)),
        specs=cast("Any", specs),
        transactional=transactional,
        counts=CountWatch(settings),
        losses=Losses(),
        begin_offset=nothing_to_read,
        end_offset=nothing_to_read,
        out=out,
    )


def owner_of(out: MemoryWriter, specs: MemorySpecs, **settings: Any) -> SketchOwner:
    """An owner that starts from nothing."""
    context = context_of(out, specs, Settings(lateness_ms=0, future_ms=1 << 50, **settings))
    return SketchOwner(SOURCE, context, PREDICTIONS)


def batches(size: int, seconds: float = 6.0) -> Iterator[Batch]:
    """Made-up traffic, cut into batches."""
    records = [
        Record(offset=offset, value=CODEC.encode("predictions", event), timestamp=START_MS)
        for offset, event in enumerate(Traffic(seconds=seconds, rate=50).events(START_MS))
    ]
    for start in range(0, len(records), size):
        part = records[start : start + size]
        yield Batch(partition=SOURCE, start=start, end=start + len(part), records=Records(part))


class TestFlush:
    async def test_nothing_follows_a_flush_that_failed(self) -> None:
        """The panes of a failed flush must not be left behind by the next marker."""
        out = MemoryWriter()
        owner = owner_of(out, MemorySpecs({"digits-v2": spec()}))
        first, second, *_ = batches(120)
        await owner.feed(first)
        out.failures = 1
        with pytest.raises(LogError):
            await owner.flush()
        before = len(out.flushes)
        await owner.feed(second)
        with pytest.raises(LogError):
            await owner.flush()
        assert (len(out.flushes), owner.failure is None) == (before, False)

    async def test_a_failed_owner_writes_nothing(self) -> None:
        """What was folded before the failure may be half of a batch."""
        out = MemoryWriter()
        owner = owner_of(out, MemorySpecs({"digits-v2": spec()}))
        await owner.feed(next(batches(120)))
        before = len(out.flushes)
        owner.fail(ValueError("in the middle of a batch"))
        with pytest.raises(LogError):
            await owner.flush()
        assert len(out.flushes) == before


class TestNews:
    """What judges wait for is flushed at once, however rarely the rest is."""

    async def started(self, out: MemoryWriter, specs: MemorySpecs, **settings: Any) -> SketchOwner:
        """An owner that has folded a batch and flushes by itself."""
        owner = owner_of(out, specs, flush_ms=3_600_000, **settings)
        await owner.feed(self.batch(0))
        await owner.flush()
        owner._flusher._wake.clear()
        out.forget()
        owner._flusher.start()
        return owner

    def batch(self, number: int) -> Batch:
        """So many tenths of a second of traffic, one after the other."""
        return next(islice(batches(5), number, None))

    async def test_the_watermark_moves_though_nothing_closes(self) -> None:
        """A partition may hold nothing of a rollout whose other partitions wait for it."""
        specs = MemorySpecs({"other": spec("other", service="another")})
        owner = await self.started(out := MemoryWriter(), specs)
        for number in range(1, 20):
            await owner.feed(self.batch(number))
        told = dict(await out.next_bodies("panes"))
        assert told["davy.Progress"]["closed_through"] >= START_MS // 1000
        await owner._flusher.stop()

    async def test_a_partition_is_idle_no_longer(self) -> None:
        """Until that is known, panes are judged without it."""
        owner = await self.started(out := MemoryWriter(), MemorySpecs({"digits-v2": spec()}))
        owner.idle = True
        owner._changed(news=False)
        await owner.flush()
        out.forget()
        await owner.feed(self.batch(1))
        told = dict(await out.next_bodies("panes"))
        assert told["davy.Progress"]["idle"] is False
        await owner._flusher.stop()

    async def test_a_partition_becomes_idle(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("streams.agents.flusher.TICK_S", 0.01)
        specs = MemorySpecs({"digits-v2": spec()})
        owner = await self.started(out := MemoryWriter(), specs, idle_ms=1)
        told = dict(await out.next_bodies("panes"))
        assert told["davy.Progress"]["idle"] is True
        await owner._flusher.stop()

    async def test_what_brings_no_record_ends_no_quiet(self) -> None:
        """A producer whose transactions are all aborted: the marker moves, nobody is woken."""
        specs = MemorySpecs({"digits-v2": spec()})
        owner = owner_of(out := MemoryWriter(), specs, flush_ms=3_600_000)
        await owner.feed(self.batch(0))
        await owner.flush()
        owner._flusher._wake.clear()
        out.forget()
        owner.idle, heard_at = True, owner._fed_at
        for start in range(5, 15):
            nothing = Batch(partition=SOURCE, start=start, end=start + 1, records=Records())
            await owner.feed(nothing)
        assert (owner.next_offset, owner.idle, owner._fed_at) == (15, True, heard_at)
        assert (owner._flusher._wake.is_set(), out.flushes) == (False, [])
        await owner.flush()
        assert (owner.durable_offset, len(out.flushes)) == (15, 1)

    async def test_aborts_that_go_on_and_on_are_no_events(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Each moves the log's end: whoever waited to stand there would wait for ever."""
        monkeypatch.setattr("streams.agents.flusher.TICK_S", 0.01)
        owner = owner_of(out := MemoryWriter(), MemorySpecs({"digits-v2": spec()}), idle_ms=1)

        async def ahead(_: object) -> int:
            return owner.next_offset + 3

        owner._context = replace(owner._context, end_offset=ahead)
        owner._flusher.start()
        while not owner.idle:
            end = owner.next_offset + 1
            await owner.feed(Batch(partition=SOURCE, start=end - 1, end=end, records=Records()))
            await asyncio.sleep(0)
        told = dict(await out.next_bodies("panes"))
        assert told["davy.Progress"]["idle"] is True
        await owner._flusher.stop()

    async def test_something_could_not_be_counted(self) -> None:
        owner = await self.started(out := MemoryWriter(), MemorySpecs({"digits-v2": spec()}))
        owner._context.counts.found({"outcomes": (4, 5)})
        await owner.feed(self.batch(1))
        assert "davy.Breach" in dict(await out.next_bodies("panes"))
        await owner._flusher.stop()

    async def test_without_any_it_waits(self) -> None:
        """Writing what has changed of open panes at each batch would cost more than folding it."""
        owner = await self.started(out := MemoryWriter(), MemorySpecs({"digits-v2": spec()}))
        for number in range(1, 3):
            await owner.feed(self.batch(number))
        assert owner.facts.unsaved_s > 0
        assert not owner._flusher._wake.is_set()
        assert not out.flushes
        await owner._flusher.stop()


class TestBreaches:
    """What an owner cannot count it tells in the flush whose marker passes it."""

    def context(self, out: MemoryWriter, begin: int) -> MemoryContext:
        async def begins(_: Partition) -> int:
            return begin

        settings = Settings(lateness_ms=0, future_ms=1 << 50)
        context = context_of(out, MemorySpecs({"digits-v2": spec()}), settings)
        return replace(context, begin_offset=begins)

    async def told(self, begin: int) -> list[tuple[str, dict[str, Any]]]:
        """Bodies of the flush in which the hole from 100 to 149 was passed."""
        context = self.context(out := MemoryWriter(), begin)
        owner = SketchOwner(SOURCE, context, PREDICTIONS)
        first, second, third, *_ = batches(50)
        await owner.feed(first)
        await owner.feed(second)
        await owner.flush()
        out.flushes.clear()
        await owner.feed(replace(third, records=Records(third.records[25:])))
        await owner.flush()
        return out.bodies("panes")

    async def test_deleted(self) -> None:
        """Before the panes that lack them; what the log still held is not lost."""
        name, body = (await self.told(120))[0]
        assert name == "davy.Breach"
        assert (body["kind"], body["topic"]) == ("records_lost", "predictions")
        assert (body["partition"], body["first"], body["last"]) == (0, 100, 119)

    async def test_a_marker_of_a_transaction(self) -> None:
        """A hole that retention did not make is nothing."""
        assert "davy.Breach" not in [name for name, _ in await self.told(0)]

    async def test_partitions_that_were_added_are_told_to_every_rollout_once(self) -> None:
        """Also to one that is applied later: keys go on lying elsewhere."""
        specs, out = MemorySpecs({"digits-v2": spec()}), MemoryWriter()
        context = context_of(out, specs, Settings(lateness_ms=0, future_ms=1 << 50))
        owner = SketchOwner(SOURCE, context, PREDICTIONS)
        first, second, third, *_ = batches(50)
        await owner.feed(first)
        context.counts.found({"outcomes": (4, 5)})
        await owner.feed(second)
        specs.apply(spec("other", route="other"))
        await owner.feed(third)
        await owner.flush()
        bodies = [body for name, body in out.bodies("panes") if name == "davy.Breach"]
        assert [body["rollout"] for body in bodies] == ["digits-v2", "other"]
        assert {(b["kind"], b["topic"], b["first"], b["last"]) for b in bodies} == {
            ("partitions_changed", "outcomes", 4, 5)
        }


class TestProgress:
    async def test_told_again_to_a_new_rollout(self) -> None:
        """A rollout's judge hears where a partition stands even if it stands still, or is idle."""
        out, specs = MemoryWriter(), MemorySpecs()
        owner = owner_of(out, specs, idle_ms=1)
        for batch in batches(120):
            await owner.feed(batch)
        await owner.flush()
        told = [body for name, body in out.bodies("panes") if name == "davy.Progress"]
        out.flushes.clear()
        specs.apply(spec())
        await owner._tick()
        again = out.bodies("panes")
        assert [name for name, _ in again] == ["davy.Activation"] + ["davy.Progress"] * 4
        assert again[-1][1] == told[-1]
