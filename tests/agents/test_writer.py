"""What an owner writes arrives, however large."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.agents.writer import OutRecord, PlainWriter, TransactionalWriter
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
