"""A tail delivers every record, and does not stop unseen."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from aiokafka import AIOKafkaProducer

from streams.agents import tail
from streams.agents.batch import Partition
from streams.agents.tail import LogTail
from streams.agents.writer import OutRecord, PlainWriter, TransactionalWriter
from streams.errors import LogError, RegistryError
from tests.agents.pipeline import Pipeline

if TYPE_CHECKING:
    from streams.demo.processes import Parts
    from tests.conftest import Broker


@pytest.fixture
def pipeline(tansu: str, prefix: str, parts: Parts) -> Pipeline:
    pipeline = Pipeline(tansu, prefix, parts)
    for number in range(3):
        pipeline.produce("rollouts", "r", str(number).encode(), partition=0)
    pipeline.settle()
    return pipeline


def log_tail(pipeline: Pipeline, sink: tail.Sink) -> LogTail:
    where = Partition(pipeline.settings.topic("rollouts"), 0)
    return LogTail(dict(pipeline.settings.aiokafka()), [where], sink)


class TestDelivery:
    async def test_a_silent_registry_costs_no_record(
        self, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What cannot be read now is brought again, in its order."""
        monkeypatch.setattr(tail, "STORE_RETRY_S", 0.01)
        delivered: list[bytes] = []
        silent = iter([False, True, True])

        def sink(_: Partition, record: Any) -> None:
            if next(silent, False):
                raise RegistryError("does not answer")
            delivered.append(record.value)

        reading = log_tail(pipeline, sink)
        try:
            await reading.start()
        finally:
            await reading.stop()
        assert delivered == [b"0", b"1", b"2"]

    async def test_an_end_is_seen(self, pipeline: Pipeline) -> None:
        """A tail that cannot go on says why, to whoever asks."""

        def sink(_: Partition, record: Any) -> None:
            raise ValueError(record.value)

        reading = log_tail(pipeline, sink)
        try:
            with pytest.raises(LogError):
                await reading.start()
            assert isinstance(reading.failure, ValueError)
        finally:
            await reading.stop()


class TestRange:
    async def test_a_part_of_a_log(self, broker: Broker, prefix: str, parts: Parts) -> None:
        """From an offset up to another; where a transaction ends there is no record to wait for."""
        pipeline = Pipeline(broker.bootstrap, prefix, parts)
        connection = dict(pipeline.settings.aiokafka())
        writer = (
            TransactionalWriter(connection, f"{prefix}range")
            if broker.transactional
            else PlainWriter(connection)
        )
        topic = pipeline.settings.topic("rollouts")
        await writer.start()
        try:
            for number in range(3):
                value = str(number).encode()
                await writer.write([OutRecord(topic=topic, key="r", value=value, partition=0)])
        finally:
            await writer.stop()
        where, end = Partition(topic, 0), 6 if broker.transactional else 3
        second = 2 if broker.transactional else 1

        async def values(start: int, end: int) -> list[bytes]:
            batches = tail.read_range(connection, where, start, end)
            return [record.value async for records in batches for record in records]

        assert await values(0, end) == [b"0", b"1", b"2"]
        assert await values(second, end + 100) == [b"1", b"2"]
        assert await values(0, second) == [b"0"]
        assert await values(end, end) == []


class TestAll:
    async def test_what_lies_behind_an_open_transaction_is_waited_for(
        self, kafka: str, prefix: str, parts: Parts
    ) -> None:
        """Two owners write to one partition: the flush of one may hang when the other loads."""
        pipeline = Pipeline(kafka, prefix, parts)
        connection = dict(pipeline.settings.aiokafka())
        hangs = AIOKafkaProducer(**connection, transactional_id=f"{prefix}hangs")
        goes = TransactionalWriter(connection, f"{prefix}goes")
        topic = pipeline.settings.topic("cells")
        await hangs.start()
        await goes.start()
        try:
            await hangs.begin_transaction()
            await hangs.send_and_wait(topic, b"open", key=b"k", partition=0)
            await goes.write([OutRecord(topic=topic, key="k", value=b"behind", partition=0)])
            reading = asyncio.create_task(tail.read_all(connection, Partition(topic, 0)))
            done, _ = await asyncio.wait([reading], timeout=2.0)
            assert not done
            await hangs.abort_transaction()
            assert [record.value for record in await reading] == [b"behind"]
        finally:
            await hangs.stop()
            await goes.stop()
