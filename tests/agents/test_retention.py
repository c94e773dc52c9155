"""Records that retention deletes before they are read are an alarm, and the stream goes on."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient
from faust.types import TP

from streams.agents.batch import Partition
from streams.agents.retention import Losses
from tests.agents.pipeline import Pipeline, Traffic, spec
from tests.agents.test_worker import await_activation, await_closed

if TYPE_CHECKING:
    from streams.demo.processes import Part, Parts

HERE, THERE = Partition("predictions", 0), Partition("predictions", 1)


class Log:
    """Where each partition begins now; remembers what it was asked."""

    def __init__(self, begins: Mapping[Partition, int]) -> None:
        self.begins = begins
        self.asked: list[Sequence[TP]] = []

    async def __call__(self, partitions: Sequence[TP]) -> Mapping[TP, int]:
        self.asked.append(partitions)
        return {tp: self.begins[Partition(*tp)] for tp in partitions}


class TestAsk:
    async def test_names_all_that_a_person_needs(self, caplog: pytest.LogCaptureFixture) -> None:
        """Topic, partition, both offsets and what to do; the untouched partition says nothing."""
        losses = Losses()
        moved = await losses.ask(Log({HERE: 500, THERE: 40}), {HERE: 100, THERE: 40})
        assert (moved, dict(losses.offsets)) == ({HERE: 500}, {HERE: 400})
        (told,) = caplog.messages
        assert "predictions-0: records deleted before they were read: offsets 100 to 499" in told
        assert "goes on at 500" in told
        assert "longer retention" in told

    async def test_each_stretch_once(self, caplog: pytest.LogCaptureFixture) -> None:
        """A rebuilt owner that seeks again does not count its loss again; a new loss counts."""
        losses, log = Losses(), Log({HERE: 500})
        for _ in range(2):
            await losses.ask(log, {HERE: 100})
        log.begins = {HERE: 900}
        await losses.ask(log, {HERE: 700})
        assert (losses.offsets[HERE], len(caplog.messages)) == (600, 2)

    async def test_a_beginner_asks_nothing(self) -> None:
        """What was deleted before the first marker was nobody's to read."""
        log = Log({HERE: 500})
        assert await Losses().ask(log, {HERE: 0}) == {}
        assert log.asked == []


class TestLook:
    async def test_a_broker_that_is_away_stops_nothing(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Not knowing is told too; nothing is raised into the reading."""
        done = asyncio.Event()

        async def away(_: Sequence[TP]) -> Mapping[TP, int]:
            done.set()
            raise ConnectionError("the broker is away")

        Losses().look(away, HERE, 100, 200)
        await done.wait()
        await asyncio.sleep(0)
        assert "not known whether" in caplog.text

    async def test_no_more_is_lost_than_the_hole(self) -> None:
        """What follows it was read, though the log begins behind that by now."""
        losses, log = Losses(), Log({HERE: 500})
        for start, end in ((100, 180), (300, 320)):
            losses.look(log, HERE, start, end)
            assert losses._look is not None
            await losses._look
        assert losses.offsets[HERE] == 80 + 20

    async def test_holes_wait_for_the_question_under_way(self) -> None:
        """However many there are: one request at a time, and none is forgotten."""
        losses, log, answer = Losses(), Log({HERE: 60, THERE: 0}), asyncio.Event()

        async def slow(partitions: Sequence[TP]) -> Mapping[TP, int]:
            await answer.wait()
            return await log(partitions)

        losses.look(slow, HERE, 10, 20)
        for start in range(30, 90, 10):
            losses.look(slow, HERE, start, start + 5)
            losses.look(slow, THERE, start, start + 5)
        answer.set()
        assert losses._look is not None
        await losses._look
        assert [len(partitions) for partitions in log.asked] == [2]
        assert losses.offsets == {HERE: 50}


def delete_below_end(pipeline: Pipeline) -> None:
    """What retention does to old segments, at once and for everything there is."""
    name = pipeline.settings.topic("predictions")
    admin = AdminClient(pipeline.settings.confluent())
    asked = [TopicPartition(name, n, -1) for n in range(pipeline.settings.source_partitions)]
    for done in admin.delete_records(asked).values():
        done.result(30)


def await_alarms(pipeline: Pipeline, worker: Part) -> None:
    def told() -> bool:
        count = worker.log.read_text().count("records deleted before they were read")
        return count == pipeline.settings.source_partitions

    pipeline.eventually(told, what="an alarm for each partition", parts=[worker])


@pytest.mark.timeout(180)
@pytest.mark.parametrize("follows", [True, False], ids=["events follow", "nothing follows"])
def test_marker_overtaken(kafka: str, prefix: str, parts: Parts, *, follows: bool) -> None:
    """A worker that comes back too late says what is gone, and goes on with what is left."""
    pipeline = Pipeline(kafka, prefix, parts, idle_ms=600_000 if follows else 500)
    pipeline.apply(spec())
    worker = pipeline.worker("before")
    await_activation(pipeline, worker)
    start = time.time_ns() // 1_000_000 - 20_000
    events = list(Traffic(seconds=18.0, rate=100).events(start))
    pipeline.publish(events[:600])
    await_closed(pipeline, (start + 3000) // 1000, worker)
    worker.signal(signal.SIGKILL)
    pipeline.eventually(lambda: not worker.running, what="the worker's end")
    firsts = markers(pipeline)
    pipeline.publish(events[600:1200])
    delete_below_end(pipeline)
    after = pipeline.worker("after")
    await_alarms(pipeline, after)
    if follows:
        pipeline.publish(events[1200:])
        await_closed(pipeline, (start + 16_000) // 1000, after)
    else:
        pipeline.eventually(
            lambda: len(idle_at_end(pipeline)) == pipeline.settings.source_partitions,
            what="idleness on every partition",
            parts=[after],
        )

    lost = breaches(pipeline)
    begins = [low_watermark(pipeline, n) for n in range(pipeline.settings.source_partitions)]
    assert lost == {(n, first, end - 1) for n, (first, end) in enumerate(zip(firsts, begins,
                    strict=True))}  # fmt: skip
    if follows:
        missing = sum(end - first for first, end in zip(firsts, begins, strict=True))
        whole = f"incomplete: records_lost: {missing} records of "
        pipeline.eventually(
            lambda: pipeline.decisions()[-1]["reason"].startswith(whole),
            what="a decision that knows of all partitions' losses",
            parts=[after],
        )
        told = pipeline.decisions()[-1]
        assert [c["observed"] for c in told["health"] if c["name"] == "log"] == [missing]


@pytest.mark.timeout(180)
def test_overtaken_while_it_reads(kafka: str, prefix: str, parts: Parts) -> None:
    """What a worker was about to fetch is gone, and nothing follows: told, and read to the end."""
    pipeline = Pipeline(kafka, prefix, parts, idle_ms=500)
    pipeline.apply(spec())
    worker = pipeline.worker()
    await_activation(pipeline, worker)
    start = time.time_ns() // 1_000_000 - 20_000
    events = list(Traffic(seconds=12.0, rate=100).events(start))
    pipeline.publish(events[:600])
    await_closed(pipeline, (start + 3000) // 1000, worker)
    worker.signal(signal.SIGSTOP)
    pipeline.publish(events[600:650])  # they answer a fetch that was under way
    pipeline.publish(events[650:])
    delete_below_end(pipeline)
    worker.signal(signal.SIGCONT)
    await_alarms(pipeline, worker)
    ends = [low_watermark(pipeline, n) for n in range(pipeline.settings.source_partitions)]
    pipeline.eventually(
        lambda: markers(pipeline) == ends, what="a marker at each end", parts=[worker]
    )
    assert [(n, last + 1) for n, _, last in sorted(breaches(pipeline))] == [*enumerate(ends)]
    pipeline.eventually(
        lambda: len(idle_at_end(pipeline)) == pipeline.settings.source_partitions,
        what="idleness on every partition",
        parts=[worker],
    )


def markers(pipeline: Pipeline) -> list[int]:
    """Where a restart would go on, by source partition."""
    found = {
        message.partition(): record["body"][1]["next_offset"]
        for message, record in pipeline.read("cells")
        if record
        and message.key().startswith(b"predictions/")
        and message.key().endswith(b"/marker")
    }
    return [found[n] for n in range(pipeline.settings.source_partitions)]


def breaches(pipeline: Pipeline) -> set[tuple[int, int, int]]:
    """Source partition, first and last offset of all that was told to be lost."""
    bodies = pipeline.bodies("davy.Breach")
    assert {body["kind"] for body in bodies} == {"records_lost"}
    return {(body["partition"], body["first"], body["last"]) for body in bodies}


def low_watermark(pipeline: Pipeline, partition: int) -> int:
    """First offset of `predictions` that is left."""
    reader = Consumer(pipeline.settings.confluent(**{"group.id": "reader"}))
    try:
        place = TopicPartition(pipeline.settings.topic("predictions"), partition)
        return reader.get_watermark_offsets(place, 10)[0]
    finally:
        reader.close()


def idle_at_end(pipeline: Pipeline) -> set[int]:
    """Source partitions whose newest progress says that nothing is left to read."""
    newest: dict[int, bool] = {}
    for _, record in pipeline.read("panes"):
        kind, body = record["body"]
        if (kind, record["source"]) == ("davy.Progress", "predictions"):
            newest[record["source_partition"]] = body["idle"]
    return {partition for partition, idle in newest.items() if idle}
