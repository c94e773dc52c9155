"""What an owner writes arrives, however large."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING, Any

import pytest

from streams.agents.writer import OutRecord, PlainWriter, TransactionalWriter
from streams.errors import FencedError
from tests.agents.pipeline import Pipeline

if TYPE_CHECKING:
    from streams.demo.processes import Parts
    from tests.conftest import Broker


class TestWrite:
    async def test_state_of_several_megabytes(
        self, broker: Broker, prefix: str, parts: Parts
    ) -> None:
        """A judge with many panes on their way has a large state; it compresses well."""
        pipeline = Pipeline(broker.bootstrap, prefix, parts)
        connection = dict(pipeline.settings.aiokafka())
        writer = (
            TransactionalWriter(connection, f"{prefix}large")
            if broker.transactional
            else PlainWriter(connection)
        )
        large = b'{"counts":[0,1,0,0]}' * 200_000
        record = OutRecord(topic=f"{prefix}judge-state", key="r", value=large, partition=0)
        await writer.start()
        try:
            await writer.write([record])
        finally:
            await writer.stop()
        assert [message.value() for message in pipeline.raw("judge-state")] == [large]

    async def test_a_fenced_flush_is_told_once(self, kafka: str, prefix: str, parts: Parts) -> None:
        """Not by every record of it again; aiokafka's own word about a batch remains."""
        told: list[str] = []

        def tell(_: Any, context: dict[str, Any]) -> None:
            told.append(context["message"])

        asyncio.get_running_loop().set_exception_handler(tell)
        pipeline = Pipeline(kafka, prefix, parts)
        connection = dict(pipeline.settings.aiokafka())
        fenced, owner = (TransactionalWriter(connection, f"{prefix}owner") for _ in range(2))
        record = OutRecord(topic=f"{prefix}cells", key="k", value=b"v" * 200, partition=0)
        await fenced.start()
        await fenced.write([record])
        await owner.start()
        try:
            with pytest.raises(FencedError):
                await fenced.write([record] * 200)
        finally:
            await fenced.stop()
            await owner.stop()
        del fenced, owner
        gc.collect()
        assert len(told) <= 1
