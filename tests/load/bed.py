"""On what is load measured? An Apache Kafka and topics of its own, filled in another process."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from infra.rigs import kafka
from streams.demo.processes import Part, Parts
from tests.agents.pipeline import USUAL_FLUSH_MS, Pipeline

PARTITIONS = 4


@contextmanager
def bed() -> Iterator[tuple[str, Parts]]:
    """The address of a broker, and where parts are started; all of it ends with the block."""
    folder = Path(tempfile.mkdtemp(prefix="davy-load-"))
    try:
        with Parts(folder) as parts:
            broker = kafka.start(folder / "kafka")
            parts.keep(broker.part)  # before all others, so that it ends after them
            yield broker.bootstrap, parts
    finally:
        shutil.rmtree(folder)


def pipeline(bootstrap: str, parts: Parts, **settings: Any) -> Pipeline:
    """Topics that nobody used before."""
    usual = {
        "source_partitions": PARTITIONS,
        "rollout_partitions": PARTITIONS,
        "flush_ms": USUAL_FLUSH_MS,
        "lateness_ms": 2000,
        "idle_ms": 10_000,
    }
    return Pipeline(bootstrap, f"b{uuid.uuid4().hex[:8]}-", parts, **usual | settings)


def fill(
    pipeline: Pipeline,
    *,
    events: int,
    span_s: int,
    partition: int = -1,
    first: int = 0,
    strange: Sequence[str] = (),
    mixed: bool = False,
    country: str = "",
) -> Part:
    """Start to publish a backlog that ends now; see `tests.load.feeder`."""
    command = [sys.executable, "-m", "tests.load.feeder", "--bootstrap"]
    command += [pipeline.settings.bootstrap, "--topic", pipeline.settings.topic("predictions")]
    from_ms = time.time_ns() // 1_000_000 - span_s * 1000
    command += ["--from-ms", str(from_ms), "--span-ms", str(span_s * 1000)]
    command += ["--events", str(events), "--first", str(first), "--partition", str(partition)]
    command += ["--strange", *strange, *(["--mixed"] if mixed else []), "--country", country]
    return pipeline.parts.start(f"feeder-{pipeline.settings.prefix}{first}", command)


def streaming(pipeline: Pipeline, *, per_s: float, seconds: float) -> Part:
    """Start to publish events as they end, at a steady rate; see `tests.load.feeder`."""
    command = [sys.executable, "-m", "tests.load.feeder", "--bootstrap"]
    command += [pipeline.settings.bootstrap, "--topic", pipeline.settings.topic("predictions")]
    command += ["--per-s", str(per_s), "--seconds", str(seconds)]
    return pipeline.parts.start(f"stream-{pipeline.settings.prefix}", command)


def filled(pipeline: Pipeline, *feeders: Part, deadline_s: float = 1800) -> None:
    """Wait until all is published."""

    def ended() -> bool:
        return not any(feeder.running for feeder in feeders)

    pipeline.eventually(ended, what="the events", deadline_s=deadline_s)
    assert all(feeder.exit_code == 0 for feeder in feeders), [f.tail() for f in feeders]


def rss_kb(part: Part) -> int:
    """Memory that the process has resident now."""
    return _status_kb(part, "VmRSS")


def peak_mb(part: Part) -> float:
    """The most memory that the process had resident so far, MiB."""
    return _status_kb(part, "VmHWM") / 1024


def _status_kb(part: Part, field: str) -> int:
    lines = Path(f"/proc/{part.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field))


def published(flow: Pipeline) -> int:
    """How many predictions were ever published on these topics."""
    settings = flow.settings
    consumer = Consumer(settings.confluent(**{"group.id": "reader"}))
    topic, numbers = settings.topic("predictions"), range(settings.source_partitions)
    try:
        ends = [
            consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=10)[1]
            for number in numbers
        ]
    finally:
        consumer.close()
    return sum(ends)


def closed_through(flow: Pipeline) -> int:
    """The last pane that all partitions of `predictions` have closed; -1: not all told yet."""
    found: dict[bytes, int] = {}
    for message in flow.raw("panes"):
        key = message.key() or b""
        if key.startswith(b"progress/predictions/"):
            record = flow.codec.decode("panes", message.value())
            found[key] = record["body"][1]["closed_through"]
    return min(found.values()) if len(found) == flow.settings.source_partitions else -1


def total(flow: Pipeline, counter: str) -> int:
    """A counter of what was folded of `predictions`, over all partitions, as their markers tell."""
    found: dict[str, int] = {}
    for message, record in flow.read("cells"):
        source, partition, _ = (message.key() or b"").decode().split("/", 2)
        if record and (source, record["body"][0]) == ("predictions", "davy.Marker"):
            found[partition] = record["body"][1][counter]
    return sum(found.values())
