"""A worker that is told to stop ends in order and in time, whatever goes on around it."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import IsolationLevel, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from streams.demo.broker import start_tansu
from tests.agents.pipeline import Pipeline, Traffic, spec
from tests.agents.test_health import EVENTS, await_ready, folded, hanging, of_topic, values

if TYPE_CHECKING:
    from pathlib import Path

    from streams.demo.processes import Part, Parts

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

STOP_S = 90.0
"""Within which another worker has come, and this one has ended, on a busy machine too."""
PATIENT = {"session_timeout_s": 60.0}
RARELY = {"flush_ms": 3_600_000}
"""What was read is not durable before something closes, or the worker stops."""


FEW = 20


def await_read(pipeline: Pipeline, worker: Part, count: int) -> None:
    def read() -> bool:
        nexts = values(worker, "davy_worker_partition_next_offset")
        return of_topic(nexts, pipeline, "predictions") == count

    pipeline.eventually(read, what=f"{count} events read", parts=[worker])


def read_and_not_durable(pipeline: Pipeline, worker: Part) -> None:
    """Many events, then a few that close nothing."""
    start_ms = time.time_ns() // 1_000_000 - 60_000
    many = pipeline.publish(Traffic(seconds=10, seed=1).events(start_ms))
    await_read(pipeline, worker, many)
    pipeline.eventually(
        lambda: folded(pipeline) == many, what="a flush, as panes close", parts=[worker]
    )
    few = Traffic(seconds=0.2, rate=FEW / 0.2, seed=2).events(start_ms + 9700)
    await_read(pipeline, worker, many + pipeline.publish(few))
    assert folded(pipeline) == many == EVENTS


@pytest.mark.parametrize("moment", ["revoked", "assigned"])
def test_the_group_distributes_anew_meanwhile(
    moment: str, kafka: str, prefix: str, parts: Parts
) -> None:
    """It makes durable what it has, hands over, and ends; the next one folds nothing again."""
    pipeline = Pipeline(kafka, prefix, parts, **RARELY, **PATIENT)
    pipeline.apply(spec())
    leaving = hanging(pipeline, moment, "leaving")
    await_ready(pipeline, leaving)
    read_and_not_durable(pipeline, leaving)
    leaving.signal(signal.SIGTERM)
    pipeline.eventually(
        lambda: "waits for the group" in leaving.tail(400), what="its end begins", parts=[leaving]
    )
    coming = pipeline.worker("coming")
    assert leaving.wait(deadline_s=STOP_S) == 0
    assert folded(pipeline) == EVENTS + FEW
    await_ready(pipeline, coming)
    assert "Traceback" not in leaving.tail(400)


def test_the_broker_is_away(tmp_path: Path, prefix: str, parts: Parts) -> None:
    """It says that something is folded again later, and ends all the same."""
    broker = start_tansu(tmp_path)
    try:
        pipeline = Pipeline(broker.bootstrap, prefix, parts, **RARELY)
        pipeline.apply(spec())
        worker = pipeline.worker()
        await_ready(pipeline, worker)
        read_and_not_durable(pipeline, worker)
    finally:
        broker.part.kill()
    worker.signal(signal.SIGTERM)
    assert worker.wait(deadline_s=STOP_S) == 0
    assert "the rest is folded again by the next owner" in worker.tail(400)
    for hung in ("Where its threads stand", "CancelledError"):
        assert hung not in worker.tail(400)
    pipeline.producer.purge()


LONG = {"load_s": 600.0}
"""What is stored may take longer to be read than this test waits for the end."""
WRITTEN = ("cells", "panes", "judge-state", "decisions")


def open_transactions(pipeline: Pipeline) -> list[str]:
    """Partitions whose end readers of committed records do not see."""
    admin = AdminClient(pipeline.settings.confluent())
    names = [pipeline.settings.topic(topic) for topic in WRITTEN]
    asked = {TopicPartition(name, n): OffsetSpec.latest() for name in names for n in range(2)}
    committed, all_of_it = (
        {tp: told.result(30).offset for tp, told in found.items()}
        for found in (
            admin.list_offsets(asked, isolation_level=level)
            for level in (IsolationLevel.READ_COMMITTED, IsolationLevel.READ_UNCOMMITTED)
        )
    )
    return [f"{tp.topic}-{tp.partition}" for tp in asked if committed[tp] != all_of_it[tp]]


@pytest.mark.parametrize("moment", ["specs", "reading"])
def test_it_still_reads_what_is_stored(moment: str, kafka: str, prefix: str, parts: Parts) -> None:
    """It ends as soon as one that works, and what the one before left is there for the next."""
    pipeline = Pipeline(kafka, prefix, parts, **RARELY, **LONG)
    pipeline.apply(spec())
    before = pipeline.worker("before")
    await_ready(pipeline, before)
    start_ms = time.time_ns() // 1_000_000 - 60_000
    many = pipeline.publish(Traffic(seconds=10, seed=1).events(start_ms))
    await_read(pipeline, before, many)
    before.signal(signal.SIGTERM)
    assert before.wait(deadline_s=STOP_S) == 0
    reading = hanging(pipeline, moment, "reading")
    pipeline.eventually(
        lambda: "hangs" in reading.tail(400), what="a worker that reads", parts=[reading]
    )
    reading.signal(signal.SIGTERM)
    assert reading.wait(deadline_s=STOP_S) == 0
    for wrong in ("Traceback", "Where its threads stand", "left behind"):
        assert wrong not in reading.tail(400)
    assert open_transactions(pipeline) == []
    after = pipeline.worker("after")
    await_ready(pipeline, after)
    assert folded(pipeline) == many == EVENTS
