"""The peer: what one writes with Faust and fastavro, event by event, for the same result.

Per pane and arm: requests, errors, a log histogram of latency, class counts. When it has seen
`PEER_EVENTS` events it writes its totals to `PEER_OUT`.
"""

from __future__ import annotations

import asyncio
import io
import json
import math
import os
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import fastavro
import faust

SCHEMA = fastavro.parse_schema(json.loads(Path("schemas/prediction.avsc").read_text()))
ARMS = {"v1": "baseline", "v2": "candidate"}
LOG_GAMMA = math.log(1.01 / 0.99)

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

requests: Counter[tuple[int, str]] = Counter()
errors: Counter[tuple[int, str]] = Counter()
latency: defaultdict[tuple[int, str], Counter[int]] = defaultdict(Counter)
classes: defaultdict[tuple[int, str], Counter[str]] = defaultdict(Counter)


def count(value: bytes) -> None:
    """Add one event."""
    event: dict[str, Any] = fastavro.schemaless_reader(
        io.BytesIO(value[5:]), SCHEMA, None, return_record_name=False
    )
    arm = ARMS.get(event["model_version"])
    if arm is None:
        return
    key = (int(event["completed_at"].timestamp()), arm)
    requests[key] += 1
    if event["status"] != "OK":
        errors[key] += 1
    latency[key][math.ceil(math.log(max(event["latency_ms"], 1e-3)) / LOG_GAMMA)] += 1
    if event["predicted_class"] is not None:
        classes[key][event["predicted_class"]] += 1


@app.agent(predictions)
async def sketch(values: AsyncIterator[bytes]) -> None:
    """Consume for ever; say when all events are counted."""
    seen = 0
    async for value in values:
        count(value)
        seen += 1
        if seen == int(os.environ["PEER_EVENTS"]):
            write_totals()


def write_totals() -> None:
    """Totals by arm, for the comparison with davy's panes."""
    totals = {
        arm: {
            "exposures": sum(n for (_, a), n in requests.items() if a == arm),
            "errors": sum(n for (_, a), n in errors.items() if a == arm),
        }
        for arm in ARMS.values()
    }
    Path(os.environ["PEER_OUT"]).write_text(json.dumps(totals, sort_keys=True))


async def main() -> None:
    """Run until killed."""
    await app.start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
