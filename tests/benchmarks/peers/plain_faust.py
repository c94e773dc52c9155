"""The peer: what one writes with Faust and fastavro, event by event, for the same result."""

from __future__ import annotations

import asyncio
import os

import faust
from faust.types import StreamT

from tests.benchmarks.peers.counting import Counts

app = faust.App(
    os.environ["PEER_GROUP"],
    broker=f"kafka://{os.environ['PEER_BOOTSTRAP']}",
    web_enabled=False,
    topic_allow_declare=False,
    topic_disable_leader=True,
    consumer_auto_offset_reset="earliest",
    broker_commit_interval=1.0,
    broker_max_poll_records=10_000,
)
predictions = app.topic(os.environ["PEER_TOPIC"], value_type=bytes, value_serializer="raw")
verdicts = app.topic(os.environ["PEER_VERDICTS"], value_type=bytes, value_serializer="raw")
counts = Counts()


@app.agent(predictions)
async def sketch(values: StreamT[bytes]) -> None:
    """Consume for ever."""
    async for value in values:
        counts.add(value)


@app.timer(1.0)  # type: ignore[untyped-decorator]
async def judge() -> None:
    """A verdict each second."""
    await verdicts.send(value=counts.verdict())


async def main() -> None:
    """Run until killed."""
    await app.start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
